/** What runs, with which share of the traffic, and what can be done next. */
import { standingHazards } from './hazards.ts';
import { holderOf } from './holder.ts';
import { type ColourState, COLOURS, type State, desiredTasks, healthyTargets, isOccupied, weightIn, weightOf } from './model.ts';
import { wayBack } from './plan-rollback.ts';
import { lastEntry, rolesOf } from './roles.ts';

export interface VersionStatus {
  readonly colour: string;
  readonly version: string;
  readonly digest: string | undefined;
  readonly image: string;
  /** Percent: the highest share among the pair's rules. */
  readonly weight: number;
  readonly desired: number;
  readonly running: number;
  readonly healthy: number;
  readonly targetGroup: string;
  readonly taskDefinition: string;
}

export interface Status {
  readonly project: string;
  readonly service: string;
  readonly state: 'nothing' | 'primary' | 'primary+canary' | 'primary+old';
  readonly primary: VersionStatus | null;
  readonly canary: VersionStatus | null;
  readonly old: (VersionStatus & { readonly rolledBack: boolean }) | null;
  readonly rules: readonly RuleStatus[];
  /** What the release log says was done last, by whom, and when (ISO 8601). */
  readonly last: { readonly command: string; readonly by: string; readonly at: string } | null;
  /** The run that holds the pair, or was cut off and did until `renewed`: all times ISO 8601. */
  readonly holder: { readonly by: string; readonly command: string; readonly since: string; readonly renewed: string } | null;
  /** What the log and the weights disagree about. */
  readonly contradiction: string | null;
  /** What hurts as things stand. */
  readonly hazards: readonly string[];
  /** Tasks that run although nothing here accounts for them. */
  readonly leftovers: readonly string[];
  /** Commands that make sense now. */
  readonly next: readonly string[];
}

export interface RuleStatus {
  readonly rule: string;
  readonly listener: string;
  readonly weights: { readonly blue: number; readonly green: number };
}

/** @param now wall time in ms. */
export function statusOf(state: State, now = Date.now()): Status {
  const roles = rolesOf(state);
  const { project, service } = state.place;
  return {
    project,
    service,
    state: roles.phase,
    primary: roles.phase === 'nothing' ? null : versionStatus(state, roles.primary),
    canary: roles.phase === 'primary+canary' ? versionStatus(state, roles.canary) : null,
    old: roles.phase === 'primary+old' ? { ...versionStatus(state, roles.old), rolledBack: roles.rolledBack } : null,
    rules: state.rules.map((rule) => ({
      rule: rule.arn,
      listener: rule.listenerArn,
      weights: { blue: weightIn(rule, state.place.targetGroups.blue), green: weightIn(rule, state.place.targetGroups.green) },
    })),
    last: lastChange(state),
    holder: holder(state, now),
    contradiction: roles.phase === 'nothing' ? null : (roles.contradiction ?? null),
    hazards: standingHazards(state),
    leftovers: COLOURS.flatMap((colour) => leftovers(state.colours[colour])),
    next: nextCommands(state),
  };
}

function lastChange(state: State): Status['last'] {
  const entry = lastEntry(state);
  return entry ? { command: entry.command, by: entry.by, at: entry.at } : null;
}

function holder({ log = [] }: State, now: number): Status['holder'] {
  const run = holderOf(log, now);
  return run ? { by: run.by, command: run.command, since: run.since, renewed: run.newest.renewed ?? run.newest.at } : null;
}

function versionStatus(state: State, colour: ColourState): VersionStatus {
  return {
    colour: colour.colour,
    version: colour.version?.tag ?? '',
    digest: colour.version?.digest,
    image: colour.version?.image ?? '',
    weight: weightOf(state, colour.targetGroup),
    desired: desiredTasks(colour),
    running: colour.service?.running ?? 0,
    healthy: healthyTargets(state, colour.targetGroup),
    targetGroup: colour.targetGroup,
    taskDefinition: colour.service?.taskDefinition ?? '',
  };
}

function leftovers({ service }: ColourState): string[] {
  if (!service || service.desired > 0 || service.running === 0) return [];
  return [`${service.running} tasks of ${service.name} are still stopping`];
}

function nextCommands(state: State): string[] {
  const roles = rolesOf(state);
  switch (roles.phase) {
    case 'nothing':
      return [...(wayBack(state) ? ['ecs-canary rollback'] : []), 'ecs-canary update --tag <version>'];
    case 'primary':
      if (roles.contradiction) return ['ecs-canary route --canary 0'];
      return [...(wayBack(state)?.to === roles.primary ? [] : ['ecs-canary rollback']), 'ecs-canary update --tag <version>'];
    case 'primary+canary':
      // It would have to be started first, which only a rollback does.
      if (!isOccupied(state, roles.primary)) return ['ecs-canary rollback'];
      if (!state.log) return ['ecs-canary route --canary 0'];
      if (roles.contradiction) return ['ecs-canary rollback', 'ecs-canary route --canary 0'];
      return ['ecs-canary route --canary <percent>', 'ecs-canary promote', 'ecs-canary rollback'];
    case 'primary+old':
      if (roles.contradiction) return ['ecs-canary rollback', ...(isOccupied(state, roles.primary) ? ['ecs-canary route --canary 0'] : [])];
      return roles.rolledBack
        ? ['ecs-canary destroy-old', 'ecs-canary update --tag <version>']
        : ['ecs-canary destroy-old', 'ecs-canary rollback', 'ecs-canary update --tag <version>'];
  }
}
