/** Evaluates CloudFormation's intrinsic functions. */
import { invalid, isSection, type Section, text } from './section.ts';

/** Where names lead to. */
export interface Scope {
  /** The value of a parameter, a pseudo parameter, or a resource. Throws AwsError for an unknown name. */
  ref(name: string): unknown;
  attribute(logicalId: string, name: string): unknown;
  /** Throws AwsError for an unknown name. */
  condition(name: string): boolean;
  readonly mappings: Section;
  /** Names of a region's zones; the current one's for an empty name. */
  zones(region: string): readonly string[];
}

/** `AWS::NoValue`: the property that has it is left out. */
export const NO_VALUE = Symbol('AWS::NoValue');

/** Around marks, which stand in texts for what is known only once a resource is made. */
export const PENDING = '\u0000';

/** The mark of an attribute of a resource; with an empty name that of what Ref gives. */
export function markOf(logicalId: string, attribute: string): string {
  return `${PENDING}${logicalId}.${attribute}${PENDING}`;
}

/** The marks in a value, each once. */
export function marksIn(value: unknown): { logicalId: string; attribute: string }[] {
  const marks = new Map(textsIn(value).flatMap((each) => [...each.matchAll(MARK)]).map((match) => [match[0], match]));
  return Array.from(marks.values(), ([, logicalId = '', attribute = '']) => ({ logicalId, attribute }));
}

const MARK = new RegExp(`${PENDING}([A-Za-z0-9]+)\\.([^${PENDING}]*)${PENDING}`, 'g');

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  return isSection(value) ? Object.values(value).flatMap(textsIn) : [];
}

/**
 * The value with every function replaced by its result.
 * @throws AwsError ValidationError for functions that are unknown or misused.
 */
export function evaluate(value: unknown, scope: Scope): unknown {
  if (Array.isArray(value)) return value.map((item) => evaluate(item, scope)).filter((item) => item !== NO_VALUE);
  if (!isSection(value)) return value;
  const keys = Object.keys(value);
  const name = keys[0] ?? '';
  if (keys.length === 1 && (name === 'Ref' || name.startsWith('Fn::'))) return call(name, value[name], scope);
  const entries = Object.entries(value).map(([key, item]) => [key, evaluate(item, scope)]);
  return Object.fromEntries(entries.filter(([, item]) => item !== NO_VALUE));
}

/** Whether a condition (of the template's Conditions section, or inside one) holds. */
export function holds(condition: unknown, scope: Scope): boolean {
  if (!isSection(condition)) return condition === true || condition === 'true';
  const name = Object.keys(condition)[0] ?? '';
  const argument = condition[name];
  if (name === 'Condition') return scope.condition(String(argument));
  const list = Array.isArray(argument) ? argument : [];
  switch (name) {
    case 'Fn::And':
      return list.every((item) => holds(item, scope));
    case 'Fn::Or':
      return list.some((item) => holds(item, scope));
    case 'Fn::Not':
      return !holds(list[0], scope);
    case 'Fn::Equals':
      return text(evaluate(list[0], scope)) === text(evaluate(list[1], scope));
    default:
      throw invalid(`Template format error: Conditions can only be boolean operations on parameters and other conditions`);
  }
}

function call(name: string, argument: unknown, scope: Scope): unknown {
  const implementation = FUNCTIONS[name];
  if (!implementation) throw invalid(`Template format error: Unrecognized function ${name}`);
  return implementation(argument, scope);
}

const FUNCTIONS: Readonly<Record<string, (argument: unknown, scope: Scope) => unknown>> = {
  Ref: (argument, scope) => scope.ref(String(argument)),

  'Fn::GetAtt': (argument, scope) => {
    const [logicalId, ...path] = Array.isArray(argument) ? argument.map(String) : String(argument).split('.');
    return scope.attribute(logicalId ?? '', path.join('.'));
  },

  'Fn::Sub': (argument, scope) => {
    const [template, given = {}] = Array.isArray(argument) ? argument : [argument];
    const own = evaluate(given, scope);
    const values = isSection(own) ? own : {};
    return String(template).replaceAll(/\$\{([^}]*)\}/g, (_match, reference: string) => {
      const name = reference.trim();
      if (name.startsWith('!')) return `\${${name.slice(1)}}`;
      if (Object.hasOwn(values, name)) return text(values[name]);
      const dot = name.indexOf('.');
      return text(dot < 0 ? scope.ref(name) : scope.attribute(name.slice(0, dot), name.slice(dot + 1)));
    });
  },

  'Fn::Join': (argument, scope) => {
    const [separator, items] = pair('Fn::Join', argument);
    const list = evaluate(items, scope);
    if (!Array.isArray(list)) {
      throw invalid(
        'Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined',
      );
    }
    return list.map(text).join(String(separator));
  },

  'Fn::Select': (argument, scope) => {
    const [index, items] = pair('Fn::Select', argument);
    const list = evaluate(items, scope);
    const position = Number(evaluate(index, scope));
    if (!Array.isArray(list) || list[position] === undefined) {
      // What will be selected is not known yet, but what it will come from is.
      if (text(list).includes(PENDING)) return text(list);
      throw invalid(`Template error: Fn::Select cannot select nonexistent value at index ${position}`);
    }
    return list[position];
  },

  'Fn::Split': (argument, scope) => {
    const [separator, source] = pair('Fn::Split', argument);
    return text(evaluate(source, scope)).split(String(separator));
  },

  'Fn::If': (argument, scope) => {
    if (!Array.isArray(argument) || argument.length !== 3) {
      throw invalid('Template error: Fn::If requires a list argument with three elements');
    }
    return evaluate(scope.condition(String(argument[0])) ? argument[1] : argument[2], scope);
  },

  'Fn::FindInMap': (argument, scope) => {
    const [map, first, second] = Array.isArray(argument) ? argument.map((key) => text(evaluate(key, scope))) : [];
    const table = scope.mappings[map ?? ''];
    const row = isSection(table) ? table[first ?? ''] : undefined;
    const value = isSection(row) ? row[second ?? ''] : undefined;
    if (value === undefined) throw invalid(`Template error: Unable to get mapping for ${map}::${first}::${second}`);
    return value;
  },

  'Fn::GetAZs': (argument, scope) => scope.zones(text(evaluate(argument, scope))),

  'Fn::Base64': (argument, scope) => Buffer.from(text(evaluate(argument, scope))).toString('base64'),
};

function pair(name: string, argument: unknown): [unknown, unknown] {
  if (Array.isArray(argument) && argument.length === 2) return [argument[0], argument[1]];
  throw invalid(`Template error: ${name} requires a list argument with two elements`);
}
