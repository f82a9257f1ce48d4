/** Required members: what the API model says must be there. */
import type { NormalizedSchema } from '@smithy/core/schema';
import { AwsError } from '../../errors.ts';

/** Throws an AwsError of `code` that names every required member that is missing, worded as AWS words it. */
export function checkRequired(schema: NormalizedSchema, input: object, code: string): void {
  const missing = schema.isUnitSchema() ? [] : [...missingMembers(schema, input, '')];
  if (missing.length > 0) {
    const count = missing.length === 1 ? '1 validation error' : `${missing.length} validation errors`;
    const places = missing.map((path) => `Value null at '${path}' failed to satisfy constraint: Member must not be null`);
    throw new AwsError(code, `${count} detected: ${places.join('; ')}`);
  }
}

function* missingMembers(schema: NormalizedSchema, value: unknown, path: string): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  if (schema.isStructSchema()) {
    yield* missingInStructure(schema, value, path);
  } else if (schema.isListSchema() && Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      yield* missingMembers(schema.getValueSchema(), item, `${path}.${index + 1}.member`);
    }
  } else if (schema.isMapSchema()) {
    for (const [key, item] of Object.entries(value)) {
      yield* missingMembers(schema.getValueSchema(), item, `${path}.${key}.member`);
    }
  }
}

function* missingInStructure(schema: NormalizedSchema, value: object, path: string): Generator<string> {
  const members: Record<string, unknown> = { ...value };
  const required = requiredCount(schema);
  let index = 0;
  for (const [name, member] of schema.structIterator()) {
    const memberPath = `${path === '' ? '' : `${path}.`}${name.charAt(0).toLowerCase()}${name.slice(1)}`;
    const present = members[name] !== undefined && members[name] !== null;
    if (present) {
      yield* missingMembers(member, members[name], memberPath);
    } else if (index < required) {
      yield memberPath;
    }
    index += 1;
  }
}

/** A structure's schema lists its required members first and ends with their number. */
function requiredCount(schema: NormalizedSchema): number {
  const structure = schema.getSchema();
  const count = Array.isArray(structure) ? structure[6] : 0;
  return typeof count === 'number' ? count : 0;
}
