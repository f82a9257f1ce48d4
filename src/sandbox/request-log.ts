/** The sandbox's log of API calls: one line of JSON per call, in `requests.ndjson`. */
import { closeSync, openSync, writeSync } from 'node:fs';

export interface LoggedRequest {
  readonly time: string;
  readonly service: string;
  readonly operation: string;
  /** Whether the operation changes something, by its name. */
  readonly write: boolean;
  /** HTTP status; 0 for a call that was cut before it took effect. */
  readonly status: number;
  /** The error code; null for a success. */
  readonly code: string | null;
  readonly region: string;
  readonly requestId: string;
  /** What was ordered for the call, if anything. */
  readonly fault?: string | undefined;
}

export interface RequestLog {
  /** The line is in the file when this returns, so that whoever has the answer finds it there. */
  readonly append: (entry: Omit<LoggedRequest, 'time' | 'write'>) => void;
  readonly close: () => void;
}

/** Appends to `file`, which is made where it is missing. */
export function openRequestLog(file: string): RequestLog {
  const descriptor = openSync(file, 'a');
  return {
    append(entry) {
      const { requestId, region, service, operation, status, code, fault } = entry;
      const time = new Date().toISOString();
      const line: LoggedRequest = { time, service, operation, write: isWrite(operation), status, code, region, requestId, fault };
      writeSync(descriptor, `${JSON.stringify(line)}\n`);
    },
    close: () => closeSync(descriptor),
  };
}

/** AWS names what only reads with one of these verbs; every other operation counts as a write. */
const READ_VERBS = /^(?:Describe|List|Get|BatchGet|BatchCheck|Filter|Validate|Estimate)/;

/** Whether an operation of that name changes something. */
export function isWrite(operation: string): boolean {
  return !READ_VERBS.test(operation);
}
