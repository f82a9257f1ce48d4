/** What can be expected of chance. */

/**
 * Least and most hits that `count` independent trials have, outside of which they lie with a probability of at most `alarm`:
 * exact, half of it at each end.
 * @param chance of each trial, 0 to 1.
 */
export function band(count: number, chance: number, alarm: number): readonly [least: number, most: number] {
  return [least(count, chance, alarm / 2), count - least(count, 1 - chance, alarm / 2)];
}

/** The first number of hits that is not too many to call fewer ones rare: they have a probability of at most `rare`. */
function least(count: number, chance: number, rare: number): number {
  if (chance === 1) return count;
  let log = count * Math.log1p(-chance);
  let fewer = 0;
  for (let hits = 0; ; hits += 1) {
    fewer += Math.exp(log);
    if (fewer > rare) return hits;
    log += Math.log((((count - hits) / (hits + 1)) * chance) / (1 - chance));
  }
}
