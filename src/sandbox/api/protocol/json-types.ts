/** Refuses JSON whose types are not those of the API model, as AWS does before an operation sees it. */
import type { NormalizedSchema } from '@smithy/core/schema';
import { AwsError } from '../../errors.ts';

/** How JSON has bytes. */
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Throws AwsError SerializationException where `value` is not what `schema` describes. Null counts as absent. */
export function checkJsonTypes(schema: NormalizedSchema, value: unknown): void {
  if (value === null || value === undefined || schema.isDocumentSchema()) return;
  if (schema.isStructSchema()) {
    const record = expectObject(value);
    for (const [name, member] of schema.structIterator()) {
      checkJsonTypes(member, record[name]);
    }
  } else if (schema.isListSchema()) {
    if (!Array.isArray(value)) {
      throw refusal(Object(value) === value ? 'Start of structure or map found where not expected.' : 'Expected list or null');
    }
    value.forEach((item) => checkJsonTypes(schema.getValueSchema(), item));
  } else if (schema.isMapSchema()) {
    Object.values(expectObject(value)).forEach((item) => checkJsonTypes(schema.getValueSchema(), item));
  } else {
    checkScalar(schema, value);
  }
}

function expectObject(value: unknown): Record<string, unknown> {
  if (Array.isArray(value)) throw refusal('Start of list found where not expected');
  if (typeof value !== 'object' || value === null) throw refusal('Unexpected field type');
  return { ...value };
}

function checkScalar(schema: NormalizedSchema, value: unknown): void {
  if (Array.isArray(value)) throw refusal('Start of list found where not expected');
  if (typeof value === 'object') throw refusal('Start of structure or map found where not expected.');
  const [wanted, accepted] = scalarType(schema);
  if (!accepted.includes(typeof value)) throw refusal(`${(typeof value).toUpperCase()}_VALUE can not be converted to ${wanted}`);
  if (schema.isBlobSchema() && typeof value === 'string' && (value.length % 4 !== 0 || !BASE64.test(value))) throw refusal('');
}

/** AWS's word for the type in its messages, and the JSON types it is read from. */
function scalarType(schema: NormalizedSchema): [string, string[]] {
  if (schema.isBooleanSchema()) return ['a Boolean', ['boolean']];
  if (schema.isNumericSchema() || schema.isBigIntegerSchema() || schema.isBigDecimalSchema()) return ['a Number', ['number']];
  if (schema.isTimestampSchema()) return ['a Timestamp', ['number', 'string']];
  return ['a String', ['string']];
}

function refusal(message: string): AwsError {
  return new AwsError('SerializationException', message);
}
