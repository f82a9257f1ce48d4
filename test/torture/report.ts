/** What a run of the torture says at its end. */
import type { CrashResult } from './crash.ts';
import type { RaceResult } from './race.ts';

/** The table of docs/reliability.md. */
export function crashTable(results: readonly CrashResult[]): string {
  const names = [...new Set(results.map((result) => result.case.scenario.name))];
  const rows = names.map((name) => {
    const own = results.filter((result) => result.case.scenario.name === name);
    const cut = own.filter(({ operation }) => operation !== undefined);
    const kills = cut.filter((result) => result.case.order?.when !== 'lost');
    const clean = own.find((result) => !result.case.order);
    return [`\`${name}\``, clean?.calls ?? '', kills.length, cut.length - kills.length, sum(own, 'reruns'), sum(own, 'requests'), sum(own, 'failed')];
  });
  const total = ['total', '', ...[2, 3, 4, 5, 6].map((column) => rows.reduce((all, row) => all + Number(row[column]), 0))];
  return table(['command', 'calls', 'kills', 'lost answers', 'reruns', 'requests', 'failed requests'], [...rows, total]);
}

export function raceSummary(results: readonly RaceResult[]): string {
  const codes = new Map<string, number>();
  for (const { story } of results) {
    for (const [code] of story.matchAll(/exit \d+/g)) codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  const seen = [...codes].toSorted(([a], [b]) => a.localeCompare(b)).map(([code, count]) => `${code}: ${count}`).join(', ');
  return `Two operators: ${results.length} races, ${sum(results, 'requests')} requests, ${sum(results, 'failed')} of them failed. ${seen}.`;
}

/** Everything about a failed case, and how to have exactly that one again. */
export function howToRepeat(result: CrashResult | RaceResult): string {
  const again = 'seed' in result ? `--race 1 --seed ${result.seed}` : crashFlags(result);
  return [headingOf(result), ...result.found.slice(0, 20).map((text) => `  - ${text}`), result.output, `Again: npm run torture -- ${again}`].join('\n');
}

/** A case in one line. */
export function headingOf(result: CrashResult | RaceResult): string {
  if ('seed' in result) return `race ${result.seed}: ${result.story}`;
  const { scenario, order, elsewhere } = result.case;
  if (!order) return `${scenario.name}: ${result.calls} calls, undisturbed`;
  return `${scenario.name}, call ${order.call} (${result.operation ?? 'ended before'}), ${order.when}${elsewhere ? ', then on another machine' : ''}`;
}

function crashFlags({ case: { scenario, order, elsewhere } }: CrashResult): string {
  const at = order ? ` --call ${order.call} --when ${order.when}` : '';
  return `--command '${scenario.name}'${at}${elsewhere ? ' --elsewhere' : ''}`;
}

function sum<Key extends string>(results: readonly Readonly<Record<Key, number>>[], key: Key): number {
  return results.reduce((all, result) => all + result[key], 0);
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
