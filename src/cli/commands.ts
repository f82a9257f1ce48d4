/** All commands, in the order in which `--help` shows them, each with the words that call it. */
import type { Command } from './command.ts';
import { buildInfra } from './commands/build-infra.ts';
import { destroyInfra } from './commands/destroy-infra.ts';
import { destroyOld } from './commands/destroy-old.ts';
import { history } from './commands/history.ts';
import { logs } from './commands/logs.ts';
import { probe } from './commands/probe.ts';
import { promote } from './commands/promote.ts';
import { push } from './commands/push.ts';
import { rollback } from './commands/rollback.ts';
import { rollout } from './commands/rollout.ts';
import { route } from './commands/route.ts';
import { sandboxFault } from './commands/sandbox/fault.ts';
import { sandboxFaults } from './commands/sandbox/faults.ts';
import { sandboxReset } from './commands/sandbox/reset.ts';
import { sandboxStart } from './commands/sandbox/start.ts';
import { sandboxStatus } from './commands/sandbox/status.ts';
import { sandboxStop } from './commands/sandbox/stop.ts';
import { status } from './commands/status.ts';
import { unlock } from './commands/unlock.ts';
import { update } from './commands/update.ts';

const ofTheProgram = [buildInfra, push, rollout, route, promote, destroyOld, update, rollback, status, logs, history, unlock, probe, destroyInfra];
const ofTheSandbox = [sandboxStart, sandboxStop, sandboxStatus, sandboxReset, sandboxFault, sandboxFaults];

export const commands: readonly (readonly [path: readonly string[], command: Command])[] = [
  ...ofTheProgram.map((command) => [[command.name], command] as const),
  ...ofTheSandbox.map((command) => [['sandbox', command.name], command] as const),
];
