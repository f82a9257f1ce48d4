/** Keeps warnings about how things stand from being repeated at each step of a command. */
import type { Progress } from './events.ts';

/** The same progress, without hazards that were told before. */
export function hazardsOnce(progress: Progress): Progress {
  const told = new Set<string>();
  return (event) => {
    if (event.type === 'hazard' && told.has(event.text)) return;
    if (event.type === 'hazard') told.add(event.text);
    progress(event);
  };
}
