/** What a change of weights cannot see to, in words for the operator. Pure. */
import { formatDuration } from '../settings/duration.ts';
import { type ColourState, type Pair, type State, type Traffic, healthyTargets, nameOf, share, weightOf } from './model.ts';
import { foreignRules } from './safety.ts';
import type { SetWeights, Step } from './step.ts';

/** What hurts about the steps' change of weights; nothing where they change none. */
export function hazardsOf(traffic: Traffic, steps: readonly Step[]): string[] {
  const move = steps.find((step) => step.do === 'set-weights');
  if (!move) return [];
  const comes = steps.some((step) => step.do === 'wait-started');
  const hazards = [...unlikeGroups(traffic), ...stickyRules(move), ...foreignTraffic(traffic, move), ...zoneGaps(traffic, move)];
  return [...hazards, ...(comes ? standstill(traffic, move) : forced(traffic, move))];
}

/** Weights stay as they are until the version that had production has healthy targets again. */
function standstill({ rules, targets }: Traffic, { pair: { primary }, percent }: SetWeights): string[] {
  const most = Math.round(weightOf({ rules }, primary));
  if (percent > 0 || most === 0 || healthyTargets({ targets }, primary) > 0) return [];
  return [`Up to ${most}% of the traffic reaches ${primary} already, which has no healthy target yet: these requests may fail until it has.`];
}

function forced({ targets, healthUnknown }: Traffic, { pair: { primary }, percent, force }: SetWeights): string[] {
  if (!force || percent > 0 || healthUnknown || healthyTargets({ targets }, primary) > 0) return [];
  return [`${primary} gets all traffic and has no healthy target: requests may fail until it has.`];
}

/** What hurts whatever the weights are. */
export function standingHazards(state: State): string[] {
  return [...strangersOf(state), ...unlikeGroups(state)];
}

/** Weights mean little where another service registers in a group, too. */
export function strangersOf({ colours }: State): string[] {
  return Object.values(colours).flatMap(({ colour, strangers }: ColourState) =>
    strangers.map((name) => `ECS service ${name} registers in the target group of ${colour}, too: the group's share goes to both.`),
  );
}

/** Groups that a client would notice a difference between. */
function unlikeGroups({ groups: [one, other] }: Pick<Traffic, 'groups'>): string[] {
  if (!one || !other) return [];
  const differences = [
    ['protocol', one.protocol, other.protocol],
    ['port', one.port, other.port],
    ['VPC', one.vpcId, other.vpcId],
  ] as const;
  return differences
    .filter(([, a, b]) => a !== b)
    .map(([what, a, b]) => `The two target groups differ in ${what}: ${one.arn} has ${a}, ${other.arn} has ${b}.`);
}

function stickyRules({ rules, pair }: SetWeights): string[] {
  return rules.flatMap((rule) => {
    if (rule.stickiness === undefined) return [];
    const stay = inUse(rule, pair).join(' and on ');
    const away = formatDuration(rule.stickiness * 1_000);
    return [
      `Listener rule ${nameOf(rule)} is sticky: clients that have a cookie stay on ${stay} until they have not asked for ${away}, ` +
        'whatever the weights.',
    ];
  });
}

/** The groups that have clients already. */
function inUse(rule: SetWeights['rules'][number], pair: Pair): string[] {
  return [pair.primary, pair.canary].filter((arn) => share(rule, arn) > 0);
}

/** Rules outside the pair go on sending traffic to a group that is being emptied. */
function foreignTraffic(traffic: Traffic, { pair, percent }: SetWeights): string[] {
  const emptied = percent === 0 ? pair.canary : percent === 100 ? pair.primary : undefined;
  if (emptied === undefined) return [];
  return foreignRules(traffic, emptied).map((rule) => {
    const percent = Math.round(share(rule, emptied));
    return `Listener rule ${nameOf(rule)} is not one of the pair's and goes on sending ${percent}% of its traffic to ${emptied}.`;
  });
}

/** Only the emergency exit gets this far with a gap. */
function zoneGaps(traffic: Traffic, { pair, percent }: SetWeights): string[] {
  const zones = percent < 100 ? (traffic.gaps.get(pair.primary) ?? []) : [];
  if (zones.length === 0) return [];
  const where = zones.join(' and ');
  return [`Cross-zone load balancing is off for ${pair.primary} and it has no healthy target in ${where}: requests are answered 503 there.`];
}
