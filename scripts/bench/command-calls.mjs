// Which AWS calls each command makes.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { table } from './table.mjs';

const COMMANDS = [
  ['build-infra'],
  ['build-infra'],
  ['push', '.', '--tag', '0.9'],
  ['rollout', '--tag', '0.9'],
  ['status'],
  ['push', '.', '--tag', '1.0'],
  ['rollout', '--tag', '1.0'],
  ['route', '--canary', '50'],
  ['route', '--canary', '50'],
  ['promote'],
  ['rollback'],
  ['destroy-old', '--yes'],
];

/** One version runs afterwards. */
export function commandCalls(place) {
  const rows = COMMANDS.map((command) => {
    if (command[0] === 'push') writeFileSync(join(place.app, 'version.js'), `export const version = '${command[3]}';\n`);
    const calls = place.callsOf(command);
    const writes = calls.filter(({ write }) => write).map(({ operation }) => operation);
    return [`\`${command.join(' ')}\``, calls.length - writes.length, writes.length, counted(writes)];
  });
  return `AWS calls of each command, in the order given, one rule, two tasks. Waits poll, so their reads vary:\n\n${table(['command', '#reads', '#writes', 'the writes'], rows)}`;
}

/** `CreateService, PutParameter ×2` */
function counted(names) {
  const times = (name) => names.filter((one) => one === name).length;
  return [...new Set(names)].map((name) => (times(name) > 1 ? `${name} ×${times(name)}` : name)).join(', ');
}
