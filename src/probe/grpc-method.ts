/** The method that `probe --grpc` calls, from a .proto file, and the message that it sends. */
import { type AnyDefinition, loadSync, type MethodDefinition, type PackageDefinition, type ServiceDefinition } from '@grpc/proto-loader';
import { dirname, resolve } from 'node:path';
import { messageOf, systemCode, usageError } from '../errors.ts';

export interface GrpcMethod {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly request: object;
  readonly serialize: (request: object) => Buffer;
  readonly deserialize: (answer: Buffer) => object;
}

export interface GrpcMethodOptions {
  /** `package.Service/Method` */
  readonly name: string;
  /** Its imports are looked for beside it, then in the folder where the command was typed. */
  readonly file: string;
  /** The request as JSON, its fields named as in the file. */
  readonly data: string;
}

/** Names as in the file, and every field of an answer in words, so that a version is seen wherever it stands. */
const READABLE = { keepCase: true, longs: String, enums: String, bytes: String, defaults: true, json: true };

/** @throws CanaryError `usage` for what is no unary method of the file, and a request that it does not take. */
export function grpcMethod({ name, file, data }: GrpcMethodOptions): GrpcMethod {
  const [, service = '', method = ''] = /^([\w.]+)\/(\w+)$/.exec(name) ?? [];
  if (method === '') throw usageError(`--grpc is "${name}": it should be package.Service/Method, such as proto.echo.EchoService/Echo.`);
  const definition = methodOf(load(file), file, service, method);
  if (definition.requestStream || definition.responseStream) throw usageError(`--grpc is "${name}", which streams: probe calls methods with one request and one answer.`);
  const { path, requestSerialize: serialize, responseDeserialize: deserialize } = definition;
  return { path, request: requestOf(data, name, definition), serialize, deserialize };
}

function load(file: string): PackageDefinition {
  const path = resolve(file);
  try {
    return withoutWarnings(() => loadSync(path, { ...READABLE, includeDirs: [dirname(path), resolve()] }));
  } catch (error) {
    if (typeof systemCode(error) === 'string') throw usageError(`--proto is "${file}", which cannot be read: ${messageOf(error)}.`);
    throw usageError(`--proto is "${file}", which is no protocol buffers file: ${messageOf(error)}.`);
  }
}

/** The loader warns of an import that is not there, and then fails of it. */
function withoutWarnings<T>(work: () => T): T {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => {};
  try {
    return work();
  } finally {
    process.emitWarning = emitWarning;
  }
}

function methodOf(found: PackageDefinition, file: string, name: string, method: string): MethodDefinition<object, object> {
  const services = Object.entries(found).filter((entry): entry is [string, ServiceDefinition] => isService(entry[1]));
  const service = services.find(([one]) => one === name)?.[1];
  if (!service) throw usageError(`--grpc names the service ${name}, which ${file} has not: it has ${listed(services.map(([one]) => one))}.`);
  const definition = Object.entries(service).find(([one]) => one === method)?.[1];
  if (!definition) throw usageError(`--grpc names the method ${method}, which ${name} has not: it has ${listed(Object.keys(service))}.`);
  return definition;
}

/** Of messages and enumerations the loader tells the format, in words. */
function isService(definition: AnyDefinition): definition is ServiceDefinition {
  return typeof definition['format'] !== 'string';
}

const listed = (names: readonly string[]) => names.join(', ') || 'none';

function requestOf(data: string, name: string, { requestSerialize, requestDeserialize }: MethodDefinition<object, object>): object {
  const request = parsed(data);
  if (!isRecord(request)) throw usageError(`--data is "${data}": it should be a JSON object, such as {"name": "Yusuke"}.`);
  let kept: object;
  try {
    kept = requestDeserialize(requestSerialize(request));
  } catch (error) {
    throw usageError(`--data does not fit the request of ${name}: ${messageOf(error)}.`);
  }
  const lost = firstLost(request, kept);
  if (lost !== undefined) throw usageError(`--data has "${lost}", and the request of ${name} has no such field, named as in the file, or none for this value.`);
  return request;
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw usageError(`--data is "${data}": that is no JSON.`);
  }
}

/** Where the first value is that a message does not keep: the loader drops silently what it does not know. */
function firstLost(given: unknown, kept: unknown, path = ''): string | undefined {
  if (Array.isArray(given) ? Array.isArray(kept) : isRecord(given) && isRecord(kept)) {
    const inside = new Map(Object.entries(Object(kept)));
    return Object.entries(Object(given)).map(([key, value]) => firstLost(value, inside.get(key), path === '' ? key : `${path}.${key}`)).find((lost) => lost !== undefined);
  }
  return given === null || isSame(given, kept) ? undefined : path;
}

/** Whether it is the same scalar: there are several ways to write one. */
function isSame(given: unknown, kept: unknown): boolean {
  if (typeof given !== 'string' && typeof given !== 'number' && typeof given !== 'boolean') return false;
  if (String(given) === String(kept)) return true;
  if (typeof kept === 'number') return kept === Number(given) || kept === Math.fround(Number(given));
  if (typeof given === 'number') return typeof kept === 'string' && Number.isNaN(Number(kept)); // an enumeration's value by its number
  return typeof given === 'string' && typeof kept === 'string' && given.replaceAll('=', '') === kept.replaceAll('=', ''); // base64
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
