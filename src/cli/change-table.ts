/** What happens to a stack's resources, as a table. */
import type { StackChange } from '../infra/stack-changes.ts';
import { aligned, shortened } from './table.ts';

const WIDTH = 80;

/** Lines of at most 80 characters: the change, the resource, its type. */
export function changeTable(changes: readonly StackChange[]): string[] {
  const whole = tableOf(changes);
  if (whole.every((line) => line.length <= WIDTH)) return whole;
  // Nearly all types begin alike.
  const bare = changes.map((change) => ({ ...change, type: change.type.replace(/^AWS::/, '') }));
  return tableOf(bare).map((line) => shortened(line, WIDTH));
}

function tableOf(changes: readonly StackChange[]): string[] {
  return aligned(changes.map(({ change, resource, type }) => [`  ${change}`, resource, type]));
}
