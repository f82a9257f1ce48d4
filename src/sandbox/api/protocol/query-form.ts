/** Reads an awsQuery form (`Targets.member.1.Id=…`) into the input that a schema describes. The SDK has no parser for it. */
import type { NormalizedSchema } from '@smithy/core/schema';
import { AwsError } from '../../errors.ts';

/** Throws AwsError MalformedInput for values that are not of the schema's type. */
export function readForm(schema: NormalizedSchema, form: string): Record<string, unknown> {
  const root = emptyNode();
  for (const [path, value] of new URLSearchParams(form)) {
    let node = root;
    for (const step of path.split('.')) {
      node = childOf(node, step);
    }
    node.value = value;
  }
  return readStructure(schema, root);
}

interface Node {
  value: string;
  readonly children: Map<string, Node>;
}

function emptyNode(): Node {
  return { value: '', children: new Map() };
}

function childOf(node: Node, name: string): Node {
  const known = node.children.get(name);
  if (known) return known;
  const child = emptyNode();
  node.children.set(name, child);
  return child;
}

function readNode(schema: NormalizedSchema, node: Node): unknown {
  if (schema.isStructSchema()) return readStructure(schema, node);
  if (schema.isListSchema()) {
    const item = schema.getValueSchema();
    return entries(node, 'member').map((child) => readNode(item, child));
  }
  if (schema.isMapSchema()) return readMap(schema, node);
  return readScalar(schema, node.value);
}

function readStructure(schema: NormalizedSchema, node: Node): Record<string, unknown> {
  const structure: Record<string, unknown> = {};
  if (schema.isUnitSchema()) return structure;
  for (const [name, member] of schema.structIterator()) {
    const child = node.children.get(name);
    if (child) {
      structure[name] = readNode(member, child);
    }
  }
  return structure;
}

function readMap(schema: NormalizedSchema, node: Node): Record<string, unknown> {
  const value = schema.getValueSchema();
  return Object.fromEntries(
    entries(node, 'entry').map((entry) => [childOf(entry, 'key').value, readNode(value, childOf(entry, 'value'))]),
  );
}

/** The numbered entries of a list or map in their order. None of the emulated services flattens or renames them. */
function entries(node: Node, wrapper: string): Node[] {
  const numbered = node.children.get(wrapper)?.children ?? [];
  return [...numbered].toSorted(([left], [right]) => Number(left) - Number(right)).map(([, entry]) => entry);
}

/** None of the emulated services takes a timestamp or a blob in a form. */
function readScalar(schema: NormalizedSchema, value: string): unknown {
  if (schema.isBooleanSchema()) return readBoolean(value);
  if (schema.isNumericSchema()) return readNumber(value);
  return value;
}

function readBoolean(value: string): boolean {
  if (value !== 'true' && value !== 'false') throw new AwsError('MalformedInput', `Invalid boolean value: ${value}`);
  return value === 'true';
}

function readNumber(value: string): number {
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number)) throw new AwsError('MalformedInput', `Invalid number: ${value}`);
  return number;
}
