/** Chance, which `--seed` makes repeatable. */

/** Numbers in [0, 1): with a seed always the same sequence. */
export function randomBy(seed: number | undefined): () => number {
  return seed === undefined ? Math.random : seededRandom(seed);
}

/** The generator known as mulberry32. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
