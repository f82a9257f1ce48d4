/** Identity-based policies as they lie in files: read, and refused where they hold what is not enforced here. */
import { readFileSync } from 'node:fs';

/** Patterns with `*` and `?`, or everything but them. */
export interface Patterns {
  readonly patterns: readonly string[];
  readonly inverted: boolean;
}

export interface Condition {
  readonly operator: ConditionOperator;
  /** For keys that have several values. */
  readonly quantifier: 'ForAllValues' | 'ForAnyValue' | undefined;
  /** It holds, too, where the request has no such key. */
  readonly ifExists: boolean;
  readonly key: string;
  readonly values: readonly string[];
}

export interface Statement {
  readonly effect: 'Allow' | 'Deny';
  readonly actions: Patterns;
  readonly resources: Patterns;
  /** All of them must hold. */
  readonly conditions: readonly Condition[];
}

const OPERATORS = [
  'StringEquals', 'StringNotEquals', 'StringEqualsIgnoreCase', 'StringNotEqualsIgnoreCase', 'StringLike', 'StringNotLike',
  'ArnEquals', 'ArnNotEquals', 'ArnLike', 'ArnNotLike', 'Bool', 'Null',
] as const;
export type ConditionOperator = (typeof OPERATORS)[number];

/**
 * Reads files, each `FILE` or `NAME=FILE`.
 * @returns statements by access key id; under `*` those for everybody who has none of their own.
 * @throws Error, worded for a user.
 */
export function readPolicies(files: readonly string[]): Map<string, Statement[]> {
  const policies = new Map<string, Statement[]>();
  for (const given of files) {
    const [, name = '*', file = ''] = /^(?:([\w.-]+)=)?(.*)$/s.exec(given) ?? [];
    policies.set(name, [...(policies.get(name) ?? []), ...readPolicy(file)]);
  }
  return policies;
}

/**
 * Reads a policy document.
 * @throws Error, worded for a user, for a file that is no such document, or holds placeholders or what is not enforced here: a
 *   policy that is not understood must not look like one that was tried out.
 */
function readPolicy(file: string): Statement[] {
  const text = contents(file);
  const placeholder = /\$\{[^}]*\}/.exec(text)?.[0];
  if (placeholder) throw new Error(`The policy ${file} still holds ${placeholder}: put a value in its place first.`);
  try {
    const document = fields(JSON.parse(text), 'the document');
    allow(document, ['Version', 'Id', 'Statement'], 'the document');
    if (document['Version'] !== '2012-10-17') throw new Error('its Version is not 2012-10-17');
    const statements = Array.isArray(document['Statement']) ? document['Statement'] : [document['Statement']];
    return statements.map((statement, index) => readStatement(statement, `statement ${index + 1}`));
  } catch (error) {
    throw new Error(`The policy ${file} can't be enforced: ${error instanceof Error ? error.message : String(error)}.`, { cause: error });
  }
}

function contents(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`The policy ${file} can't be read: ${error instanceof Error ? error.message : String(error)}.`, { cause: error });
  }
}

function readStatement(value: unknown, where: string): Statement {
  const statement = fields(value, where);
  allow(statement, ['Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'], where);
  const { Effect: effect } = statement;
  if (effect !== 'Allow' && effect !== 'Deny') throw new Error(`${where} has neither the Effect Allow nor Deny`);
  return {
    effect,
    actions: readPatterns(statement, 'Action', where),
    resources: readPatterns(statement, 'Resource', where),
    conditions: Object.entries(fields(statement['Condition'] ?? {}, `the Condition of ${where}`)).flatMap(([operator, keys]) =>
      Object.entries(fields(keys, `${operator} of ${where}`)).map(([key, values]) => readCondition(operator, key, values, where)),
    ),
  };
}

function readPatterns(statement: Record<string, unknown>, name: 'Action' | 'Resource', where: string): Patterns {
  const { [name]: straight, [`Not${name}`]: inverted } = statement;
  if ((straight === undefined) === (inverted === undefined)) throw new Error(`${where} needs one of ${name} and Not${name}`);
  return { patterns: texts(straight ?? inverted, `${name} of ${where}`), inverted: inverted !== undefined };
}

function readCondition(text: string, key: string, values: unknown, where: string): Condition {
  const [, quantifier, name = '', ifExists] = /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/.exec(text) ?? [];
  const operator = OPERATORS.find((known) => known === name);
  if (!operator) throw new Error(`the condition operator ${text} of ${where} is not among ${OPERATORS.join(', ')}`);
  return {
    operator,
    quantifier: quantifier === 'ForAllValues' || quantifier === 'ForAnyValue' ? quantifier : undefined,
    ifExists: ifExists !== undefined,
    key: key.toLowerCase(),
    values: texts(values, `${key} of ${where}`),
  };
}

function fields(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new Error(`${what} is no object`);
}

function allow(value: Record<string, unknown>, names: readonly string[], what: string): void {
  const strange = Object.keys(value).find((name) => !names.includes(name));
  if (strange !== undefined) throw new Error(`${what} has ${strange}, which an identity-based policy has not`);
}

function texts(value: unknown, what: string): string[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.map((item) => {
    if (typeof item === 'boolean') return String(item);
    if (typeof item === 'string') return item;
    throw new Error(`${what} is no text`);
  });
}
