/** Runs containers as plain processes of this machine: images unpacked to folders, ports on 127.0.0.1. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Region } from '../parts.ts';
import { type Launch, containerLaunch, startError } from './container-launch.ts';
import { freePort } from './free-port.ts';
import { canExecute, refuseToExecute } from './foreign-processor.ts';
import { type ProcessLedger, endGroup, openLedger } from './process-ledger.ts';
import type { ContainerOrder, OwnRunner } from './runner.ts';
import { nodeOptions } from './task-names.ts';

/** How long output of what the container's process started may still come in after it ended, in real ms. */
const OUTPUT_GRACE = 500;

/** Each container is a process group; its first port mapping is a loopback port the process gets as `PORT`. */
export function makeProcessRunner(region: Region): OwnRunner {
  const ledger = openLedger(resolve(join(region.config.dir, 'processes', region.name)));
  return {
    async pull(reference) {
      const image = await region.images.prepare(reference);
      return { ...image, location: image.rootfs };
    },
    async start(order, image) {
      if (!canExecute(order, image)) {
        return refuseToExecute(order, image);
      }
      const port = await freePort();
      const { env, ...program } = containerLaunch(order, image, port);
      const NODE_OPTIONS = nodeOptions(env['NODE_OPTIONS'], order, region.config.dir);
      const child = await launch({ ...program, env: { ...env, NODE_OPTIONS } }, ledger);
      const ended = follow(child, order, ledger);
      const containerPort = order.definition.portMappings?.[0]?.containerPort;
      return {
        ports: containerPort === undefined ? {} : { [containerPort]: port },
        stop: (graceMs) => stop(child, graceMs, ended),
        kill: () => endGroup(child.pid ?? 0, 'SIGKILL'),
      };
    },
    async close() {},
  };
}

function launch({ file, args, cwd, env }: Launch, ledger: ProcessLedger): Promise<ChildProcess> {
  return new Promise((started, failed) => {
    const child = spawn(file, args, {
      cwd,
      env: { ...env, ...ledger.marker },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    if (child.pid !== undefined) {
      ledger.add(child.pid);
    }
    child.once('spawn', () => started(child));
    // The file is there and executable, so it is its interpreter that is missing.
    child.once('error', () => failed(startError(file, 'no such file or directory')));
  });
}

/** Passes output and end on; resolves when nothing of the group is left. */
function follow(child: ChildProcess, order: ContainerOrder, ledger: ProcessLedger): Promise<void> {
  const pid = child.pid ?? 0;
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) {
      createInterface({ input: stream }).on('line', order.output);
    }
  }
  child.once('exit', () => {
    endGroup(pid, 'SIGKILL');
    ledger.remove(pid);
    setTimeout(() => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, OUTPUT_GRACE).unref();
  });
  return new Promise((ended) => {
    child.once('close', (code, signal) => {
      order.exited(code ?? 128 + (signal ? constants.signals[signal] : 0));
      ended();
    });
  });
}

async function stop(child: ChildProcess, graceMs: number, ended: Promise<void>): Promise<void> {
  const pid = child.pid ?? 0;
  if (child.exitCode === null && child.signalCode === null) {
    endGroup(pid, 'SIGTERM');
  }
  const killer = setTimeout(() => endGroup(pid, 'SIGKILL'), graceMs);
  await ended;
  clearTimeout(killer);
}
