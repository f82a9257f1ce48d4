/** Chance that can be repeated. */
import { randomBy } from '../../src/sandbox/random.ts';

export interface Dice {
  /** A whole number from 0 up to, and without, the limit. */
  readonly below: (limit: number) => number;
  readonly pick: <T>(from: readonly T[]) => T;
}

/** @param seed the same one always brings the same choices. */
export function dice(seed: number): Dice {
  const next = randomBy(seed);
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    below,
    pick(from) {
      const picked = from[below(from.length)];
      if (picked === undefined) throw new Error('there is nothing to choose from');
      return picked;
    },
  };
}
