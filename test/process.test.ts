/** Which process wrote an entry, and whether it still runs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { isRunning, thisProcess } from '../src/process.ts';

const here = thisProcess();

test('this process runs, and is told from an earlier one with its number', () => {
  expect(thisProcess()).toEqual(here);
  expect(isRunning(here)).toBe(true);
  expect(isRunning({ ...here, started: undefined })).toBe(true);
  expect(isRunning({ ...here, started: (here.started ?? 0) - 1 })).toBe(false);
});

test('a process that has ended does not run, whether its parent has noticed or not', async () => {
  // The shell becomes a program that never asks what became of the shell's child, and says so before the child may end.
  const becomesNode = 'exec 3<&0; cat <&3 & exec "$0" -e "console.log($!); setInterval(() => {}, 60_000)"';
  const parent = spawn('sh', ['-c', becomesNode, process.execPath], { stdio: ['pipe', 'pipe', 'ignore'] });
  try {
    const [number] = await once(parent.stdout, 'data');
    const child = { host: here.host, pid: Number(String(number)) };
    expect(isRunning(child)).toBe(true);
    parent.stdin.end();
    for (const deadline = Date.now() + 5_000; isRunning(child) && Date.now() < deadline; ) await new Promise(setImmediate);
    expect(isRunning(child)).toBe(false);
    process.kill(child.pid, 0);
  } finally {
    parent.kill();
    await once(parent, 'exit');
  }
  expect(isRunning({ host: here.host, pid: parent.pid ?? 0 })).toBe(false);
});

test('where the kernel tells nothing, no other process has the same host', async () => {
  const anotherProcess = '../src/process.ts?another';
  const other: { thisProcess: typeof thisProcess } = await import(anotherProcess);
  expect(other.thisProcess()).toEqual(here);
  const unknown = thisProcess('/nowhere');
  expect(unknown).toEqual({ host: thisProcess('/nowhere').host, pid: process.pid });
  expect(new Set([here.host, unknown.host, other.thisProcess('/nowhere').host]).size).toBe(3);
});
