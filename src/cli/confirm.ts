/** Consent, for what destroys something: a question on a terminal, `--yes` everywhere else. */
import { CanaryError, usageError } from '../errors.ts';
import type { Context } from './context.ts';

/**
 * @param question what would be done; ` [y/N]` is added.
 * @throws CanaryError `usage` without a terminal and without `--yes`, with the command to type; `declined` for a no.
 */
export async function confirm(context: Context, question: string): Promise<void> {
  await ask(context, question, '[y/N]', (answer) => /^y(es)?$/i.test(answer));
}

/**
 * As `confirm`, for what is lost for good: consent is the name of it.
 * @param warning what would be lost.
 */
export async function confirmByName(context: Context, warning: string, name: string): Promise<void> {
  await ask(context, warning, 'Type its name to delete them:', (answer) => answer === name);
}

async function ask(context: Context, question: string, prompt: string, isConsent: (answer: string) => boolean): Promise<void> {
  const { stdin, stdout, stderr } = context.terminal;
  if (context.yes) return;
  if (!stdin.isTTY || !stdout.isTTY) {
    throw usageError(`${question} Without a terminal this needs --yes.`, `ecs-canary ${context.commandLine.command} --yes`);
  }
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: stdin, output: stderr });
  try {
    // Ctrl-C and Ctrl-D at the question are a no.
    const answer = await terminal.question(`${question} ${prompt} `, { signal: context.signal }).catch(() => '');
    context.signal.throwIfAborted();
    if (isConsent(answer.trim())) return;
  } finally {
    terminal.close();
  }
  throw new CanaryError({ code: 'declined', message: 'Nothing was changed.' });
}
