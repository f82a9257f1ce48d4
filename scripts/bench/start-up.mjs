// How fast the program starts, as a ratio to an empty Node measured in turn.
import { cpus } from 'node:os';
import { CLI } from './place.mjs';
import { table } from './table.mjs';

const RUNS = 25;

const PROGRAMS = {
  'node -e 0': ['-e', '0'],
  '--version': [CLI, '--version'],
  '--help': [CLI, '--help'],
  'route --canary 0 --dry-run': [CLI, 'route', '--canary', '0', '--dry-run'],
};

/** Each round starts every program once, so that a busy moment of the machine hits all of them; the fastest counts. */
export function startUp(place) {
  const best = Object.fromEntries(Object.keys(PROGRAMS).map((name) => [name, Infinity]));
  let firstCall = Infinity;
  for (let round = 0; round < RUNS; round += 1) {
    for (const [name, args] of Object.entries(PROGRAMS)) {
      const begin = Date.now();
      best[name] = Math.min(best[name], timed(place, args));
      if (name.startsWith('route')) firstCall = Math.min(firstCall, firstCallAfter(place, begin) - begin);
    }
  }
  const rows = [...Object.entries(best).map(([name, ms]) => [`\`${name}\``, ms]), ['route … until its first AWS call was answered', firstCall]];
  const shown = rows.map(([name, ms]) => [name, ms.toFixed(0), (ms / best['node -e 0']).toFixed(2)]);
  return `Start-up, the fastest of ${RUNS} runs each, in turn, on Node ${process.versions.node}, ${cpus().length} cores:\n\n${table(['program', '#ms', '#ratio to `node -e 0`'], shown)}`;
}

/** ms */
function timed(place, args) {
  const begin = performance.now();
  place.node(args);
  return performance.now() - begin;
}

/** When the sandbox answered the first call made after `begin`, in ms since 1970. */
function firstCallAfter(place, begin) {
  return Math.min(...place.requests().map(({ time }) => Date.parse(time)).filter((at) => at >= begin));
}
