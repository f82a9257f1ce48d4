/** What a plan consists of: small plain objects, each one effect, in the order in which they happen. */
import type { ListenerRule } from '../aws/elbv2.ts';
import { formatDuration } from '../settings/duration.ts';
import type { NewEntry } from './log-entry.ts';
import { type Colour, type Pair, type Version, nameOf, share, splits } from './model.ts';

export type Step = RecordEntry | Start | Scale | BringBack | WaitStarted | SetWeights | SetStickiness | Settle | WaitCookies | Stop | Announce;

/** What is to be done, in this order. */
export interface Plan {
  readonly steps: readonly Step[];
  /** Why there is nothing to do, where that needs saying. */
  readonly note?: string;
}

/** Makes durable who owns production and what a rollback needs; from then on the pair is this run's. */
export interface RecordEntry {
  readonly do: 'record';
  readonly entry: NewEntry;
  /** Whatever others wrote meanwhile, and also when the log can't be written. */
  readonly emergency: boolean;
}

/** Registers a task definition and has the colour's service run it. */
export interface Start {
  readonly do: 'start';
  readonly colour: Colour;
  readonly version: Version;
  readonly tasks: number;
}

/** Has the colour's service want more or fewer tasks of what it runs. */
export interface Scale {
  readonly do: 'scale';
  readonly colour: Colour;
  readonly version: string;
  readonly tasks: number;
  /** Tasks that the whole traffic needs. */
  readonly full: number;
  /** What the tasks run; a service that runs something else by then is left alone. */
  readonly taskDefinition: string;
}

/** Has the colour's service want tasks again, of what it ran last. */
export interface BringBack {
  readonly do: 'bring-back';
  readonly colour: Colour;
  readonly version: string;
  readonly tasks: number;
  /** What the tasks will run; a service that would run something else by then is left alone. */
  readonly taskDefinition: string;
}

/** Waits until the colour's tasks run and its targets are healthy. */
export interface WaitStarted {
  readonly do: 'wait-started';
  readonly colour: Colour;
  readonly version: string;
  readonly tasks: number;
  /** The deployment that is waited for; undefined for the one that this run starts. */
  readonly deployment: string | undefined;
  /** `empty`: a version that does not start leaves its colour empty. `keep`: it has production. */
  readonly onFailure: 'empty' | 'keep';
}

export interface SetWeights {
  readonly do: 'set-weights';
  readonly pair: Pair;
  /** Percent for the pair's canary; the primary gets the rest. 0 is the emergency exit. */
  readonly percent: number;
  /** Percent that the new version has then, as users are told it. */
  readonly newVersionPercent: number;
  /** Tasks that the primary had when the release began: what the share of healthy targets is measured by. */
  readonly tasks: number;
  /** Go back also to a group without a healthy target. */
  readonly force: boolean;
  /** The rules that are to have these weights, as planned from; those that have them already among them. */
  readonly rules: readonly ListenerRule[];
  /** ARNs of those that read right although the log last set them otherwise: a read may be older than a write, so they are written all the same. */
  readonly doubtful: readonly string[];
}

/** Switches group stickiness off, or puts it back. */
export interface SetStickiness {
  readonly do: 'set-stickiness';
  readonly pair: Pair;
  /** Seconds by rule ARN; undefined switches it off. */
  readonly seconds: ReadonlyMap<string, number | undefined>;
  /** Recorded afterwards where stickiness was put back, with what could not be. */
  readonly entry?: NewEntry;
}

/** Gives the load balancer's nodes the time to take the weights up. */
export interface Settle {
  readonly do: 'settle';
  readonly ms: number;
  /** The change that is settling; undefined for one that an earlier run made. */
  readonly after: SetWeights | undefined;
}

/** Lets the cookies run out that still send clients to a group without weight. */
export interface WaitCookies {
  readonly do: 'wait-cookies';
  readonly version: string;
  readonly targetGroup: string;
  readonly loadBalancer: string;
  /** How long a cookie counts after it was last used. */
  readonly seconds: number;
  /** ISO 8601: when the group lost its weight; undefined for "by an earlier step of this plan". */
  readonly since: string | undefined;
}

/** Has the colour's service want no tasks, and waits until its targets have drained and its tasks are gone. */
export interface Stop {
  readonly do: 'stop';
  readonly colour: Colour;
  readonly version: string;
  /** What is to be stopped; anything else that runs there by then is left alone. */
  readonly taskDefinition: string;
}

/** Says that the replaced version may go. */
export interface Announce {
  readonly do: 'announce';
  readonly service: string;
  readonly version: string;
}

/** Rules of the step that have other weights now, or may have. */
function toChange({ rules, pair, percent, doubtful }: SetWeights): ListenerRule[] {
  return rules.filter((rule) => !splits(rule, pair, percent) || doubtful.includes(rule.arn));
}

/** The step in words, for `--dry-run`. */
export function describe(step: Step): string {
  switch (step.do) {
    case 'record':
      return ['record who owns production', ...rulesIn(step.entry)].join(', and the weights of ');
    case 'start':
      return `start ${step.version.tag} in ${step.colour} with ${step.tasks} tasks`;
    case 'scale':
      return `have ${step.colour} run ${step.tasks} tasks of ${step.version}`;
    case 'bring-back':
      return `bring ${step.version} back in ${step.colour} with ${step.tasks} tasks`;
    case 'wait-started':
      return `wait until ${step.tasks} tasks run in ${step.colour} and their targets are healthy`;
    case 'set-weights':
      return [`set the weights to ${step.percent}% for ${step.pair.canary}`, ...toChange(step).map((rule) => `  ${changeOf(rule, step)}`)].join('\n');
    case 'set-stickiness':
      return [...step.seconds].map(stickinessOf).join('\n');
    case 'settle':
      return `wait ${formatDuration(step.ms)} for the weights to take effect everywhere`;
    case 'wait-cookies':
      return `wait until no cookie of ${formatSeconds(step.seconds)} sends a client to ${step.version} any more`;
    case 'stop':
      return `drain and stop the tasks of ${step.version} in ${step.colour}`;
    case 'announce':
      return `say that ${step.version} can be destroyed`;
  }
}

function changeOf(rule: ListenerRule, { pair, percent }: SetWeights): string {
  const before = Math.round(share(rule, pair.canary));
  return `${nameOf(rule)}: ${before}% -> ${percent}%`;
}

function stickinessOf([arn, seconds]: readonly [string, number | undefined]): string {
  return `${seconds === undefined ? 'switch stickiness off' : `put stickiness of ${formatSeconds(seconds)} back`} in ${arn}`;
}

function formatSeconds(seconds: number): string {
  return formatDuration(seconds * 1_000);
}

function rulesIn({ before }: NewEntry): string[] {
  const count = Object.keys(before).length;
  return count === 0 ? [] : [`${count} listener rules`];
}
