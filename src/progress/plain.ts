/** Events as plain lines: for pipes, CI logs, and standard error beside `--json`. One line per change, never redrawn. */
import type { ProgressEvent, Progress } from './events.ts';
import { lineOf } from './lines.ts';

export interface Streams {
  /** Where the lines that scripts look for go. */
  readonly out: NodeJS.WritableStream;
  readonly err: NodeJS.WritableStream;
}

/** @param quiet leaves out everything but warnings. */
export function plainProgress(streams: Streams, quiet: boolean): Progress {
  let last = '';
  return (event: ProgressEvent) => {
    const line = lineOf(event);
    if (line === undefined) return;
    if (event.type === 'warning' || event.type === 'hazard') {
      streams.err.write(`${line}\n`);
    } else if (event.type === 'output') {
      if (!quiet) streams.err.write(`${line}\n`);
    } else if (!quiet && line !== last) {
      streams.out.write(`${line}\n`);
    }
    last = line;
  };
}
