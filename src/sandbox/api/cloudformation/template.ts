/** Reads a template's text, YAML with CloudFormation's short forms or JSON, into its sections. */
import { isMap, isNode, isScalar, isSeq, type Node, parseDocument } from 'yaml';
import { kinds } from './kinds.ts';
import { invalid, isSection, type Section, text } from './section.ts';

export interface Template {
  readonly description: string | undefined;
  readonly parameters: Readonly<Record<string, ParameterDeclaration>>;
  readonly mappings: Section;
  readonly conditions: Section;
  readonly resources: Readonly<Record<string, ResourceDeclaration>>;
  readonly outputs: Readonly<Record<string, OutputDeclaration>>;
}

export interface ParameterDeclaration {
  readonly type: string;
  readonly default: string | undefined;
  readonly description: string | undefined;
  /** Its values are kept out of answers. */
  readonly noEcho: boolean;
  readonly allowedValues: readonly string[] | undefined;
  readonly allowedPattern: string | undefined;
  readonly constraintDescription: string | undefined;
  readonly minLength: number | undefined;
  readonly maxLength: number | undefined;
  readonly minValue: number | undefined;
  readonly maxValue: number | undefined;
}

export interface ResourceDeclaration {
  readonly type: string;
  readonly properties: Section;
  /** Logical ids it names itself; references in its properties come on top. */
  readonly dependsOn: readonly string[];
  readonly condition: string | undefined;
  readonly deletionPolicy: string | undefined;
}

export interface OutputDeclaration {
  readonly value: unknown;
  readonly description: string | undefined;
  readonly condition: string | undefined;
  readonly exportName: unknown;
}

const PARAMETER_TYPE = /^(String|Number|CommaDelimitedList|List<(Number|String|AWS::[\w:]+)>|AWS::EC2::[\w:]+|AWS::Route53::HostedZone::Id|AWS::SSM::Parameter::(Name|Value<.+>))$/;

/** Bytes of a template given in the request itself. */
const MAX_BODY = 51_200;
const SECTIONS = [
  'AWSTemplateFormatVersion', 'Description', 'Metadata', 'Parameters', 'Rules', 'Mappings', 'Conditions', 'Transform',
  'Resources', 'Outputs',
];

/** Templates that were read last: every look at a stack reads its template, and reading YAML takes its time. */
const known = new Map<string, Template>();
const MOST_KNOWN = 20;

/** @throws AwsError ValidationError, worded as CloudFormation words it, for what is not a template. */
export function readTemplate(body: string): Template {
  const template = known.get(body) ?? read(body);
  known.delete(body);
  known.set(body, template);
  for (const oldest of known.keys()) {
    if (known.size <= MOST_KNOWN) break;
    known.delete(oldest);
  }
  return template;
}

function read(body: string): Template {
  if (Buffer.byteLength(body) > MAX_BODY) {
    throw invalid(
      `1 validation error detected: Value '${body.slice(0, 100)}…' at 'templateBody' failed to satisfy constraint: ` +
        `Member must have length less than or equal to ${MAX_BODY}`,
    );
  }
  const content = parse(body);
  if (!isSection(content)) throw invalid('Template format error: unsupported structure.');
  const unknown = Object.keys(content).filter((name) => !SECTIONS.includes(name));
  if (unknown.length > 0) throw invalid(`Invalid template property or properties [${unknown.join(', ')}]`);
  const resources = declarations(content, 'Resources', readResource);
  if (Object.keys(resources).length === 0) throw invalid('Template format error: At least one Resources member must be defined.');
  const types = new Set(Object.values(resources).map(({ type }) => type));
  const foreign = [...types].filter((type) => !Object.hasOwn(kinds, type));
  if (foreign.length > 0) throw invalid(`Template format error: Unrecognized resource types: [${foreign.join(', ')}]`);
  return {
    description: optional(content['Description']),
    parameters: declarations(content, 'Parameters', readParameter),
    mappings: section(content, 'Mappings'),
    conditions: section(content, 'Conditions'),
    resources,
    outputs: declarations(content, 'Outputs', readOutput),
  };
}

function section(content: Section, name: string): Section {
  const value = content[name] ?? {};
  if (!isSection(value)) throw invalid(`Template format error: ${name} must be an object`);
  return value;
}

function declarations<T>(content: Section, name: string, read: (key: string, declaration: Section) => T): Record<string, T> {
  return Object.fromEntries(
    Object.entries(section(content, name)).map(([key, declaration]) => {
      if (!isSection(declaration)) throw invalid(`Template format error: [/${name}/${key}] must be an object`);
      if (!/^[A-Za-z0-9]+$/.test(key)) throw invalid(`Template format error: ${name} name '${key}' is non alphanumeric.`);
      return [key, read(key, declaration)];
    }),
  );
}

function readParameter(key: string, declaration: Section): ParameterDeclaration {
  const { Type: type, AllowedValues: allowed } = declaration;
  if (typeof type !== 'string') throw invalid(`Template format error: Every Parameters object must contain a Type member. (${key})`);
  if (!PARAMETER_TYPE.test(type)) throw invalid(`Template format error: Unrecognized parameter type: ${type}`);
  const number = (name: string) => (declaration[name] === undefined ? undefined : Number(declaration[name]));
  return {
    type,
    default: optional(declaration['Default']),
    description: optional(declaration['Description']),
    noEcho: text(declaration['NoEcho']) === 'true',
    allowedValues: Array.isArray(allowed) ? allowed.map(text) : undefined,
    allowedPattern: optional(declaration['AllowedPattern']),
    constraintDescription: optional(declaration['ConstraintDescription']),
    minLength: number('MinLength'),
    maxLength: number('MaxLength'),
    minValue: number('MinValue'),
    maxValue: number('MaxValue'),
  };
}

function readResource(key: string, declaration: Section): ResourceDeclaration {
  const { Type: type, Properties: properties = {}, DependsOn: dependsOn = [] } = declaration;
  if (typeof type !== 'string') {
    throw invalid(`Template format error: [/Resources/${key}] Every Resources object must contain a Type member.`);
  }
  if (!isSection(properties)) throw invalid(`Template format error: [/Resources/${key}/Properties] must be an object`);
  return {
    type,
    properties,
    dependsOn: [dependsOn].flat().map(text),
    condition: optional(declaration['Condition']),
    deletionPolicy: optional(declaration['DeletionPolicy']),
  };
}

function readOutput(key: string, declaration: Section): OutputDeclaration {
  const { Value: value, Export: exported } = declaration;
  if (value === undefined) {
    throw invalid(`Template format error: Output ${key} is malformed. Every Outputs member must contain a Value object`);
  }
  return {
    value,
    description: optional(declaration['Description']),
    condition: optional(declaration['Condition']),
    exportName: isSection(exported) ? exported['Name'] : undefined,
  };
}

function optional(value: unknown): string | undefined {
  return value === undefined ? undefined : text(value);
}

function parse(body: string): unknown {
  const format = body.trimStart().startsWith('{') ? 'JSON' : 'YAML';
  const document = parseDocument(body, { logLevel: 'silent', prettyErrors: true });
  const error = document.errors[0];
  if (error) {
    const { line = 0, col = 0 } = error.linePos?.[0] ?? {};
    throw invalid(`Template format error: ${format} not well-formed. (line ${line}, column ${col})`);
  }
  return toValue(document.contents);
}

/** The node's value, its short form (`!Sub x`) turned into the long one (`{"Fn::Sub": x}`). */
function toValue(node: unknown): unknown {
  if (!isNode(node)) return node;
  const value = plainValue(node);
  const { tag } = node;
  if (!tag?.startsWith('!')) return value;
  const name = tag.slice(1);
  if (name === 'Ref' || name === 'Condition') return { [name]: value };
  // An attribute's own name may have dots (Outputs.X of a nested stack): only the first one divides.
  const isAttribute = name === 'GetAtt' && typeof value === 'string';
  return { [`Fn::${name}`]: isAttribute ? splitOnce(value) : value };
}

function plainValue(node: Node): unknown {
  if (isMap(node)) return Object.fromEntries(node.items.map(({ key, value }) => [text(toValue(key)), toValue(value)]));
  if (isSeq(node)) return node.items.map(toValue);
  if (isScalar(node)) return node.value;
  throw invalid('Template error: YAML aliases are not allowed in CloudFormation templates');
}

function splitOnce(path: string): [string, string] {
  const dot = path.indexOf('.');
  return dot < 0 ? [path, ''] : [path.slice(0, dot), path.slice(dot + 1)];
}
