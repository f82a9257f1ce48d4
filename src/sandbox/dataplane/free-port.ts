/** Loopback ports for task processes. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the ranges systems take the ports of outgoing connections from, so that none of those slips in
// between our look at a port and the process that listens on it.
const FIRST = 20_000;
const LAST = 32_000;

// One cursor for the whole sandbox, from a place of its own: a port comes round again as late as possible.
let cursor = randomInt(FIRST, LAST);

/** A port on 127.0.0.1 nothing listens on. Throws an Error when there is none. */
export async function freePort(): Promise<number> {
  for (let tried = FIRST; tried < LAST; tried += 1) {
    cursor = cursor + 1 < LAST ? cursor + 1 : FIRST;
    const port = cursor;
    if (await isFree(port)) {
      return port;
    }
  }
  throw new Error(`no free port between ${FIRST} and ${LAST} on 127.0.0.1`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
