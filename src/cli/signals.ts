/** The first Ctrl-C, SIGTERM or hang-up is one abort; a second one ends the program at once, as if nobody listened. */
import { CanaryError, ExitCode } from '../errors.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Interruptible {
  readonly signal: AbortSignal;
  /** Stops listening. */
  end(): void;
}

export interface Listeners {
  /** Tells the user that it was heard: a safe point may be some calls away. */
  readonly first: () => void;
  /** The last thing that is done: the screen is left as it should be. */
  readonly second: () => void;
}

export function interruptible({ first, second }: Listeners): Interruptible {
  const controller = new AbortController();
  const end = () => {
    for (const name of SIGNALS) process.removeListener(name, onSignal);
  };
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      end();
      second();
      // Ended by the signal itself, so that a shell or a CI runner sees what happened.
      process.kill(process.pid, name);
      return;
    }
    first();
    controller.abort(new CanaryError({ code: 'interrupted', message: 'Interrupted.', exitCode: ExitCode.interrupted }));
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return { signal: controller.signal, end };
}
