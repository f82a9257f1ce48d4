/** What a wire protocol does for the API server: requests in, answers out. */
import { AwsError } from '../../errors.ts';
import type { ErrorModel, OperationModel } from './model.ts';

/** A call that AWS does not have, or that the sandbox does not emulate. */
export class UnknownOperation extends AwsError {}

export interface WireProtocol {
  readonly contentType: string;
  /** What this protocol calls the errors that stand in no service's model. */
  readonly codes: Readonly<Record<'missingToken' | 'incompleteSignature' | 'invalidSignature' | 'throttled' | 'denied', string>>;
  /** The answer to an operation that the service does not have. */
  unknownOperation(operation: string, version: string): UnknownOperation;
  /** Throws AwsError for a request that can't be understood. */
  readInput(operation: OperationModel, request: RequestParts): Record<string, unknown>;
  writeOutput(operation: OperationModel, output: object, answer: AnswerContext): OutputAnswer;
  writeError(error: AwsError, model: ErrorModel | undefined, answer: AnswerContext): ErrorAnswer;
}

/** What of a request may hold an operation's input. */
export interface RequestParts {
  readonly method: string;
  /** As the request has it, without what follows `?`. */
  readonly path: string;
  /** What follows `?`; empty where nothing does. */
  readonly query: string;
  readonly body: string;
}

export interface OutputAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

export interface AnswerContext {
  readonly requestId: string;
  readonly xmlNamespace: string;
}

export interface ErrorAnswer {
  readonly status: number;
  /** The error code as the client sees it. */
  readonly code: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}
