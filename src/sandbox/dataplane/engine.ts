/** Talks to a container engine through its own command line, which Docker and Podman have in common. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

export type EngineName = 'docker' | 'podman';

export interface EngineCall {
  /** Standard input of the command. */
  readonly input?: Readable;
  /** Variables beside those of the sandbox. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ends it; the call rejects with an `AbortError` then. */
  readonly signal?: AbortSignal;
}

export interface Engine {
  /** Runs a command to its end. Resolves with what it printed; rejects with an Error whose message is what the engine said. */
  run(args: readonly string[], call?: EngineCall): Promise<string>;
  /** Starts a command that lasts; its output is to be read. */
  start(args: readonly string[]): ChildProcess;
}

/** Real ms that an engine gets to say that it is there. */
const ANSWER_TIMEOUT = 15_000;

/** The engine of that name, as `PATH` and the engine's own variables say. */
export function openEngine(name: EngineName): Engine {
  // In a group of their own: a Ctrl-C in the terminal is for the sandbox alone, which then ends its containers one by one.
  const open = (args: readonly string[], { input, env, signal }: EngineCall = {}) => spawn(name, args, {
    env: { ...process.env, ...env }, stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'], detached: true, signal,
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
      const over = whenOver(child);
      // An engine that ends before it has read everything says why itself.
      if (call.input && child.stdin) pipeline(call.input, child.stdin).catch(() => undefined);
      const [out, said, code] = await Promise.all([outputOf(child.stdout), outputOf(child.stderr), over]);
      if (code === 0) return out;
      throw new Error(said.trim().replace(/^Error: /, '') || `${name} ${args[0]} ended with ${code ?? child.signalCode}`);
    },
  };
}

/** Why the engine can't be used, as a sentence; undefined where it can. */
export async function whyNoEngine(name: EngineName): Promise<string | undefined> {
  try {
    // Docker's command line is there without its daemon: only a question to the daemon tells.
    await openEngine(name).run(['ps', '--quiet'], { signal: AbortSignal.timeout(ANSWER_TIMEOUT) });
    return undefined;
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return `${name} is not installed.`;
    if (code === 'ABORT_ERR') return `${name} does not answer within ${ANSWER_TIMEOUT / 1_000} s.`;
    const said = error instanceof Error ? error.message : String(error);
    return `${name} does not answer: ${said.split('\n').at(-1)}`;
  }
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
