/** Talks to a container engine through its own command line, which Docker and Podman have in common. */
import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { endGroup } from './process-ledger.ts';

export type EngineName = 'docker' | 'podman';

export interface EngineCall {
  /** Standard input of the command. */
  readonly input?: Readable;
  /** Variables beside those of the sandbox. */
  readonly env?: Readonly<Record<string, string>>;
  /** Real ms that it may take, `Infinity` for what takes as long as it takes; not given, it is a matter of a moment. */
  readonly limit?: number;
}

export interface Engine {
  /**
   * Runs a command to its end. Resolves with what it printed; rejects with an Error whose message is what the engine said, and with
   * `NoAnswer` when it takes longer than it may.
   */
  run(args: readonly string[], call?: EngineCall): Promise<string>;
  /** Starts a command that lasts; its output is to be read. */
  start(args: readonly string[]): ChildProcess;
}

/** The engine was ended, as it had not answered in time. The message is a sentence. */
export class NoAnswer extends Error {}

/** Real ms that an engine gets to say that it is there. */
const ANSWER_LIMIT = 15_000;
/** For any other matter of a moment, on a machine that is busy. */
export const MOMENT = 60_000;

/** The engine of that name, as `PATH` and the engine's own variables say. */
export function openEngine(name: EngineName): Engine {
  // In a group of their own: a Ctrl-C in the terminal is for the sandbox alone, which then ends its containers one by one. And not
  // in the user's folder, where Podman's monitor leaves a file for each container that takes too much memory.
  const open = (args: readonly string[], { input, env }: EngineCall = {}) => spawn(name, args, {
    env: { ...process.env, ...env }, stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'], detached: true, cwd: tmpdir(),
  });
  return {
    start(args) {
      const child = open(args);
      // Its end says enough.
      child.once('error', () => undefined);
      return child;
    },
    async run(args, call = {}) {
      const child = open(args, call);
      const isOverdue = endAfter(call.limit ?? MOMENT, child);
      // An engine that ends before it has read everything says why itself.
      if (call.input && child.stdin) pipeline(call.input, child.stdin).catch(() => undefined);
      const [out, said, code] = await Promise.all([outputOf(child.stdout), outputOf(child.stderr), whenOver(child)]);
      if (code === 0) return out;
      if (isOverdue()) throw new NoAnswer(`${name} does not answer within ${(call.limit ?? MOMENT) / 1_000} s.`);
      throw new Error(said.trim().replace(/^Error: /, '') || `${name} ${args[0]} ended with ${code ?? child.signalCode}`);
    },
  };
}

/** Ends a command that takes longer than that, with all that it has started. @returns whether it had to. */
function endAfter(limit: number, child: ChildProcess): () => boolean {
  const { pid } = child;
  let isOverdue = false;
  if (limit === Infinity || pid === undefined) return () => isOverdue;
  const timer = setTimeout(() => {
    isOverdue = true;
    endGroup(pid, 'SIGKILL');
  }, limit);
  child.once('close', () => clearTimeout(timer));
  return () => isOverdue;
}

/** Why the engine can't be used, as a sentence; undefined where it can. */
export async function whyNoEngine(name: EngineName): Promise<string | undefined> {
  try {
    // Docker's command line is there without its daemon: only a question to the daemon tells.
    await openEngine(name).run(['ps', '--quiet'], { limit: ANSWER_LIMIT });
    return undefined;
  } catch (error) {
    if (isNotInstalled(error)) return `${name} is not installed.`;
    if (error instanceof NoAnswer) return error.message;
    const said = error instanceof Error ? error.message : String(error);
    return `${name} does not answer: ${said.split('\n').at(-1)}`;
  }
}

/** Of what a call was rejected with. */
export function isNotInstalled(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT';
}

function outputOf(stream: Readable | null): Promise<string> {
  return stream ? text(stream) : Promise.resolve('');
}

function whenOver(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
}
