/** `history`: what was done with a pair, by whom, when, and how it ended. */
import type { HistoryEntry } from '../../release/history.ts';
import { type Command } from '../command.ts';
import { openPair, pairOptions } from '../pair.ts';
import { aligned, shortened, widest } from '../table.ts';

export const history: Command = {
  name: 'history',
  summary: 'show what was done with the pair so far, by whom, and how it ended',
  options: pairOptions(),
  examples: ['ecs-canary history', 'ecs-canary history --json'],
  writes: false,
  async run(context, values) {
    const { session, pair } = await openPair(context, values, { writes: false });
    const [{ historyOf }, { readLog }] = await Promise.all([import('../../release/history.ts'), import('../../release/log.ts')]);
    const entries = historyOf(await readLog(session.aws.parameters, pair), Date.now());
    if (entries.length === 0) context.print('Nothing was done with this pair yet: its release log is empty.');
    else for (const line of table(entries)) context.print(line);
    return { entries };
  },
};

/** The lines of the table, none of them longer than this. */
const WIDTH = 80;

const HEADINGS = ['', 'when (UTC)', 'by', 'command', 'share', ''];
const COMMAND = 3;

/** Oldest first, at most 80 columns wide: the command, which `--json` has in full, gets what the other columns leave. */
function table(entries: readonly HistoryEntry[]): string[] {
  const rows = [HEADINGS, ...entries.map(cellsOf)];
  const others = HEADINGS.flatMap((_, column) => (column === COMMAND ? [] : [widest(rows, column) + 2]));
  const left = WIDTH - others.reduce((sum, width) => sum + width, 0);
  return aligned(rows.map((row) => row.map((cell, column) => (column === COMMAND ? shortened(cell, left) : cell))));
}

function cellsOf({ number, at, by, command, state, ...move }: HistoryEntry): string[] {
  const [person = ''] = by.split(' (');
  return [String(number), at.slice(0, 16).replace('T', ' '), shortened(person, 14), command, share(move), state?.replace('-', ' ') ?? ''];
}

/** The other version, and the percent it had and was to get. */
function share({ other, before, percent }: Pick<HistoryEntry, 'other' | 'before' | 'percent'>): string {
  const version = other?.version ? `${shortened(other.version, 8)} ` : '';
  return `${version}${before === null ? '' : `${Math.round(before)}% → `}${percent}%`;
}
