/** The restXml protocol, server side: method, path, query and XML in, status, headers and XML out. */
import { XmlShapeDeserializer, XmlShapeSerializer } from '@aws-sdk/core/protocols';
import { FromStringShapeDeserializer } from '@smithy/core/protocols';
import type { NormalizedSchema } from '@smithy/core/schema';
import { AwsError } from '../../errors.ts';
import type { ServiceModel } from './model.ts';
import { awsQuery, xmlError } from './query.ts';
import { type RequestParts, UnknownOperation, type WireProtocol } from './wire.ts';

const RFC3339 = 5;
const SETTINGS = { timestampFormat: { useTrait: true, default: RFC3339 }, httpBindings: true, serviceNamespace: '' } as const;

export const restXml: WireProtocol = {
  contentType: 'text/xml',
  codes: awsQuery.codes,

  unknownOperation: () => new UnknownOperation('UnknownOperationException', '', 404),

  readInput({ input, http }, request) {
    if (input.isUnitSchema()) return {};
    return { ...readBody(input, request.body), ...readBound(input, labelsIn(http?.path ?? '', request.path), new URLSearchParams(request.query)) };
  },

  writeOutput({ output: schema, http }, output, { xmlNamespace }) {
    const status = http?.status ?? 200;
    if (schema.isUnitSchema()) return { status, body: '' };
    const { headers, members } = splitOutput(schema, output);
    const serializer = new XmlShapeSerializer({ ...SETTINGS, xmlNamespace });
    serializer.write(schema, members);
    return { status, headers, body: `<?xml version="1.0"?>\n${String(serializer.flush())}` };
  },

  writeError(error, model, { requestId, xmlNamespace }) {
    const status = model?.httpStatus ?? error.status;
    const code = model?.name ?? error.code;
    return { status, code, body: `<?xml version="1.0"?>\n${xmlError(error, { status, code, requestId, xmlNamespace })}` };
  },
};

/** The operation that method and path of a request stand for; undefined where the service has none. */
export function findRoute({ operations }: ServiceModel, { method, path }: RequestParts): string | undefined {
  const found = [...operations.values()].find(({ http }) => http?.method === method && matches(segments(http.path), segments(path)));
  return found?.name;
}

function matches(template: readonly string[], actual: readonly string[]): boolean {
  return template.length === actual.length && template.every((part, index) => part.startsWith('{') || part === actual[index]);
}

/** Values by label. */
function labelsIn(template: string, path: string): ReadonlyMap<string, string> {
  const actual = segments(path);
  const parts = segments(template).map((part, index): [string, string] => [part.replaceAll(/[{}]/g, ''), actual[index] ?? '']);
  return new Map(parts.map(([name, value]) => [name, decoded(value)]));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new AwsError('InvalidInput', 'Invalid URL');
  }
}

/** AWS's own examples end some paths with a slash. */
function segments(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}

function readBody(input: NormalizedSchema, body: string): Record<string, unknown> {
  if (body.trim() === '') return {};
  try {
    const members: unknown = new XmlShapeDeserializer({ ...SETTINGS, xmlNamespace: '' }).read(input, Buffer.from(body));
    return { ...Object(members) };
  } catch {
    throw new AwsError('InvalidInput', 'Invalid XML');
  }
}

/** Members that stand in the path or in the query. */
function readBound(input: NormalizedSchema, labels: ReadonlyMap<string, string>, query: URLSearchParams): Record<string, unknown> {
  const reader = new FromStringShapeDeserializer(SETTINGS);
  const bound = [...input.structIterator()].flatMap(([name, member]) => {
    const { httpLabel, httpQuery } = member.getMergedTraits();
    const text = httpLabel ? labels.get(name) : httpQuery === undefined ? undefined : query.get(httpQuery);
    return text === undefined || text === null ? [] : [[name, reader.read(member, text)] as const];
  });
  return Object.fromEntries(bound);
}

/** Which members are headers, and which are the body. */
function splitOutput(schema: NormalizedSchema, output: object): { headers: Record<string, string>; members: Record<string, unknown> } {
  const members: Record<string, unknown> = { ...output };
  const headers: Record<string, string> = {};
  for (const [name, member] of schema.structIterator()) {
    const { httpHeader } = member.getMergedTraits();
    if (httpHeader === undefined) continue;
    const value = members[name];
    if (typeof value === 'string') headers[httpHeader.toLowerCase()] = value;
    delete members[name];
  }
  return { headers, members };
}
