/** Keeps each region's state in `<dir>/<region>.json`, and the account's in `<dir>/global.json`, so that a sandbox carries on where it stopped. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRegionName } from './region-name.ts';
import { writeWhole } from './whole-file.ts';
import { emptyGlobal, emptyWorld, type GlobalState, type WorldState } from './world/state.ts';

export interface StateFile<State> {
  readonly state: State;
  /** Writes soon: many changes in a row are one write. */
  readonly changed: () => void;
  /** Writes now, and no more after that. */
  readonly close: () => void;
}

/** The file of what belongs to no region. */
export const GLOBAL_FILE = 'global.json';

/** How long changes are gathered, in real ms. */
const GATHER_MS = 50;

/** The regions that have a state file in `dir`. */
export function storedRegions(dir: string): string[] {
  const names = readdirSync(dir).filter((file) => file.endsWith('.json'));
  return names.map((file) => file.slice(0, -'.json'.length)).filter(isRegionName);
}

/** Opens a region's state, empty where there is none yet. Throws an Error that names the file when it can't be read. */
export function openState(dir: string, region: string): StateFile<WorldState> {
  return openFile(join(dir, `${region}.json`), emptyWorld());
}

/** Opens the account's state, as `openState` does a region's. */
export function openGlobalState(dir: string): StateFile<GlobalState> {
  return openFile(join(dir, GLOBAL_FILE), emptyGlobal());
}

function openFile<State extends object>(file: string, empty: State): StateFile<State> {
  const state = existsSync(file) ? readState(file, empty) : empty;
  let written = serialize(state);
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const write = () => {
    clearTimeout(timer);
    timer = undefined;
    const text = serialize(state);
    if (text !== written) {
      // Nobody else may read it: it holds private keys of certificates.
      writeWhole(file, text, { mode: 0o600 });
      written = text;
    }
  };
  return {
    state,
    changed() {
      if (!closed) timer ??= setTimeout(write, GATHER_MS);
    },
    close() {
      closed = true;
      write();
    },
  };
}

function readState<State extends object>(file: string, empty: State): State {
  try {
    return complete(deserialize(readFileSync(file, 'utf8')), empty);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new Error(`The sandbox's state file ${file} can't be read (${cause}). Repair it, or remove it to start without what it holds.`, {
      cause: error,
    });
  }
}

/** State with every service's part: one that is new since the file was written starts empty. */
function complete<State extends object>(stored: unknown, empty: State): State {
  if (typeof stored !== 'object' || stored === null || Array.isArray(stored)) throw new TypeError('it holds no state');
  return { ...empty, ...stored };
}

/** JSON in which a Date is `{"$date": "<ISO 8601>"}`. */
function serialize(state: object): string {
  return JSON.stringify(state, function markDates(this: Record<string, unknown>, key: string, value: unknown) {
    const raw = this[key];
    return raw instanceof Date ? { $date: raw.toISOString() } : value;
  });
}

function deserialize(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) => {
    const isDate = typeof value === 'object' && value !== null && '$date' in value && typeof value.$date === 'string';
    return isDate ? new Date(String(value.$date)) : value;
  });
}
