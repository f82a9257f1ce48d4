/** States of a service, built for tests and generated for properties; and what steps would do to them. */
import fc from 'fast-check';
import type { EcsService } from '../../src/aws/ecs.ts';
import type { ListenerRule, Target } from '../../src/aws/elbv2.ts';
import type { LogEntry } from '../../src/release/log-entry.ts';
import { weightsBefore } from '../../src/release/log-entry.ts';
import { type Colour, type ColourState, type Place, type State, type Version, healthyTargets, otherColour } from '../../src/release/model.ts';
import type { Step } from '../../src/release/step.ts';

const arn = (colour: Colour) => `arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/${colour}/0123456789abcdef`;

export const place: Place = {
  project: 'echo',
  service: 'server',
  cluster: 'echo',
  subnets: ['subnet-1'],
  securityGroups: ['sg-1'],
  assignPublicIp: true,
  targetGroups: { blue: arn('blue'), green: arn('green') },
  repositoryName: 'echo/server',
  repositoryUri: 'registry/echo/server',
  executionRoleArn: 'arn:aws:iam::123456789012:role/execution',
  taskRoleArn: 'arn:aws:iam::123456789012:role/task',
  logGroup: '/echo/server',
};

export function version(tag: string): Version {
  const digest = `sha256:${tag}`;
  return { tag, digest, image: `registry/echo/server@${digest}` };
}

export interface ColourGiven {
  readonly version: string;
  /** Tasks wanted; 0 is an empty colour. */
  readonly tasks: number;
  readonly healthy: number;
}

export interface StateGiven {
  readonly blue?: ColourGiven;
  readonly green?: ColourGiven;
  /** Weights of blue and green, one pair a rule. */
  readonly rules: readonly (readonly [blue: number, green: number])[];
  readonly log?: readonly Omit<LogEntry, 'number' | 'at' | 'by' | 'command' | 'before'>[] | 'unreadable';
}

export function stateOf({ blue, green, rules, log = [] }: StateGiven): State {
  const given = { blue, green };
  const colour = (name: Colour): ColourState => {
    const one = given[name];
    return {
      colour: name,
      targetGroup: arn(name),
      service: one && service(name, one.tasks),
      version: one && one.tasks > 0 ? version(one.version) : undefined,
      strangers: [],
    };
  };
  const targets = new Map((['blue', 'green'] as const).map((name) => [arn(name), targetsOf(given[name]?.healthy ?? 0)]));
  const listenerRules = rules.map((weights, index) => rule(index, weights));
  return {
    place,
    colours: { blue: colour('blue'), green: colour('green') },
    groups: [],
    rules: listenerRules,
    otherRules: [],
    targets,
    gaps: new Map(),
    log: log === 'unreadable' ? undefined : log.map((entry, index) => ({ ...entry, number: index + 1, at: 'then', by: 'somebody', command: 'update', before: {} })),
  };
}

export const groups = { blue: arn('blue'), green: arn('green') };

function service(colour: Colour, desired: number): EcsService {
  return {
    name: `server-${colour}`,
    status: 'ACTIVE',
    controller: 'ECS',
    strategy: 'ROLLING',
    taskDefinition: `arn:aws:ecs:eu-west-1:123456789012:task-definition/echo-server:1`,
    desired,
    running: desired,
    pending: 0,
    targetGroupArns: [arn(colour)], endpoint: undefined, subnets: [],
    deployment: undefined,
    events: [],
    tags: { 'ecs-canary:project': 'echo' },
  };
}

function rule(index: number, [blue, green]: readonly [number, number]): ListenerRule {
  return {
    arn: `arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/echo/1/2/${index}`,
    listenerArn: 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/echo/1/2',
    isDefault: false,
    priority: String(index + 1),
    conditions: [],
    forward: [
      { arn: arn('blue'), weight: blue },
      { arn: arn('green'), weight: green },
    ],
    stickiness: undefined,
    actions: [],
  };
}

function targetsOf(healthy: number): Target[] {
  return Array.from({ length: healthy }, (_, index) => ({
    id: `10.0.0.${index + 1}`,
    port: 8080,
    zone: 'eu-west-1a',
    state: 'healthy',
    reason: undefined,
    description: undefined,
  }));
}

/** The state after a step: what it changes, and nothing that AWS would do by itself beyond tasks getting healthy. */
export function after(state: State, step: Step): State {
  switch (step.do) {
    case 'record': {
      const entry = { ...step.entry, number: (state.log?.at(-1)?.number ?? 0) + 1, at: 'now', by: 'test', command: 'test' };
      return { ...state, log: [...(state.log ?? []), entry] };
    }
    case 'set-weights': {
      const weights = new Map([
        [step.pair.primary, 100 - step.percent],
        [step.pair.canary, step.percent],
      ]);
      const written = new Set(step.rules.map((rule) => rule.arn));
      const rules = state.rules.map((old) => (!written.has(old.arn) ? old : { ...old, forward: old.forward?.map((group) => ({ ...group, weight: weights.get(group.arn) ?? group.weight })) }));
      return { ...state, rules };
    }
    case 'start':
      return withColour(state, step.colour, service(step.colour, step.tasks), step.version, 0);
    case 'wait-started':
      return withColour(state, step.colour, state.colours[step.colour].service, state.colours[step.colour].version, step.tasks);
    case 'stop':
      return withColour(state, step.colour, service(step.colour, 0), undefined, 0);
    case 'bring-back': {
      const { service: ecs, version: runs } = state.colours[step.colour];
      return withColour(state, step.colour, ecs && { ...ecs, desired: step.tasks }, runs, 0);
    }
    case 'scale': {
      const { service: ecs, version: runs } = state.colours[step.colour];
      return withColour(state, step.colour, ecs && { ...ecs, desired: step.tasks }, runs, Math.min(step.tasks, healthyTargets(state, arn(step.colour))));
    }
    case 'set-stickiness': {
      const recorded = step.entry ? after(state, { do: 'record', entry: step.entry, emergency: false }) : state;
      return { ...recorded, rules: state.rules.map((old) => (step.seconds.has(old.arn) ? { ...old, stickiness: step.seconds.get(old.arn) } : old)) };
    }
    case 'settle':
    case 'wait-cookies':
    case 'announce':
      return state;
  }
}

function withColour(state: State, name: Colour, ecs: EcsService | undefined, runs: Version | undefined, healthy: number): State {
  const targets = new Map(state.targets).set(arn(name), targetsOf(healthy));
  return { ...state, targets, colours: { ...state.colours, [name]: { ...state.colours[name], service: ecs, version: runs } } };
}

const colourGiven = fc.option(
  fc.record({ version: fc.constantFrom('0.9', '1.0', '1.1'), tasks: fc.nat(4), healthy: fc.nat(4) }),
  { nil: undefined },
);

const weightsGiven = fc.oneof(
  fc.nat(100).map((green) => [100 - green, green] as const),
  fc.tuple(fc.nat(999), fc.nat(999)),
);

/** Any state, however odd: also those that no run of ours would leave. */
export const anyState: fc.Arbitrary<State> = fc
  .record({
    blue: colourGiven,
    green: colourGiven,
    rules: fc.array(weightsGiven, { maxLength: 3 }),
    primary: fc.constantFrom('blue' as const, 'green' as const),
    role: fc.constantFrom('canary' as const, 'replaced' as const, 'rolled-back' as const, undefined),
    percent: fc.nat(100),
    tasks: fc.integer({ min: 1, max: 4 }),
    log: fc.constantFrom('entry', 'entry', 'entry', 'empty', 'unreadable'),
    /** Makes the log agree with the weights, as it does where nobody else changed them. */
    agree: fc.boolean(),
  })
  .map(({ blue, green, rules, primary, role, percent, tasks, log, agree }) => {
    const other = otherColour(primary);
    const entry = { primary: groups[primary], other: role && { targetGroup: groups[other], role }, percent, tasks };
    const state = stateOf({ blue, green, rules, log: log === 'entry' ? [entry] : log === 'empty' ? [] : 'unreadable' });
    if (!agree || !state.log?.[0]) return state;
    return { ...state, log: [{ ...state.log[0], before: weightsBefore(state.rules, groups[primary], groups[other]) }] };
  });
