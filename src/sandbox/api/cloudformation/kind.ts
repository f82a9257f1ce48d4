/** What a type of resource is to CloudFormation: how it is made, changed and deleted. */
import type { NormalizedSchema } from '@smithy/core/schema';
import type { Tag } from '@aws-sdk/client-cloudformation';
import { randomBytes } from 'node:crypto';
import type { Region, ServiceName } from '../../parts.ts';
import { loadService } from '../protocol/services.ts';
import { isSection, type Section, text } from './section.ts';

export interface ResourceKind {
  /** AWS ms from the call that makes it until it is complete. */
  readonly duration: number;
  /** Properties that can't be changed: another value makes another resource. */
  readonly replacedBy: readonly string[];
  /** The property that names it; CloudFormation makes a name up where the template gives none. */
  readonly nameProperty?: string;
  /** Whether it gets the stack's tags; they arrive in its `Tags` property. */
  readonly taggable: boolean;
  create(properties: Section, context: ResourceContext): Promise<MadeResource>;
  /** Changes it in place. `before` holds the properties it had. */
  update(physicalId: string, properties: Section, before: Section, context: ResourceContext): Promise<void>;
  delete(physicalId: string, context: ResourceContext): Promise<void>;
}

export interface ResourceContext {
  readonly region: Region;
  readonly stackName: string;
  readonly logicalId: string;
  /** Those that it was made with, or got last. */
  readonly properties: Section;
}

export interface MadeResource {
  /** What Ref gives. */
  readonly physicalId: string;
  /** What Fn::GetAtt finds. */
  readonly attributes: Record<string, string | string[]>;
}

/** The resource's tags: its own beat those of the stack. */
export function tagsOf(properties: Section): Tag[] {
  return Array.isArray(properties['Tags']) ? properties['Tags'] : [];
}

/** Tags to set, and keys to take away, to get from one set of tags to another. */
export function tagChanges(before: Section, after: Section): { set: Tag[]; removed: string[] } {
  const old = new Map(tagsOf(before).map(({ Key, Value }) => [Key, Value]));
  const wanted = tagsOf(after);
  return {
    set: wanted.filter(({ Key, Value }) => old.get(Key) !== Value),
    removed: [...old.keys()].flatMap((key) => (key !== undefined && !wanted.some(({ Key }) => Key === key) ? key : [])),
  };
}

/** Calls an operation with the properties that it knows; texts become numbers and truth values where it wants those. */
export async function callWith(region: Region, service: ServiceName, operation: string, input: object): Promise<Section> {
  const { model } = await loadService(service);
  const schema = model.operations.get(operation)?.input;
  const fitting = schema ? fit(schema, input) : input;
  return region.call(service, operation, isSection(fitting) ? fitting : {});
}

/** The text at a path of an answer, such as `LoadBalancers.0.DNSName`; empty when it is not there. */
export function textAt(answer: unknown, path: string): string {
  let value = answer;
  for (const key of path.split('.')) {
    if (Array.isArray(value)) value = value[Number(key)];
    else value = isSection(value) ? value[key] : undefined;
  }
  return text(value);
}

/** Property names as the JSON services spell them: `ClusterName` becomes `clusterName`. */
export function lowerFirst(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lowerFirst);
  if (!isSection(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key.charAt(0).toLowerCase() + key.slice(1), lowerFirst(item)]),
  );
}

/** A name as CloudFormation makes them up for resources whose names are short: `echo-Publi-UPXD2GG2NC16`. */
export function shortName({ stackName, logicalId }: ResourceContext): string {
  return `${stackName.slice(0, 5)}-${logicalId.slice(0, 5)}-${randomName(12).toUpperCase()}`;
}

/** A name as CloudFormation makes them up: `echo-server-LogGroup-aB3dE5gH7jK9`. */
export function longName({ stackName, logicalId }: ResourceContext): string {
  return `${stackName}-${logicalId}-${randomName(12)}`;
}

function randomName(length: number): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from(randomBytes(length), (byte) => letters[byte % letters.length]).join('');
}

function fit(schema: NormalizedSchema, value: unknown): unknown {
  if (schema.isNumericSchema()) return typeof value === 'string' ? Number(value) : value;
  if (schema.isBooleanSchema()) return typeof value === 'string' ? value === 'true' : value;
  if (schema.isStringSchema()) return typeof value === 'object' ? value : text(value);
  if (schema.isListSchema() && Array.isArray(value)) return value.map((item) => fit(schema.getValueSchema(), item));
  if (!isSection(value)) return value;
  if (schema.isMapSchema()) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fit(schema.getValueSchema(), item)]));
  }
  if (!schema.isStructSchema()) return value;
  const members = [...schema.structIterator()].filter(([name]) => value[name] !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, fit(member, value[name])]));
}
