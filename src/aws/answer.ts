/** Answers of AWS as they reach the program: of the shapes that the SDK's own model gives them, and with what is needed. */
import { type NormalizedSchema as Schema, NormalizedSchema } from '@smithy/core/schema';
import { getSmithyContext } from '@smithy/core/transport';
import type { HandlerExecutionContext, StaticOperationSchema } from '@smithy/types';
import { CanaryError } from '../errors.ts';

/**
 * Takes nulls out of an answer: they stand for what is not there. Members and values that the model does not know stay.
 * @param action the call as IAM names it.
 * @throws CanaryError `bad-answer` where a member is something else than the model says: the SDK hands that on as it came.
 */
export function requireShape(action: string, context: HandlerExecutionContext, output: unknown): void {
  const { operationSchema } = getSmithyContext(context);
  if (!isOperation(operationSchema)) return;
  const wrong = misshapen(output, NormalizedSchema.of(operationSchema[5]), '');
  if (wrong) throw badAnswer(`AWS answered ${action} unlike itself: ${wrong}.`);
}

/** For an answer that cannot be read at all. */
export function unreadable(action: string, cause: unknown): CanaryError {
  return badAnswer(`The answer to ${action} cannot be read; it may not come from AWS.`, cause);
}

function badAnswer(message: string, cause?: unknown): CanaryError {
  const next = 'run the same command again; if it stays so, see what answers at AWS_ENDPOINT_URL, and whether the network wants a sign-in first';
  return new CanaryError({ code: 'bad-answer', message, next, cause });
}

function isOperation(schema: unknown): schema is StaticOperationSchema {
  return Array.isArray(schema) && schema.length >= 6;
}

/** @returns the first member that is not as the schema says, in words. */
function misshapen(value: unknown, schema: Schema, path: string): string | undefined {
  if (schema.isUnitSchema() || schema.isDocumentSchema() || schema.isBlobSchema()) return undefined;
  if (schema.isListSchema()) return Array.isArray(value) ? inList(value, schema.getValueSchema(), path) : `${path} is no list`;
  if (schema.isMapSchema() || schema.isStructSchema()) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${path || 'it'} is no object`;
    return inObject(value, schema, path);
  }
  if (schema.isTimestampSchema()) return value instanceof Date && !Number.isNaN(value.getTime()) ? undefined : `${path} is no time`;
  if (schema.isNumericSchema()) return Number.isFinite(value) ? undefined : `${path} is no number`;
  if (schema.isBooleanSchema()) return typeof value === 'boolean' ? undefined : `${path} is neither true nor false`;
  return typeof value === 'string' ? undefined : `${path} is no text`;
}

function inList(list: unknown[], items: Schema, path: string): string | undefined {
  const present = list.filter((item) => item !== null && item !== undefined);
  list.splice(0, list.length, ...present);
  return first(present.map((item, index) => () => misshapen(item, items, `${path}[${index}]`)));
}

function inObject(object: object, schema: Schema, path: string): string | undefined {
  const members = schema.isMapSchema() ? Object.keys(object).map((key) => [key, schema.getValueSchema()] as const) : [...schema.structIterator()];
  return first(members.map(([name, member]) => () => {
    const value: unknown = Reflect.get(object, name);
    if (value === null || value === undefined) return void Reflect.deleteProperty(object, name);
    return misshapen(value, member, path ? `${path}.${name}` : name);
  }));
}

function first(looks: readonly (() => string | undefined)[]): string | undefined {
  for (const look of looks) {
    const found = look();
    if (found) return found;
  }
  return undefined;
}
