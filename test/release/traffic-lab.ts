/** Two target groups behind a load balancer that other people's rules use too, and the way to route between them. */
import type { Action, Rule } from '@aws-sdk/client-elastic-load-balancing-v2';
import { connectAws } from '../../src/aws/aws.ts';
import { unexpected } from '../../src/aws/connect.ts';
import { CanaryError } from '../../src/errors.ts';
import type { ProgressEvent } from '../../src/progress/events.ts';
import type { Pair } from '../../src/release/model.ts';
import { prepareRouteGroups, type Prepared, type RouteResult, type Session } from '../../src/release/operations.ts';
import { type FaultyEndpoint, faultyEndpoint } from '../faulty-endpoint.ts';
import { fakeClock } from '../fake-clock.ts';
import { eventually, FIXED, forward, HEALTHY, type Lab, says } from '../sandbox/load-balancing.ts';
import type { Clock } from '../../src/time.ts';

const REGION = 'eu-central-1';

/** Names of the rules that carry the pair, in the order in which they are written. */
export const PAIRED = ['signed-in', 'default', 'plain'] as const;

/** The way to route between two target groups, through an endpoint that misbehaves on order. */
export interface Routing {
  readonly endpoint: FaultyEndpoint;
  readonly pair: Pair;
  readonly events: ProgressEvent[];
  prepare(percent: number, options?: RouteOptions): Promise<Prepared<RouteResult>>;
  /** Observes, plans and applies. */
  route(percent: number, options?: RouteOptions): Promise<RouteResult>;
  /** The error that a route ends with; undefined when it did its work. */
  failure(percent: number, options?: RouteOptions): Promise<CanaryError | undefined>;
  /** Calls so far that change something. */
  writes(): FaultyEndpoint['calls'];
  end(): Promise<void>;
}

export interface TrafficLab extends Routing {
  /** ARNs of the rules that carry exactly the pair. */
  readonly paired: Readonly<Record<(typeof PAIRED)[number], string>>;
  /** ARNs of the rules that do not, by what they do instead. */
  readonly others: Readonly<Record<'oneGroup' | 'threeGroups' | 'fixed' | 'secondDefault', string>>;
  /** Everything that AWS says of every rule of the load balancer. */
  rules(): Promise<Rule[]>;
  /** Weight of the canary's group in each rule of the pair. */
  canary(): Promise<number[]>;
  /** Another run, or another person, changes a rule of the pair. */
  meddle(rule: (typeof PAIRED)[number], percent: number): Promise<void>;
}

export interface RouteOptions {
  readonly force?: boolean;
  readonly scope?: readonly string[];
  readonly acceptDrift?: boolean;
  /** ms */
  readonly settle?: number;
  readonly by?: string;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

/** @param healthy healthy targets of the two groups. */
export async function openTraffic(lab: Lab, healthy: { primary: number; canary: number } = { primary: 1, canary: 1 }): Promise<TrafficLab> {
  const [primary, canary, third] = [await lab.targetGroup(), await lab.targetGroup(), await lab.targetGroup()];
  const pair = { primary, canary };
  const even = forward([primary, 100], [canary, 0]);
  const loadBalancer = await lab.loadBalancer();
  const first = await lab.quietListener(loadBalancer, [even]);
  const second = await lab.quietListener(loadBalancer, [FIXED], 8443);
  const rule = async (ListenerArn: string, Priority: number, ...Actions: Action[]) => {
    const Conditions = [{ Field: 'path-pattern', Values: [`/${Priority}/*`] }];
    return (await lab.elb.createRule({ ListenerArn, Priority, Conditions, Actions })).Rules?.[0]?.RuleArn ?? '';
  };
  const signedIn = await rule(first, 10, { ...SIGN_IN, Order: 1 }, { ...sticky(canary, primary), Order: 2 });
  const oneGroup = await rule(first, 20, forward([primary, 7]));
  const threeGroups = await rule(second, 10, forward([primary, 1], [canary, 2], [third, 3]));
  const fixed = await rule(second, 20, FIXED);
  const plain = await rule(second, 30, even);
  const defaultOf = async (ListenerArn: string) => (await lab.elb.describeRules({ ListenerArn })).Rules?.find(({ IsDefault }) => IsDefault)?.RuleArn ?? '';
  const paired = { default: await defaultOf(first), 'signed-in': signedIn, plain };

  for (const [group, count] of [[primary, healthy.primary], [canary, healthy.canary]] as const) {
    for (let index = 0; index < count; index++) {
      const target = await lab.target(group, says('here'));
      await eventually(() => lab.health(group, target), HEALTHY);
    }
  }

  return {
    ...(await openRouting(lab, pair)),
    paired,
    others: { oneGroup, threeGroups, fixed, secondDefault: await defaultOf(second) },
    async rules() {
      const both = await Promise.all([first, second].map((ListenerArn) => lab.elb.describeRules({ ListenerArn })));
      return both.flatMap(({ Rules = [] }) => Rules);
    },
    async canary() {
      const { Rules = [] } = await lab.elb.describeRules({ RuleArns: Object.values(paired) });
      return PAIRED.map((name) => {
        const groups = Rules.find(({ RuleArn }) => RuleArn === paired[name])?.Actions?.at(-1)?.ForwardConfig?.TargetGroups;
        return groups?.find(({ TargetGroupArn }) => TargetGroupArn === canary)?.Weight ?? -1;
      });
    },
    async meddle(name, percent) {
      const actions = [forward([primary, 100 - percent], [canary, percent])];
      if (name === 'default') await lab.elb.modifyListener({ ListenerArn: first, DefaultActions: actions });
      else await lab.elb.modifyRule({ RuleArn: paired[name], Actions: actions });
    },
  };
}

/** Between any two groups of the lab. */
export async function openRouting(lab: Lab, pair: Pair): Promise<Routing> {
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  const endpoint = await faultyEndpoint(lab.sandbox.url);
  const events: ProgressEvent[] = [];
  const session = ({ by = 'someone@here', clock = fakeClock(), signal = new AbortController().signal }: RouteOptions): Session => ({
    // Each run is a program of its own: one that was throttled must not slow the next one down.
    aws: connectAws({ region: REGION, endpointUrl: endpoint.url }),
    progress: (event) => events.push(event),
    wait: () => ({ clock, signal, deadline: clock.now() + 60_000, pollInterval: 2_000 }),
    author: { by, command: 'route', host: by.slice(by.indexOf('@') + 1), pid: process.pid },
    dryRun: false,
  });
  const prepare = (percent: number, options: RouteOptions = {}) =>
    prepareRouteGroups(session(options), pair, { percent, force: options.force, settle: options.settle ?? 0, scope: options.scope, acceptDrift: options.acceptDrift ?? false });
  const route = async (percent: number, options?: RouteOptions) => (await prepare(percent, options)).run();

  return {
    endpoint,
    pair,
    events,
    prepare,
    route,
    failure: (percent, options) => route(percent, options).then(() => undefined, asReported),
    writes: () => endpoint.calls.filter(({ operation }) => /^(Put|Modify|Delete|Create|Set)/.test(operation)),
    end: () => endpoint.close(),
  };
}

/** As the program reports what its core threw. */
function asReported(thrown: unknown): CanaryError {
  const error = unexpected(thrown);
  if (error instanceof CanaryError) return error;
  throw error;
}

export const SIGN_IN: Action = {
  Type: 'authenticate-oidc',
  AuthenticateOidcConfig: {
    Issuer: 'https://id.example',
    AuthorizationEndpoint: 'https://id.example/authorize',
    TokenEndpoint: 'https://id.example/token',
    UserInfoEndpoint: 'https://id.example/user',
    ClientId: 'harbour',
    ClientSecret: 'secret',
    SessionTimeout: 3_600,
  },
};

/** The pair in the other order, with clients that stay with their group. */
function sticky(canary: string, primary: string): Action {
  const action = forward([canary, 0], [primary, 100]);
  return { ...action, ForwardConfig: { ...action.ForwardConfig, TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 777 } } };
}
