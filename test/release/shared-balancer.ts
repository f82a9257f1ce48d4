/** A load balancer as a company shares it: three listeners, rules of every kind, and four among them that carry the pair. */
import type { Action, Listener, Rule, RuleCondition } from '@aws-sdk/client-elastic-load-balancing-v2';
import { eventually, FIXED, forward, HEALTHY, type Lab, says } from '../sandbox/load-balancing.ts';
import { openRouting, type Routing, SIGN_IN } from './traffic-lab.ts';

export interface SharedBalancer extends Routing {
  readonly listeners: readonly string[];
  /** ARNs of the rules that carry exactly the pair. */
  readonly paired: Readonly<Record<'default' | 'sticky' | 'signedIn' | 'byPath', string>>;
  /** Everything that AWS says of the load balancer, its listeners, rules and target groups. */
  everything(): Promise<Everything>;
}

export interface Everything {
  readonly rules: readonly Rule[];
  readonly listeners: readonly Listener[];
  /** What no route has any business with. */
  readonly others: unknown;
}

/** @param foreign rules that do not carry the pair, two default ones among them. */
export async function openShared(lab: Lab, foreign: number): Promise<SharedBalancer> {
  const { elb } = lab;
  const groups = await Promise.all(Array.from({ length: 5 }, () => lab.targetGroup()));
  const [primary = '', canary = '', one = '', two = ''] = groups;
  const loadBalancer = await lab.loadBalancer();
  const first = await lab.quietListener(loadBalancer, [forward([primary, 100], [canary, 0])], 443);
  const second = await lab.quietListener(loadBalancer, [FIXED], 8443);
  const third = await lab.quietListener(loadBalancer, [REDIRECT], 9443);
  const listeners = [first, second, third];
  const rule = async (ListenerArn: string, Priority: number, Conditions: RuleCondition[], ...Actions: Action[]) => {
    const Tags = [{ Key: 'team', Value: `team-${Priority % 5}` }];
    return (await elb.createRule({ ListenerArn, Priority, Conditions, Actions, Tags })).Rules?.[0]?.RuleArn ?? '';
  };

  const others = foreignActions(primary, canary, one, two);
  for (let index = 0; index < foreign - 2; index++) {
    await rule(listeners[index % 3] ?? '', 100 + index, CONDITIONS.map((condition) => condition(index))[index % CONDITIONS.length] ?? [], ...(others[index % others.length] ?? []));
  }
  const { Rules: [byDefault] = [] } = await elb.describeRules({ ListenerArn: first });
  const paired = {
    default: byDefault?.IsDefault ? (byDefault.RuleArn ?? '') : await defaultRule(lab, first),
    sticky: await rule(second, 900, host('harbour.example'), sticky([canary, 0], [primary, 100])),
    signedIn: await rule(third, 910, host('admin.example'), { ...SIGN_IN, Order: 1 }, { ...forward([primary, 100], [canary, 0]), Order: 2 }),
    byPath: await rule(third, 950, path('/harbour/*'), forward([primary, 100], [canary, 0])),
  };
  await elb.modifyTargetGroupAttributes({ TargetGroupArn: one, Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '17' }] });
  await elb.addTags({ ResourceArns: [loadBalancer, first, primary], Tags: [{ Key: 'owner', Value: 'harbour' }] });
  for (const group of [primary, canary]) {
    const target = await lab.target(group, says('here'));
    await eventually(() => lab.health(group, target), HEALTHY);
  }

  return {
    ...(await openRouting(lab, { primary, canary })),
    listeners,
    paired,
    async everything() {
      const rules = (await Promise.all(listeners.map((arn) => rulesOf(lab, arn)))).flat();
      const arns = [loadBalancer, ...listeners, ...groups, ...rules.flatMap(({ RuleArn }) => RuleArn ?? [])];
      const batches = Array.from({ length: Math.ceil(arns.length / 20) }, (_, index) => arns.slice(20 * index, 20 * index + 20));
      return {
        rules,
        listeners: (await Promise.all(listeners.map((arn) => elb.describeListeners({ ListenerArns: [arn] })))).flatMap(({ Listeners = [] }) => Listeners),
        others: await Promise.all([
          elb.describeLoadBalancers({ LoadBalancerArns: [loadBalancer] }).then(({ LoadBalancers }) => LoadBalancers),
          elb.describeLoadBalancerAttributes({ LoadBalancerArn: loadBalancer }).then(({ Attributes }) => Attributes),
          ...listeners.map((ListenerArn) => elb.describeListenerAttributes({ ListenerArn }).then(({ Attributes }) => Attributes)),
          ...groups.map((arn) => elb.describeTargetGroups({ TargetGroupArns: [arn] }).then(({ TargetGroups }) => TargetGroups)),
          ...groups.map((TargetGroupArn) => elb.describeTargetGroupAttributes({ TargetGroupArn }).then(({ Attributes }) => Attributes)),
          ...groups.map((TargetGroupArn) => elb.describeTargetHealth({ TargetGroupArn }).then(({ TargetHealthDescriptions }) => TargetHealthDescriptions)),
          ...batches.map((ResourceArns) => elb.describeTags({ ResourceArns }).then(({ TagDescriptions }) => TagDescriptions)),
        ]),
      };
    },
  };
}

async function defaultRule(lab: Lab, listener: string): Promise<string> {
  return (await rulesOf(lab, listener)).find(({ IsDefault }) => IsDefault)?.RuleArn ?? '';
}

async function rulesOf({ elb }: Lab, ListenerArn: string): Promise<Rule[]> {
  const found: Rule[] = [];
  let Marker: string | undefined;
  do {
    const page = await elb.describeRules({ ListenerArn, Marker });
    found.push(...(page.Rules ?? []));
    Marker = page.NextMarker;
  } while (Marker);
  return found;
}

const path = (...Values: string[]): RuleCondition[] => [{ Field: 'path-pattern', PathPatternConfig: { Values } }];
const host = (...Values: string[]): RuleCondition[] => [{ Field: 'host-header', HostHeaderConfig: { Values } }];

const CONDITIONS: ((index: number) => RuleCondition[])[] = [
  (index) => path(`/${index}/*`),
  (index) => host(`${index}.example`, `*.${index}.example`),
  (index) => [{ Field: 'http-header', HttpHeaderConfig: { HttpHeaderName: 'X-Tenant', Values: [`tenant-${index}*`] } }],
  (index) => [{ Field: 'query-string', QueryStringConfig: { Values: [{ Key: 'tenant', Value: `${index}` }] } }],
  (index) => [{ Field: 'source-ip', SourceIpConfig: { Values: [`10.1.${index}.0/24`] } }],
  (index) => [...path(`/method/${index}`), { Field: 'http-request-method', HttpRequestMethodConfig: { Values: ['GET', 'HEAD'] } }],
];

const REDIRECT: Action = { Type: 'redirect', RedirectConfig: { Protocol: 'HTTPS', Port: '443', Host: '#{host}', Path: '/new/#{path}', Query: '#{query}', StatusCode: 'HTTP_302' } };

const COGNITO: Action = {
  Type: 'authenticate-cognito',
  AuthenticateCognitoConfig: { UserPoolArn: 'arn:aws:cognito-idp:eu-central-1:000000000000:userpool/p', UserPoolClientId: 'c', UserPoolDomain: 'd' },
};

/** Everything but the pair and nothing else: parts of it, more than it, others' pairs, and no forward at all. */
function foreignActions(primary: string, canary: string, one: string, two: string): Action[][] {
  return [
    [forward([primary, 1])],
    [forward([canary, 1])],
    [forward([primary, 50], [canary, 30], [one, 20])],
    [forward([one, 60], [two, 40])],
    [forward([primary, 90], [one, 10])],
    [sticky([two, 5], [one, 995])],
    [REDIRECT],
    [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '418', ContentType: 'text/plain', MessageBody: '<tea> & "pots"' } }],
    [{ ...COGNITO, Order: 1 }, { ...forward([one, 1]), Order: 2 }],
    [{ ...SIGN_IN, Order: 1 }, { ...forward([two, 100], [canary, 0]), Order: 2 }],
  ];
}

function sticky(...groups: [arn: string, weight: number][]): Action {
  const action = forward(...groups);
  return { ...action, ForwardConfig: { ...action.ForwardConfig, TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 777 } } };
}
