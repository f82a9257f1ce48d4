/** Which engine of this machine answers. */
import { type CanaryError, systemCode, messageOf, usageError } from '../errors.ts';
import { type Surroundings, runEngine } from './engine-process.ts';
import { ENGINES, ENGINE_NAMES, type EngineName } from './engines.ts';

/** ms that an engine gets for its answer. */
const PATIENCE = 10_000;

/** The first one that answers; undefined where none does. */
export async function firstEngine(surroundings: Surroundings): Promise<EngineName | undefined> {
  for (const name of ENGINE_NAMES) if ((await whyNot(name, surroundings)) === undefined) return name;
  return undefined;
}

/** @throws CanaryError, exit 2, when the engine does not answer. */
export async function requireEngine(name: EngineName, surroundings: Surroundings): Promise<void> {
  const reason = await whyNot(name, surroundings);
  if (reason !== undefined) throw noEngine(name, reason);
}

function noEngine(name: EngineName, reason: string): CanaryError {
  const others = [...ENGINE_NAMES.filter((other) => other !== name), 'pack'].join(', ');
  return usageError(`The builder ${name} cannot be used: ${reason}.`, `install or start ${name}, or run the same command with another --builder (${others})`);
}

async function whyNot(name: EngineName, { env, signal }: Surroundings): Promise<string | undefined> {
  const late = AbortSignal.timeout(PATIENCE);
  const either = signal ? AbortSignal.any([signal, late]) : late;
  try {
    const { failure, lines } = await runEngine(name, ENGINES[name].probe, { env, signal: either });
    return failure && `it does not answer (${lines.at(-1)?.trim().replace(/\.$/, '') ?? failure})`;
  } catch (error) {
    signal?.throwIfAborted();
    if (late.aborted) return `it does not answer within ${PATIENCE / 1_000} seconds`;
    return systemCode(error) === 'ENOENT' ? 'it is not installed' : `it cannot be run (${messageOf(error)})`;
  }
}
