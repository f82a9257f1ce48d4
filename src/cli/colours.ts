/** Colours, where the terminal and its user want them. */
import { Chalk, type ChalkInstance } from 'chalk';
import type { Variables } from '../settings/connection.ts';
import type { Values } from './command.ts';
import type { Terminal } from './context.ts';

export function colours(terminal: Terminal, values: Values, variables: Variables): ChalkInstance {
  const forced = variables['FORCE_COLOR'] && variables['FORCE_COLOR'] !== '0';
  const unwanted = values['color'] === false || variables['NO_COLOR'] || variables['TERM'] === 'dumb' || variables['FORCE_COLOR'] === '0';
  const wanted = !unwanted && (forced || terminal.stdout.isTTY);
  return new Chalk({ level: wanted ? 1 : 0 });
}
