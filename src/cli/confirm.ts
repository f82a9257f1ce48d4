/** Consent, for what destroys something: a question on a terminal, `--yes` everywhere else. */
import { CanaryError, usageError } from '../errors.ts';
import type { Context } from './context.ts';

/**
 * @param question what would be done; ` [y/N]` is added.
 * @throws CanaryError `usage` without a terminal and without `--yes`, with the command to type; `declined` for a no.
 */
export async function confirm(context: Context, question: string): Promise<void> {
  const { stdin, stdout, stderr } = context.terminal;
  if (context.yes) return;
  if (!stdin.isTTY || !stdout.isTTY) {
    throw usageError(`${question} Without a terminal this needs --yes.`, `ecs-canary ${context.commandLine.command} --yes`);
  }
  const { createInterface } = await import('node:readline/promises');
  const prompt = createInterface({ input: stdin, output: stderr });
  try {
    // Ctrl-C and Ctrl-D at the question are a no.
    const answer = await prompt.question(`${question} [y/N] `, { signal: context.signal }).catch(() => '');
    context.signal.throwIfAborted();
    if (/^y(es)?$/i.test(answer.trim())) return;
  } finally {
    prompt.close();
  }
  throw new CanaryError({ code: 'declined', message: 'Nothing was changed.' });
}
