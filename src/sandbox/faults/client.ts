/** Fault orders of the sandbox that runs in a folder, for other processes. */
import { resolve } from 'node:path';
import { FAULTS_PATH } from '../api/fault-orders.ts';
import { findRunning } from '../run-file.ts';
import type { AnyOrder, AnyOrdered } from './faults.ts';
import { InvalidOrder } from './invalid-order.ts';

/** No sandbox runs in the folder. */
export class NotRunning extends Error {
  override readonly name = 'NotRunning';
}

/** Throws NotRunning, and InvalidOrder for an order that can't be carried out. */
export async function orderFault(dir: string, order: AnyOrder): Promise<AnyOrdered> {
  const response = await ask(dir, { method: 'POST', body: JSON.stringify(order) });
  if (response.status === 400) throw new InvalidOrder((await response.text()).trim());
  return readAnswer(response);
}

/** In the order in which they were made. Throws NotRunning. */
export async function listFaults(dir: string): Promise<AnyOrdered[]> {
  const { faults } = await readAnswer<{ faults: AnyOrdered[] }>(await ask(dir));
  return faults;
}

/** Removes all and says how many there were. Throws NotRunning. */
export async function clearFaults(dir: string): Promise<number> {
  const { removed } = await readAnswer<{ removed: number }>(await ask(dir, { method: 'DELETE' }));
  return removed;
}

async function ask(dir: string, request: RequestInit = {}): Promise<Response> {
  const info = await findRunning(resolve(dir));
  if (!info) throw new NotRunning(`No sandbox runs in ${dir}.`);
  return fetch(new URL(FAULTS_PATH, info.url), request);
}

async function readAnswer<T>(response: Response): Promise<T> {
  if (!response.ok) throw new Error(`The sandbox answered ${response.status}: ${await response.text()}`);
  return JSON.parse(await response.text());
}
