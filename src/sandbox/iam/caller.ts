/**
 * In whose name things are done. A stack is worked on long after the call that asked for it was answered, through timers and
 * promises of many rooms, none of which has to know of callers: so this is kept beside them.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

const callers = new AsyncLocalStorage<string>();

/** Everything that `work` begins is done for that access key id. */
export function asCaller<T>(accessKeyId: string, work: () => T): T {
  return callers.run(accessKeyId, work);
}

/** Undefined for what nobody asked for since the sandbox started, such as work that is taken up again. */
export function currentCaller(): string | undefined {
  return callers.getStore();
}
