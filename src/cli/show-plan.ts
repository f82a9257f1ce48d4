/** What `--dry-run` prints. */
import { type Plan, describe } from '../release/step.ts';
import type { Context } from './context.ts';

/** Prints the plan's steps and returns them for `--json`. */
export function showPlan(context: Context, plan: Plan): { dryRun: true; steps: string[]; note?: string } {
  return showSteps(context, plan.steps.map(describe), plan.note);
}

/** The same for steps that are words already. */
export function showSteps(context: Context, steps: readonly string[], note?: string): { dryRun: true; steps: string[]; note?: string } {
  if (note) context.print(note);
  context.print(steps.length === 0 ? 'Nothing to do.' : 'Would do, in this order:');
  steps.forEach((step, index) => context.print(`${String(index + 1).padStart(3)}. ${step.replaceAll('\n', '\n     ')}`));
  return { dryRun: true, steps: [...steps], note };
}
