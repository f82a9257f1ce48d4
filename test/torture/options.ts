/** What `npm run torture --` takes. */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { SCENARIOS, type Scenario } from './commands.ts';
import { MOMENTS, type Moment } from './tap.ts';

export interface Options {
  readonly sample: boolean;
  readonly seed: number;
  /** Worlds side by side. */
  readonly lanes: number;
  /** Commands to be cut off; none where only races are asked for. */
  readonly scenarios: readonly Scenario[];
  /** Only this one of their calls. */
  readonly call: number | undefined;
  readonly moments: readonly Moment[];
  /** Whether the second run is to find itself on another machine. */
  readonly elsewhere: boolean;
  /** Races of two operators. */
  readonly races: number;
}

/** Two of each command's calls and ten races: a sample for every change. */
export const SAMPLE = { crashes: 2, races: 10 };
const RACES = 200;

/** @throws Error that says what is wrong. */
export function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      sample: { type: 'boolean', default: false },
      seed: { type: 'string' },
      lanes: { type: 'string', default: '3' },
      command: { type: 'string' },
      call: { type: 'string' },
      when: { type: 'string' },
      elsewhere: { type: 'boolean', default: false },
      race: { type: 'string' },
    },
  });
  const { sample, elsewhere, command, when, race } = values;
  const moments = MOMENTS.filter((moment) => when === undefined || moment === when);
  if (moments.length === 0) throw new Error(`--when is one of: ${MOMENTS.join(', ')}`);
  return {
    sample,
    elsewhere,
    moments,
    seed: numberOf('--seed', values.seed) ?? randomInt(2 ** 31),
    lanes: numberOf('--lanes', values.lanes) ?? 1,
    call: numberOf('--call', values.call),
    scenarios: race === undefined ? scenariosOf(command) : [],
    races: numberOf('--race', race) ?? (command === undefined ? (sample ? SAMPLE.races : RACES) : 0),
  };
}

/** One by its whole name, several by what comes before the parentheses, or all. */
function scenariosOf(command: string | undefined): readonly Scenario[] {
  if (command === undefined) return SCENARIOS;
  const exactly = SCENARIOS.filter(({ name }) => name === command);
  const found = exactly.length > 0 ? exactly : SCENARIOS.filter(({ name }) => name.startsWith(`${command} (`));
  if (found.length === 0) throw new Error(`--command is one of: ${SCENARIOS.map(({ name }) => name).join(', ')}`);
  return found;
}

function numberOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined || /^\d{1,10}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new Error(`${flag} takes a whole number, not ${text}`);
}
