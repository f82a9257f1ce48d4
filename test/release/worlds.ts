/** A service in every state that AWS can show it in, for properties of the way back. */
import fc from 'fast-check';
import type { EcsService } from '../../src/aws/ecs.ts';
import type { Target } from '../../src/aws/elbv2.ts';
import { type LogEntry, weightsBefore } from '../../src/release/log-entry.ts';
import { type Colour, type ColourState, type State, otherColour } from '../../src/release/model.ts';
import { groups, place, stateOf, version } from './states.ts';

type TargetState = Target['state'];
type Weights = readonly [blue: number, green: number];

interface ServiceGiven {
  readonly status: 'ACTIVE' | 'DRAINING';
  /** Tasks wanted, and how many of them run or are on their way. */
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
  readonly revision: number;
  readonly createdAt: number;
  /** Steered by somebody else, or made by them. */
  readonly foreign: 'no' | 'controller' | 'tag';
}

const serviceGiven: fc.Arbitrary<ServiceGiven> = fc.record({
  status: fc.constantFrom('ACTIVE', 'ACTIVE', 'ACTIVE', 'ACTIVE', 'DRAINING'),
  desired: fc.constantFrom(0, 0, 1, 2, 3),
  running: fc.nat(3),
  pending: fc.nat(2),
  revision: fc.nat(3),
  createdAt: fc.nat(3),
  foreign: fc.constantFrom('no', 'no', 'no', 'no', 'no', 'controller', 'tag'),
});

/** Undefined for one that was never made, was deleted, or is INACTIVE: AWS's answer is the same to us. */
const colourGiven = fc.record({
  service: fc.option(serviceGiven, { nil: undefined, freq: 6 }),
  targets: fc.array(fc.constantFrom<TargetState>('healthy', 'healthy', 'healthy', 'unhealthy', 'initial', 'unused', 'draining', 'unavailable'), { maxLength: 4 }),
});

const PLAIN: readonly Weights[] = [[100, 0], [0, 100], [50, 50], [0, 0], [1, 1], [999, 0], [0, 999], [999, 1], [1, 3], [75, 25]];
const weightsGiven: fc.Arbitrary<Weights> = fc.oneof(fc.constantFrom(...PLAIN), fc.tuple(fc.nat(999), fc.nat(999)));

const ruleGiven = fc.record({
  weights: weightsGiven,
  stickiness: fc.constantFrom(undefined, undefined, undefined, 60),
  /** The groups stand in a rule in either order. */
  swapped: fc.boolean(),
});

/** Each rule with weights of its own, as a change leaves them that was cut off, or all with the same. */
const rulesGiven = fc.oneof(
  { weight: 3, arbitrary: fc.array(ruleGiven, { maxLength: 4 }) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom(...PLAIN.slice(0, 3)), fc.array(ruleGiven, { minLength: 1, maxLength: 3 })).map(([weights, rules]) => rules.map((rule) => ({ ...rule, weights }))) },
);

const ROLES = ['canary', 'canary', 'replaced', 'replaced', 'rolled-back', undefined] as const;

const entryGiven = fc.record({
  primary: fc.constantFrom<Colour>('blue', 'green'),
  role: fc.constantFrom(...ROLES),
  /** An earlier run was told to destroy the other one. */
  destroyed: fc.constantFrom(undefined, undefined, true),
  percent: fc.constantFrom(0, 0, 5, 25, 50, 100),
  tasks: fc.nat(4),
  /** What it remembers of the weights: those of now, those before a change that was cut off, of rules that are gone, none. */
  before: fc.constantFrom('now', 'all away', 'gone', 'none'),
  scope: fc.constantFrom(undefined, undefined, undefined, 'first'),
  stickiness: fc.constantFrom(undefined, undefined, 120),
  reached: fc.constantFrom(undefined, true),
});

export interface World {
  readonly state: State;
  /** What every step may be too late for: a record that AWS refuses, since the log cannot be written. */
  readonly writable: boolean;
}

export const anyWorld: fc.Arbitrary<World> = fc
  .record({
    blue: colourGiven,
    green: colourGiven,
    rules: rulesGiven,
    log: fc.oneof(
      { weight: 8, arbitrary: fc.array(entryGiven, { minLength: 1, maxLength: 3 }) },
      // Nobody ever wrote one, or it went with a project whose target groups had other ARNs.
      { weight: 2, arbitrary: fc.constant([]) },
      // Denied, unreachable, throttled, or the newest entry is damaged.
      { weight: 3, arbitrary: fc.constant(undefined) },
    ),
    unknown: fc.constantFrom(...Array<undefined>(8).fill(undefined), 'rules', 'health', 'services', 'health and services'),
    writable: fc.boolean(),
  })
  .map(({ blue, green, rules, log, unknown, writable }) => {
    const unheard = unknown?.includes('services') ?? false;
    const unseen = unknown?.includes('health') ?? false;
    const made = stateOf({ rules: rules.map(({ weights }) => weights) });
    const listenerRules = made.rules.map((rule, index) => {
      const { stickiness, swapped } = rules[index] ?? {};
      return { ...rule, stickiness, forward: swapped ? rule.forward?.toReversed() : rule.forward };
    });
    const state: State = {
      ...made,
      rules: listenerRules,
      colours: { blue: colourOf('blue', unheard ? undefined : blue.service), green: colourOf('green', unheard ? undefined : green.service) },
      targets: unseen ? new Map() : new Map([[groups.blue, targetsOf(blue.targets)], [groups.green, targetsOf(green.targets)]]),
      log: log?.map((entry, index) => entryOf(entry, index + 1, listenerRules)),
      ...(unknown === 'rules' && { undiscovered: 'the listener rules could not be searched' }),
      ...(unseen && { healthUnknown: 'the health of the targets could not be read' }),
      ...(unheard && { tasksUnknown: 'the ECS services could not be read' }),
    };
    return { state, writable };
  });

function colourOf(colour: Colour, given: ServiceGiven | undefined): ColourState {
  return { colour, targetGroup: groups[colour], service: given && serviceOf(colour, given), version: given && version(colour === 'blue' ? '0.9' : '1.0'), strangers: [] };
}

function serviceOf(colour: Colour, { status, desired, running, pending, revision, createdAt, foreign }: ServiceGiven): EcsService {
  return {
    name: `server-${colour}`,
    status,
    controller: foreign === 'controller' ? 'CODE_DEPLOY' : 'ECS',
    strategy: 'ROLLING',
    taskDefinition: `arn:aws:ecs:eu-west-1:123456789012:task-definition/echo-server:${revision}`,
    desired: status === 'DRAINING' ? 0 : desired,
    running: Math.min(running, desired),
    pending,
    targetGroupArns: [groups[colour]], endpoint: undefined, subnets: [],
    deployment: { id: `ecs-svc/${colour}`, createdAt, rolloutState: 'COMPLETED', rolloutStateReason: undefined },
    events: [],
    tags: foreign === 'tag' ? {} : { 'ecs-canary:project': place.project },
  };
}

function targetsOf(states: readonly TargetState[]): Target[] {
  return states.map((state, index) => ({ id: `10.0.0.${index + 1}`, port: 8080, zone: 'eu-west-1a', state, reason: undefined, description: undefined }));
}

type EntryGiven = typeof entryGiven extends fc.Arbitrary<infer Given> ? Given : never;

function entryOf(given: EntryGiven, number: number, rules: State['rules']): LogEntry {
  const { primary, role, destroyed, percent, tasks, before, scope, stickiness, reached } = given;
  const other = otherColour(primary);
  const now = weightsBefore(rules, groups[primary], groups[other]);
  const [first] = rules;
  return {
    number,
    at: 'then',
    by: 'somebody',
    command: 'update',
    primary: groups[primary],
    other: role && { targetGroup: groups[other], role, version: '0.8', ...(role === 'replaced' && destroyed && { destroyed }) },
    percent,
    tasks,
    before: {
      now,
      'all away': Object.fromEntries(Object.keys(now).map((arn) => [arn, [0, 100] as const])),
      gone: { 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/echo/1/2/gone': [100, 0] as const },
      none: {},
    }[before],
    ...(scope && first && { scope: [first.arn] }),
    ...(stickiness && first && { stickiness: { [first.arn]: stickiness } }),
    ...(reached && { reached }),
  };
}
