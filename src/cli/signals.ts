/** The first Ctrl-C or SIGTERM is one abort; a second one ends the program at once, as if nobody listened. */
import { CanaryError, ExitCode } from '../errors.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export interface Interruptible {
  readonly signal: AbortSignal;
  /** Stops listening. */
  end(): void;
}

export function interruptible(): Interruptible {
  const controller = new AbortController();
  const end = () => {
    for (const name of SIGNALS) process.removeListener(name, onSignal);
  };
  const onSignal = () => {
    end();
    controller.abort(new CanaryError({ code: 'interrupted', message: 'Interrupted.', exitCode: ExitCode.interrupted }));
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return { signal: controller.signal, end };
}
