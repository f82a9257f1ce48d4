/** The commands that are tortured: what they start from, and where they must arrive however often they were cut off. */
import { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2';
import { SSM } from '@aws-sdk/client-ssm';
import { pairOf } from './checker.ts';
import { type Lane, OLD } from './lane.ts';
import { comeToRest, HELD, type Rest } from './rest.ts';
import { HOSTS } from './users.ts';
import { look, REGION } from './view.ts';

export const NEW = '1.0';

export interface Scenario {
  /** As it is named in the table and with `--command`. */
  readonly name: string;
  readonly args: readonly string[];
  readonly from: State;
  /** Undefined where no infrastructure is left to ask about. */
  readonly to: Rest | undefined;
  /** Besides 0, what a command may say that is run again after it had done everything. */
  readonly alsoWhenDone?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Nobody is served from the beginning to the end. */
  readonly withoutUsers?: boolean;
}

export type State = 'empty' | 'infra' | 'alone' | 'primary' | 'pushed' | 'canary' | 'half' | 'promoted' | 'held';

const update = ['update', '.', '--tag', NEW, '--steps', '50,100'] as const;

export const SCENARIOS: readonly Scenario[] = [
  { name: 'update', args: [...update, '--destroy-old'], from: 'primary', to: { state: 'primary', primary: NEW } },
  { name: 'update (first)', args: ['update', '.', '--tag', OLD], from: 'infra', to: { state: 'primary', primary: OLD }, withoutUsers: true },
  { name: 'push', args: ['push', '.', '--tag', NEW], from: 'primary', to: { state: 'primary', primary: OLD } },
  { name: 'rollout', args: ['rollout', '--tag', NEW], from: 'pushed', to: { state: 'primary+canary', primary: OLD, other: NEW, otherWeight: 0 } },
  { name: 'route', args: ['route', '--canary', '50'], from: 'canary', to: { state: 'primary+canary', primary: OLD, other: NEW, otherWeight: 50 } },
  { name: 'promote', args: ['promote'], from: 'half', to: { state: 'primary+old', primary: NEW, other: OLD, otherWeight: 0 }, alsoWhenDone: 1 },
  { name: 'rollback (canary at 50 %)', args: ['rollback'], from: 'half', to: { state: 'primary+old', primary: OLD, other: NEW, otherWeight: 0 } },
  { name: 'rollback (after a promotion)', args: ['rollback'], from: 'promoted', to: { state: 'primary+old', primary: OLD, other: NEW, otherWeight: 0 } },
  { name: 'destroy-old', args: ['destroy-old', '--yes'], from: 'promoted', to: { state: 'primary', primary: NEW } },
  { name: 'unlock', args: ['unlock', '--yes'], from: 'held', to: { state: 'primary+canary', primary: OLD, other: NEW, otherWeight: 50 } },
  { name: 'build-infra (empty account)', args: ['build-infra'], from: 'empty', to: { state: 'nothing' }, withoutUsers: true },
  { name: 'build-infra (existing)', args: ['build-infra'], from: 'half', env: { DEREGISTRATION_DELAY: '11' }, to: { state: 'primary+canary', primary: OLD, other: NEW, otherWeight: 50 } },
  { name: 'build-infra --change-set', args: ['build-infra', '--change-set'], from: 'half', env: { DEREGISTRATION_DELAY: '11' }, to: { state: 'primary+canary', primary: OLD, other: NEW, otherWeight: 50 } },
  { name: 'destroy-infra', args: ['destroy-infra', '--yes'], from: 'alone', to: undefined, withoutUsers: true },
];

/** How each state is reached from another one: as an operator would. */
const MAKING: Readonly<Record<State, { readonly from?: State; readonly make: (lane: Lane) => Promise<void> }>> = {
  empty: { make: async () => undefined },
  infra: { from: 'empty', make: (lane) => must(lane, ['build-infra']) },
  alone: { from: 'infra', make: (lane) => must(lane, ['update', '.', '--tag', OLD]) },
  primary: { from: 'alone', make: addNeighbours },
  pushed: { from: 'primary', make: (lane) => must(lane, ['push', '.', '--tag', NEW]) },
  canary: { from: 'pushed', make: (lane) => must(lane, ['rollout', '--tag', NEW]) },
  half: { from: 'canary', make: (lane) => must(lane, ['route', '--canary', '50']) },
  promoted: { from: 'half', make: (lane) => must(lane, ['promote']) },
  held: { from: 'half', make: killOnceHeld },
};

/** ms. A lock that was not renewed for ten minutes is none any more: the state of a pair that is held does not keep. */
const HELD_FOR = 5 * 60_000;

/** Puts the lane into a state; the first time by getting there, later from what was kept. */
export async function putInto(lane: Lane, state: State): Promise<void> {
  if (!lane.has(state, state === 'held' ? HELD_FOR : undefined)) {
    const { from, make } = MAKING[state];
    if (from) await putInto(lane, from);
    await make(lane);
    await lane.save(state);
  }
  await lane.restore(state);
  await requireRest(lane, state);
}

/** Waits until what was started again with the sandbox is there again. */
async function requireRest(lane: Lane, state: State | undefined): Promise<void> {
  const found = await comeToRest(lane, state === 'held' ? [HELD] : []);
  if (found.length > 0) throw new Error(`${state} does not come to rest: ${found.join('; ')}`);
}

async function must(lane: Lane, args: readonly string[]): Promise<void> {
  const { code, stderr, violations } = await lane.run(args, { version: args.at(-1) });
  if (code !== 0 || violations.length > 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}${violations.join('\n')}`);
}

/** A second rule of an owner's own that carries the pair, and what must never be touched: somebody else's rule and log. */
async function addNeighbours(lane: Lane): Promise<void> {
  const connection = { region: REGION, endpoint: lane.sandbox.url, credentials: { accessKeyId: 'owner', secretAccessKey: 'owner' } };
  const [elb, ssm] = [new ElasticLoadBalancingV2(connection), new SSM(connection)];
  const view = await look(lane.sandbox);
  const blue = [...(view.services.get('server-blue')?.groups ?? [])][0];
  const [arn] = [...view.rules].find(([, { weights }]) => weights.size === 2) ?? [];
  const ListenerArn = arn?.replace(/:listener-rule\/(.*)\/[^/]*$/, ':listener/$1');
  const pair = pairOf(view).map((TargetGroupArn) => ({ TargetGroupArn, Weight: TargetGroupArn === blue ? 100 : 0 }));
  const Conditions = (host: string) => [{ Field: 'host-header', Values: [host] }];
  await elb.createRule({ ListenerArn, Priority: 10, Conditions: Conditions(HOSTS[1]), Actions: [{ Type: 'forward', ForwardConfig: { TargetGroups: pair } }] });
  const { TargetGroups = [] } = await elb.createTargetGroup({ Name: 'strange', Protocol: 'HTTP', Port: 80, VpcId: 'vpc-strange', TargetType: 'ip' });
  await elb.createRule({ ListenerArn, Priority: 11, Conditions: Conditions('strange.example'), Actions: [{ Type: 'forward', TargetGroupArn: TargetGroups[0]?.TargetGroupArn }] });
  await ssm.putParameter({ Name: '/ecs-canary/strange/1', Value: 'not yours', Type: 'String' });
}

/** A promotion that is killed right after it has made its entry in the release log. */
async function killOnceHeld(lane: Lane): Promise<void> {
  const whole = await lane.run(['promote', '--dry-run']);
  for (let call = whole.calls.length; ; call++) {
    await lane.restore('half');
    await requireRest(lane, 'half');
    const { hit } = await lane.run(['promote'], { order: { call, when: 'after' } });
    if (!hit) throw new Error('promote ended without an entry in the release log');
    if (hit.operation === 'PutParameter') return;
  }
}
