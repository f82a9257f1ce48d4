/** What a plan consists of: small plain objects, each one effect, in the order in which they happen. */
import { formatDuration } from '../settings/duration.ts';
import type { NewEntry } from './log-entry.ts';
import type { Colour, Pair, Version } from './model.ts';

export type Step =
  /** Makes durable who owns production and what a rollback needs. */
  | { readonly do: 'record'; readonly entry: NewEntry; readonly emergency: boolean }
  | Start
  | WaitStarted
  | SetWeights
  | Settle
  | Stop
  /** Says that the replaced version may go. */
  | { readonly do: 'announce'; readonly service: string; readonly version: string };

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
  readonly tasks: number;
}

/** Gives the load balancer's nodes the time to take the weights up. */
export interface Settle {
  readonly do: 'settle';
  readonly ms: number;
  /** On the way back, weights that a run which was taken over writes meanwhile are put right again. */
  readonly keep: SetWeights | undefined;
}

/** Has the colour's service want no tasks, and waits until its targets have drained and its tasks are gone. */
export interface Stop {
  readonly do: 'stop';
  readonly colour: Colour;
  readonly version: string;
  /** A first version that did not start has weight all the same; it never answered anybody. */
  readonly neverServed: boolean;
}

export interface SetWeights {
  readonly do: 'set-weights';
  readonly pair: Pair;
  /** Percent for the pair's canary; the primary gets the rest. */
  readonly percent: number;
  /** Percent that the new version has then, as users are told it. */
  readonly newVersionPercent: number;
  /** Tasks that the primary had when the release began: what the share of healthy targets is measured by. */
  readonly tasks: number;
  /** Towards the version that has production: never undone, each rule retried until the deadline. */
  readonly back: boolean;
  /** Go back also to a group without a healthy target. */
  readonly force: boolean;
  /** Rules that carry the pair, with percent for the canary as planned from. */
  readonly rules: readonly { readonly arn: string; readonly before: number }[];
}

/** The step in one line, for `--dry-run`. */
export function describe(step: Step): string {
  switch (step.do) {
    case 'record':
      return `record who owns production and the weights of ${Object.keys(step.entry.before).length} listener rules`;
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

/** Whether the step changes something in AWS. */
export function writes(step: Step): boolean {
  return step.do === 'record' || step.do === 'start' || step.do === 'set-weights' || step.do === 'stop';
}
