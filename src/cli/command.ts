/** What a command is: a plain object with its words, its options and its handler. */
import { Option } from 'commander';
import type { Context } from './context.ts';

/** Options as commander hands them over: text for those that take a value, true for switches. */
export type Values = Readonly<Record<string, string | boolean | undefined>>;

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
  /**
   * Does the work.
   * @returns what `--json` prints.
   */
  run(context: Context, values: Values, argument: string | undefined): Promise<object>;
}

/** An option that also has its environment variable, `ECS_CANARY_<OPTION>`. */
export function option(flags: string, description: string): Option {
  const made = new Option(flags, description);
  return made.env(variableOf(made));
}

/** An option whose variable is a setting of its own. */
export function settingOption(flags: string, description: string, variable: string): Option {
  return new Option(flags, description).env(variable);
}

/** `--task-definition` is `ECS_CANARY_TASK_DEFINITION`. */
function variableOf(made: Option): string {
  return `ECS_CANARY_${made.name().toUpperCase().replaceAll('-', '_')}`;
}

export function textOf(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function isSet(values: Values, name: string): boolean {
  return values[name] === true;
}

/** Whether the variable of a switch says yes: `=0` and `=false` in a Makefile do not. */
export function saysYes(value: string | undefined): boolean {
  return value !== undefined && !['', '0', 'false', 'no'].includes(value.toLowerCase());
}
