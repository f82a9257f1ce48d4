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
  /** Throws AwsError for a body that can't be understood. */
  readInput(operation: OperationModel, body: string): Record<string, unknown>;
  writeOutput(operation: OperationModel, output: object, answer: AnswerContext): string | Uint8Array;
  writeError(error: AwsError, model: ErrorModel | undefined, answer: AnswerContext): ErrorAnswer;
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
