/** The first Ctrl-C, SIGTERM or hang-up is one abort; a second one ends the program at once, as if nobody listened. */
import { CanaryError, ExitCode } from '../errors.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Interruptible {
  readonly signal: AbortSignal;
  /** Stops listening. */
  end(): void;
}

/** @param onFirst tells the user that it was heard: a safe point may be some calls away. */
export function interruptible(onFirst: () => void): Interruptible {
  const controller = new AbortController();
  const end = () => {
    for (const name of SIGNALS) process.removeListener(name, onSignal);
  };
  const onSignal = () => {
    end();
    onFirst();
    controller.abort(new CanaryError({ code: 'interrupted', message: 'Interrupted.', exitCode: ExitCode.interrupted }));
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return { signal: controller.signal, end };
}
