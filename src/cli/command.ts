/** What a command is: a plain object with its words, its options and its handler. */
import { Option } from 'commander';
import { type ExitCode, usageError } from '../errors.ts';
import type { Variables } from '../settings/connection.ts';
import type { Context } from './context.ts';

/** Options as commander hands them over: text for those that take a value, true for switches. */
export type Values = Readonly<Record<string, string | boolean | undefined>>;

/** What `--json` prints, and the exit code where it is not 0. */
export type Outcome = object & { readonly exitCode?: ExitCode };

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Such as `[dir]`; a command takes at most one. */
  readonly argument?: { readonly name: string; readonly description: string };
  readonly options: readonly Option[];
  /** Lines below the options in `--help`. */
  readonly examples: readonly string[];
  /** Whether it changes something in AWS: it then first says where, and takes `--dry-run`. */
  readonly writes: boolean;
  /** A command to this machine, not to AWS: nothing of it can be shown without being done. */
  readonly local?: true;
  /**
   * Does the work.
   * @throws CanaryError
   */
  run(context: Context, values: Values, argument: string | undefined): Promise<Outcome>;
}

/** An option that also has its environment variable, `ECS_CANARY_<OPTION>`. */
export function option(flags: string, description: string): Option {
  const made = new Option(flags, description);
  // commander would take any value for yes, which `=0` and `=false` in a Makefile do not mean: see `switchedOn`.
  return takesValue(made) ? made.env(variableOf(made)) : made;
}

/** Whether a switch is on by its variable. */
export function switchedOn(made: Option, variables: Variables): boolean {
  return !takesValue(made) && isOn(variables[variableOf(made)]);
}

/** Whether the text of a variable means yes. */
export function isOn(text: string | undefined): boolean {
  return text !== undefined && !['', '0', 'false', 'no', 'off'].includes(text.toLowerCase());
}

function takesValue(made: Option): boolean {
  return made.required || made.optional;
}

/** An option whose variable is a setting of its own. */
export function settingOption(flags: string, description: string, variable: string): Option {
  return new Option(flags, description).env(variable);
}

/** `--task-definition` is `ECS_CANARY_TASK_DEFINITION`. */
function variableOf(made: Option): string {
  return `ECS_CANARY_${made.name().toUpperCase().replaceAll('-', '_')}`;
}

/** An option that may be given several times, or once with commas. */
export function listOption(flags: string, description: string): Option {
  return option(flags, description).argParser((value: string, earlier: string | undefined) => (earlier ? `${earlier},${value}` : value));
}

/**
 * The items of such an option; undefined when it was not given.
 * @throws CanaryError `usage` for one without items: an empty variable of a script must not mean "everything".
 */
export function listOf(values: Values, name: string): readonly string[] | undefined {
  const value = values[name];
  if (typeof value !== 'string') return undefined;
  const items = value.split(',').map((item) => item.trim()).filter((item) => item !== '');
  if (items.length === 0) throw usageError(`--${name} is empty.`);
  return items;
}

/** An option that may be given several times, each with any text: the variable holds one. */
export function repeatableOption(flags: string, description: string): Option {
  return option(flags, description).argParser((value: string, earlier: string | undefined) => (earlier === undefined ? value : earlier + BETWEEN + value));
}

/** The texts that it was given. */
export function repeatsOf(values: Values, name: string): readonly string[] {
  return textOf(values, name)?.split(BETWEEN) ?? [];
}

/** What no argument of a program can hold. */
const BETWEEN = '\0';

export const acceptDriftOption = () => option('--accept-drift', 'go on although somebody else changed the weights');

export const noScaleOption = () => option('--no-scale', 'refuse instead of starting the tasks that the share needs');

export const onInterruptOption = () =>
  option('--on-interrupt <what>', 'after Ctrl-C or SIGTERM: stop, or rollback first (default: stop)');

/**
 * Whether an interruption is to take the users back.
 * @throws CanaryError `usage`.
 */
export function goesBack(values: Values): boolean {
  const what = values['onInterrupt'] ?? 'stop';
  if (what === 'stop' || what === 'rollback') return what === 'rollback';
  throw usageError(`--on-interrupt is "${what}": it should be stop or rollback.`);
}

/** Whether `--no-scale` was given: commander keeps a negated option under its positive name. */
export function scalesNot(values: Values): boolean {
  return values['scale'] === false;
}

export function textOf(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function isSet(values: Values, name: string): boolean {
  return values[name] === true;
}
