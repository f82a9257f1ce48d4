/**
 * A second opinion on the safety rules: judges each write by what the sandbox held right before and after it. It shares nothing
 * with the program under test, so that a rule which the program forgot is missed here by nobody.
 */
import { CLUSTER, healthyIn, mostOf, SERVICE, type RuleView, shareOf, type View, type World } from './view.ts';

/** What is known of the run that writes. */
export interface RunFacts {
  /** Only such a run may be content with one healthy target: it goes back. */
  readonly emergency: boolean;
  /** Whether nobody else writes meanwhile, so that what it found is what it wrote down. */
  readonly alone: boolean;
  /** Whether it builds or destroys infrastructure. */
  readonly infra: boolean;
  /** Tasks that the primary had when the release began. */
  readonly tasks: number;
  /** Target groups that have been seen with all of the traffic: a run may take users back there. */
  readonly owners: ReadonlySet<string>;
  /** Entries of the release log that this run has made durable, oldest first, each as often as it was renewed. */
  readonly entries: LogEntry[];
  /** Rules that were written under an entry: from then on they are not what the entry remembers. */
  readonly written: Set<string>;
}

export interface LogEntry {
  readonly name: string;
  readonly value: string;
}

export interface Write {
  readonly operation: string;
  readonly body: string;
}

const RELEASE_WRITES = ['ModifyRule', 'ModifyListener', 'PutParameter', 'DeleteParameters', 'RegisterTaskDefinition', 'CreateService', 'UpdateService'];
const INFRA_WRITES = [
  'CreateServiceLinkedRole', 'CreateStack', 'CreateChangeSet', 'ExecuteChangeSet', 'DeleteChangeSet', 'DeleteStack', 'UpdateTerminationProtection',
  'CreateRule', 'DeleteRule', 'ModifyRule', 'PutParameter', 'UpdateService', 'DeleteService', 'BatchDeleteImage', 'DeleteParameters',
];
const READS = /^(Describe|List|Get|BatchGet|BatchCheck|HEAD |GET )/;
/** An image that is pushed changes nothing for users. */
const PUSHES = /^(POST|PATCH|PUT) \/v2\//;

function isWrite(operation: string): boolean {
  return !READS.test(operation);
}

/** Whether the write is about what users get, so that it is worth a look before and after it. */
export function concernsUsers(operation: string): boolean {
  return isWrite(operation) && !PUSHES.test(operation) && operation !== 'PutParameter' && operation !== 'RegisterTaskDefinition';
}

/** What is wrong with a write; empty when nothing is. Also a write that AWS refused counts: it was meant. */
export function judge(write: Write, before: View, after: View, facts: RunFacts): string[] {
  const { operation, body } = write;
  if (PUSHES.test(operation)) return [];
  if (!(facts.infra ? INFRA_WRITES : RELEASE_WRITES).includes(operation)) return [`${operation} is no write that this command needs`];
  switch (operation) {
    case 'ModifyRule':
      return weights(new URLSearchParams(body).get('RuleArn') ?? '', before, after, facts);
    case 'ModifyListener':
      return weights(new URLSearchParams(body).get('ListenerArn') ?? '', before, after, facts);
    case 'DeleteRule':
      return deleteRule(new URLSearchParams(body).get('RuleArn') ?? '', before);
    case 'CreateService':
    case 'UpdateService':
    case 'DeleteService':
      return service(operation, parsed(body), before, facts);
    case 'DeleteStack':
      return new RegExp(`stack/${CLUSTER}(-${SERVICE})?/|^${CLUSTER}(-${SERVICE})?$`).test(new URLSearchParams(body).get('StackName') ?? '') ? [] : ['a stack that is not the project\'s is deleted'];
    case 'DeleteParameters':
      return /"\/ecs-canary\/strange/.test(body) ? ['a parameter that is not of this log is deleted'] : [];
    default:
      return [];
  }
}

/** A rule's weights are changed: whose, how, and whether who gets more can bear it. */
function weights(arn: string, before: View, after: View, facts: RunFacts): string[] {
  const found: string[] = [];
  const pair = pairOf(before);
  const [was, is] = [before.rules.get(arn), after.rules.get(arn)];
  if (!was || !is) return [`${arn} is no rule`];
  if (was.weights.size !== 2 || !pair.every((group) => was.weights.has(group))) found.push(`${arn} does not carry exactly the pair, and was written`);
  if (was.rest !== is.rest) found.push(`more than two weights changed in ${arn}: from ${was.rest} to ${is.rest}`);
  for (const [other, rule] of before.rules) {
    const then = after.rules.get(other);
    if (other !== arn && (!then || !same(rule, then))) found.push(`${other} changed with a write of ${arn}`);
  }
  const somethingRuns = pair.some((group) => (before.groups.get(group)?.targets.size ?? 0) > 0);
  for (const group of pair) {
    const percent = shareOf(is, group);
    if (percent <= shareOf(was, group) || !somethingRuns) continue;
    const least = facts.emergency || facts.owners.has(group) ? 1 : Math.max(1, Math.ceil((percent * facts.tasks) / 100));
    const healthy = healthyIn(before, group);
    if (healthy < least) found.push(`${nameOf(before, group)} gets ${percent}% with ${healthy} healthy targets, and needs ${least}`);
  }
  return [...found, ...recorded(arn, was, facts)];
}

/** A rollback needs what was there before, and it has to be durable by then. */
function recorded(arn: string, was: RuleView, { entries, alone, written }: RunFacts): string[] {
  const newest = entries.at(-1);
  if (newest === undefined) return [`${arn} was written before this run had an entry in the release log`];
  const rule = arn.slice(arn.lastIndexOf('/') + 1);
  const entry: LoggedWeights = JSON.parse(newest.value);
  const kept = Object.values(entry.before).flatMap((rules) => rules[rule] ?? []);
  const [primary = Number.NaN, other = Number.NaN] = kept;
  if (kept.length !== 2) return [`${arn} was written, and the newest entry does not say what it was before`];
  const first = !written.has(`${newest.name} ${arn}`);
  written.add(`${newest.name} ${arn}`);
  const share = primary + other === 0 ? 0 : (100 * primary) / (primary + other);
  const found = shareOf(was, entry.primary);
  return alone && first && Math.abs(share - found) > 0.01 ? [`${arn} had ${found}% on the primary, and the entry says ${share}%`] : [];
}

interface LoggedWeights {
  readonly primary: string;
  readonly before: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
}

function deleteRule(arn: string, { rules }: View): string[] {
  const rule = rules.get(arn);
  // A call whose answer was lost is repeated, and finds nothing.
  return !rule || rule.tags['ecs-canary:project'] === CLUSTER ? [] : [`${arn} is deleted without the project's tag`];
}

interface ServiceWrite {
  readonly serviceName?: string;
  readonly service?: string;
  readonly desiredCount?: number;
  readonly taskDefinition?: string;
  readonly loadBalancers?: readonly { readonly targetGroupArn?: string }[];
}

function service(operation: string, input: ServiceWrite, view: View, { tasks }: RunFacts): string[] {
  const name = (input.serviceName ?? input.service ?? '').replace(/^.*\//, '');
  if (![`${SERVICE}-blue`, `${SERVICE}-green`].includes(name)) return [`${operation} is about ${name}, which is no colour of ours`];
  const known = view.services.get(name);
  if (!known) return [];
  if (operation === 'CreateService') {
    // A call whose answer was lost is repeated, and asks for what its first try made.
    const repeated = known.taskDefinition === input.taskDefinition && known.desired === input.desiredCount;
    return repeated ? [] : [`${name} is created, and another one is there already`];
  }
  if (known.tags['ecs-canary:project'] !== CLUSTER) return [`${name} does not carry the project's tag, and was written`];
  const percent = Math.max(0, ...known.groups.map((group) => mostOf(view, group)));
  if (operation === 'DeleteService') return percent > 0 ? [`${name} is deleted with ${percent}% of the traffic`] : [];
  const { desiredCount = known.desired, taskDefinition = known.taskDefinition } = input;
  const found: string[] = [];
  if (percent > 0 && desiredCount < known.desired && desiredCount < Math.max(1, Math.ceil((percent * tasks) / 100))) {
    found.push(`${name} shrinks from ${known.desired} to ${desiredCount} tasks with ${percent}% of the traffic`);
  }
  if (percent > 0 && known.running > 0 && taskDefinition !== known.taskDefinition) {
    found.push(`${name} gets another version in place with ${percent}% of the traffic`);
  }
  return found;
}

function parsed(body: string): ServiceWrite {
  const input: ServiceWrite = JSON.parse(body);
  return input;
}

/** The project's two groups: the ones that are tagged as its colours are the only ones whose names say so. */
export function pairOf({ groups }: Pick<View, 'groups'>): string[] {
  return [...groups].filter(([, { name }]) => !name.startsWith('strange')).map(([arn]) => arn);
}

function same(one: RuleView, other: RuleView): boolean {
  return one.rest === other.rest && [...one.weights].every(([group, weight]) => other.weights.get(group) === weight);
}

function nameOf({ groups }: View, group: string): string {
  return groups.get(group)?.name ?? group;
}

/** Rules of the pair, in percent of each group. */
export function pairRules(view: View): { readonly arn: string; readonly rule: RuleView }[] {
  const pair = pairOf(view);
  return [...view.rules].filter(([, { weights: all }]) => pair.length === 2 && pair.every((group) => all.has(group))).map(([arn, rule]) => ({ arn, rule }));
}

/**
 * What is left over or out of step once all runs have ended and everything came to rest; empty when nothing is.
 * @param killed process numbers: what such a run held is free, though nobody could write that down.
 */
export function judgeRest(world: World, killed: ReadonlySet<number> = new Set()): string[] {
  const found: string[] = [];
  const rules = pairRules(world);
  const [first] = rules;
  for (const group of first ? pairOf(world) : []) {
    const shares = rules.map(({ rule }) => shareOf(rule, group));
    if (new Set(shares).size > 1) found.push(`the rules disagree: ${nameOf(world, group)} has ${shares.join('% and ')}%`);
  }
  const ours = [`${SERVICE}-blue`, `${SERVICE}-green`];
  for (const name of world.services.keys()) if (!ours.includes(name)) found.push(`there is an ECS service ${name}`);
  for (const name of world.stacks.keys()) if (![CLUSTER, `${CLUSTER}-${SERVICE}`].includes(name)) found.push(`there is a stack ${name}`);
  for (const [name, status] of world.stacks) if (!/^(CREATE|UPDATE)_COMPLETE$/.test(status)) found.push(`stack ${name} is ${status}`);
  for (const [name, stack] of world.changeSets) found.push(`there is a change set ${name} of stack ${stack}`);
  for (const task of world.tasks) {
    const owner = world.services.get(task.service);
    if (owner?.taskDefinition !== task.taskDefinition) found.push(`a task of ${task.service || 'nobody'} runs ${task.taskDefinition}, and nobody wants it`);
  }
  for (const [name, { desired, running, groups }] of world.services) {
    if (running !== desired) found.push(`${name} runs ${running} of ${desired} tasks`);
    const living = new Set(world.tasks.filter((task) => task.service === name).map(({ address }) => address));
    for (const group of groups) {
      const targets = [...(world.groups.get(group)?.targets ?? [])];
      for (const [address, state] of targets) {
        if (!living.has(address)) found.push(`target ${address} of ${nameOf(world, group)} is no task of ${name}`);
        else if (state !== 'healthy') found.push(`target ${address} of ${nameOf(world, group)} is ${state}`);
      }
      if (targets.length < desired) found.push(`${nameOf(world, group)} has ${targets.length} targets for ${desired} tasks`);
    }
    const percent = Math.max(0, ...groups.map((group) => mostOf(world, group)));
    if (percent > 0 && desired === 0 && [...world.services.values()].some((one) => one.desired > 0)) found.push(`${name} wants no tasks and has ${percent}% of the traffic`);
  }
  const log = [...world.parameters].filter(([name]) => /^\/ecs-canary\/[0-9a-f]{32}\/\d+$/.test(name));
  if (log.length > 20) found.push(`the release log has ${log.length} entries`);
  const newest = log.toSorted(([a], [b]) => numberOf(a) - numberOf(b)).at(-1);
  if (newest && !isFree(newest[1], killed)) found.push(`the pair is still held: ${newest[1]}`);
  return found;
}

/** Whether the run that made an entry of the release log has ended it, or was killed. */
function isFree(text: string, killed: ReadonlySet<number>): boolean {
  const { ended, holder }: { ended?: string; holder?: { pid: number } } = JSON.parse(text);
  return ended !== undefined || (holder !== undefined && killed.has(holder.pid));
}

function numberOf(name: string): number {
  return Number(name.slice(name.lastIndexOf('/') + 1));
}
