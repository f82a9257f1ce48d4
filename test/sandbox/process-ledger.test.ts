/** What a sandbox that was killed without warning left running is ended at its next start; nothing else is. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLedger } from '../../src/sandbox/dataplane/process-ledger.ts';

let folder: string;
const started: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ledger-'));
});

afterEach(() => {
  started.forEach((child) => child.kill('SIGKILL'));
  rmSync(folder, { recursive: true });
});

/** A process that would stay for a minute. */
async function idle(env: Readonly<Record<string, string>>): Promise<ChildProcess & { pid: number }> {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'], { env: { ...env }, detached: true, stdio: 'ignore' });
  started.push(child);
  await once(child, 'spawn');
  return Object.assign(child, { pid: child.pid ?? 0 });
}

test('a process left over is ended, and forgotten', async () => {
  const ledger = openLedger(folder);
  const child = await idle(ledger.marker);
  ledger.add(child.pid);
  openLedger(folder).endLeftovers();
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
});

test('whoever got the id of a process that is gone is left alone', async () => {
  const stranger = await idle({});
  const neighbour = await idle(openLedger(join(folder, 'other')).marker);
  const ledger = openLedger(folder);
  ledger.add(stranger.pid);
  ledger.add(neighbour.pid);
  openLedger(folder).endLeftovers();
  const left = await idle(ledger.marker);
  ledger.add(left.pid);
  ledger.endLeftovers();
  await once(left, 'exit');
  expect([stranger.exitCode, stranger.signalCode, neighbour.exitCode, neighbour.signalCode]).toEqual([null, null, null, null]);
});
