/** `sandbox faults`: which faults are ordered, and how often each has hit. */
import { type Command, isSet, option } from '../../command.ts';
import { describeHits, describeOrder, withSandbox } from './fault-orders.ts';
import { dirOf, dirOption } from './shared.ts';

export const sandboxFaults: Command = {
  name: 'faults',
  summary: 'show which faults are ordered and how often each has hit',
  options: [option('--clear', 'remove them all instead'), dirOption()],
  examples: ['ecs-canary sandbox faults', 'ecs-canary sandbox faults --clear'],
  writes: false,
  local: true,
  async run(context, values) {
    if (isSet(values, 'clear')) {
      const removed = await withSandbox(dirOf(values), ({ clearFaults }, dir) => clearFaults(dir));
      context.print(`Removed ${removed} ${removed === 1 ? 'fault' : 'faults'}.`);
      return { removed };
    }
    const faults = await withSandbox(dirOf(values), ({ listFaults }, dir) => listFaults(dir));
    if (faults.length === 0) context.print('No fault is ordered.');
    for (const fault of faults) context.print(`${describeOrder(fault)} ${describeHits(fault)}`);
    return { faults };
  },
};
