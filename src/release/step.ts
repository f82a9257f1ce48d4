/** What a plan consists of: small plain objects, each one effect, in the order in which they happen. */
import { formatDuration } from '../settings/duration.ts';
import type { NewEntry } from './log-entry.ts';
import type { Colour, Pair, Version } from './model.ts';

export type Step = RecordEntry | Start | WaitStarted | SetWeights | Settle | Stop | Announce;

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
  /** Rules that will change, with the canary's percent as planned from. */
  readonly rules: readonly { readonly arn: string; readonly before: number }[];
}

/** Gives the load balancer's nodes the time to take the weights up. */
export interface Settle {
  readonly do: 'settle';
  readonly ms: number;
  /** The change that is settling; undefined for one that an earlier run made. */
  readonly after: SetWeights | undefined;
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

function rulesIn({ before }: NewEntry): string[] {
  const count = Object.keys(before).length;
  return count === 0 ? [] : [`${count} listener rules`];
}

/** The step in words, for `--dry-run`. */
export function describe(step: Step): string {
  switch (step.do) {
    case 'record':
      return ['record who owns production', ...rulesIn(step.entry)].join(', and the weights of ');
    case 'start':
      return `start ${step.version.tag} in ${step.colour} with ${step.tasks} tasks`;
    case 'wait-started':
      return `wait until ${step.tasks} tasks run in ${step.colour} and their targets are healthy`;
    case 'set-weights':
      return [
        `set the weights to ${step.percent}% for ${step.pair.canary}`,
        ...step.rules.map(({ arn, before }) => `  ${arn}: ${Math.round(before)}% -> ${step.percent}%`),
      ].join('\n');
    case 'settle':
      return `wait ${formatDuration(step.ms)} for the weights to take effect everywhere`;
    case 'stop':
      return `drain and stop the tasks of ${step.version} in ${step.colour}`;
    case 'announce':
      return `say that ${step.version} can be destroyed`;
  }
}
