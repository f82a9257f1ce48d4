/** Colours, where the terminal and its user want them. */
import { Chalk, type ChalkInstance } from 'chalk';
import type { Values } from './command.ts';
import type { Terminal } from './context.ts';

export function colours({ env, stdout }: Terminal, values: Values): ChalkInstance {
  const forced = env['FORCE_COLOR'] && env['FORCE_COLOR'] !== '0';
  const unwanted = values['color'] === false || env['NO_COLOR'] || env['TERM'] === 'dumb' || env['FORCE_COLOR'] === '0';
  const wanted = !unwanted && (forced || stdout.isTTY);
  return new Chalk({ level: wanted ? 1 : 0 });
}
