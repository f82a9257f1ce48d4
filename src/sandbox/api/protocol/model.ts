/** A service's API model, read from the runtime schemas that its SDK client exports. */
import { isStaticSchema, NormalizedSchema } from '@smithy/core/schema';
import type { StaticErrorSchema, StaticOperationSchema } from '@smithy/types';

export interface OperationModel {
  readonly name: string;
  readonly input: NormalizedSchema;
  readonly output: NormalizedSchema;
  /** How a REST protocol has it. */
  readonly http?: HttpBinding;
}

export interface HttpBinding {
  readonly method: string;
  /** `/2013-04-01/hostedzone/{Id}` */
  readonly path: string;
  /** Of a success. */
  readonly status: number;
}

export interface ErrorModel {
  /** The shape's name: the error code of the JSON protocols. */
  readonly name: string;
  readonly status: number;
  /** The error code of the Query protocol. */
  readonly queryCode: string;
  readonly queryStatus: number;
  /** Of the REST protocols. */
  readonly httpStatus: number;
  readonly schema: NormalizedSchema;
}

export interface ServiceModel {
  readonly operations: ReadonlyMap<string, OperationModel>;
  /** Errors by shape name and by Query error code. */
  readonly errors: ReadonlyMap<string, ErrorModel>;
}

const OPERATION_TAG = 9;
const ERROR_TAG = -3;

/** @param client the module namespace of an SDK client, e.g. `await import('@aws-sdk/client-ecs')`. */
export function readModel(client: object): ServiceModel {
  const operations = new Map<string, OperationModel>();
  const errors = new Map<string, ErrorModel>();
  for (const schema of Object.values(client)) {
    if (!isStaticSchema(schema)) continue;
    if (schema[0] === OPERATION_TAG) {
      const operation = readOperation(schema);
      operations.set(operation.name, operation);
    } else if (schema[0] === ERROR_TAG) {
      const error = readError(schema);
      errors.set(error.name, error);
      errors.set(error.queryCode, error);
    }
  }
  return { operations, errors };
}

function readOperation([, , name, traits, input, output]: StaticOperationSchema): OperationModel {
  const http = typeof traits === 'object' && traits.http ? readBinding(traits.http) : undefined;
  return { name, input: NormalizedSchema.of(input), output: NormalizedSchema.of(output), ...(http && { http }) };
}

function readBinding([method, path, status]: readonly [string, string, number]): HttpBinding {
  return { method, path, status };
}

function readError(error: StaticErrorSchema): ErrorModel {
  const schema = NormalizedSchema.of(error);
  const { awsQueryError, error: fault, httpError } = schema.getMergedTraits();
  const [queryCode, queryStatus]: unknown[] = Array.isArray(awsQueryError) ? awsQueryError : [];
  const status = fault === 'server' ? 500 : 400;
  return {
    name: error[2],
    // The services that speak JSON answer with these two only, whatever else their models say.
    status,
    queryCode: typeof queryCode === 'string' ? queryCode : error[2],
    queryStatus: typeof queryStatus === 'number' ? queryStatus : status,
    httpStatus: typeof httpError === 'number' ? httpError : status,
    schema,
  };
}
