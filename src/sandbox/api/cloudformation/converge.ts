/** Makes a stack's resources be what a blueprint says: creates, changes and replaces them, each after those it needs. */
import { isDeepStrictEqual } from 'node:util';
import type { Tag } from '@aws-sdk/client-cloudformation';
import type { StoredResource } from '../../world/cloudformation-state.ts';
import type { Blueprint, PlannedResource } from './blueprint.ts';
import { type ResourceContext, type ResourceKind, tagsOf } from './kind.ts';
import { kinds } from './kinds.ts';
import { readSsmParameter } from './parameters.ts';
import { handled, LEAD_TIME, messageOf, type Site } from './site.ts';
import { invalid, isSection } from './section.ts';

/**
 * Resources that are as the blueprint wants them are left alone, so work that was interrupted can be begun again.
 * @returns logical ids of the resources that failed; empty when all is as it should be. The first failure stops the others.
 */
export async function converge(site: Site, blueprint: Blueprint): Promise<string[]> {
  const failed: string[] = [];
  const begun = new Map<string, Promise<void>>();
  const checkpoint = async (awsMs: number) => {
    await site.pass(awsMs);
    if (failed.length > 0) throw new Cancelled();
  };

  const bring = (logicalId: string): Promise<void> => {
    const known = begun.get(logicalId);
    if (known) return known;
    const bringing = bringAfterNeeds(logicalId);
    begun.set(logicalId, bringing);
    return bringing;
  };
  const bringAfterNeeds = async (logicalId: string) => {
    const planned = blueprint.resources.get(logicalId);
    if (!planned) return;
    await Promise.all(planned.needs.map(bring));
    if (failed.length > 0) return;
    try {
      await makeTrue(site, planned, blueprint, checkpoint);
    } catch (error) {
      failed.push(logicalId);
      recordFailure(site, planned, error);
    }
  };

  await Promise.all([...blueprint.resources.keys()].map(bring));
  return failed;
}

/** Another resource has failed: this one is given up. */
class Cancelled extends Error {
  override readonly name = 'Cancelled';
}

type Checkpoint = (awsMs: number) => Promise<void>;

async function makeTrue(site: Site, planned: PlannedResource, blueprint: Blueprint, checkpoint: Checkpoint): Promise<void> {
  const { logicalId, type, retain } = planned;
  const kind = kindOf(type);
  const needs = [...planned.needs];
  const properties = blueprint.properties(logicalId, site.stack.resources);
  if (kind.taggable) properties['Tags'] = mergeTags(site.stack.definition.tags, tagsOf(properties));
  const existing = site.stack.resources[logicalId];
  if (!existing?.physicalId) {
    const resource: StoredResource = {
      logicalId, type, needs, retain, properties, attributes: {}, status: 'CREATE_IN_PROGRESS', changedAt: site.region.clock.now(),
    };
    site.stack.resources[logicalId] = resource;
    await create(site, resource, kind, checkpoint);
    return;
  }
  Object.assign(existing, { needs, retain });
  if (existing.status === 'CREATE_IN_PROGRESS') {
    await finish(site, existing, kind, 'CREATE_COMPLETE', checkpoint);
  } else if (kind.replacedBy.some((name) => !isDeepStrictEqual(existing.properties[name], properties[name]))) {
    await replace(site, existing, properties, kind, checkpoint);
  } else if (existing.dirty || !isDeepStrictEqual(existing.properties, properties)) {
    await update(site, existing, properties, kind, checkpoint);
  }
}

async function create(site: Site, resource: StoredResource, kind: ResourceKind, checkpoint: Checkpoint): Promise<void> {
  site.resourceBecomes(resource, 'CREATE_IN_PROGRESS');
  await checkpoint(LEAD_TIME);
  const properties = await resolveReferences(resource.properties, site);
  Object.assign(resource, await handled(resource.type, kind.create(properties, contextOf(site, resource))));
  site.resourceBecomes(resource, 'CREATE_IN_PROGRESS', 'Resource creation Initiated');
  await finish(site, resource, kind, 'CREATE_COMPLETE', checkpoint);
}

async function update(
  site: Site, resource: StoredResource, wanted: Record<string, unknown>, kind: ResourceKind, checkpoint: Checkpoint,
): Promise<void> {
  const before = resource.properties;
  resource.dirty = true;
  site.resourceBecomes(resource, 'UPDATE_IN_PROGRESS');
  await checkpoint(LEAD_TIME);
  const properties = await resolveReferences(wanted, site);
  const { physicalId = '', type } = resource;
  await handled(type, kind.update(physicalId, properties, before, contextOf(site, resource)));
  Object.assign(resource, { properties: wanted, dirty: false });
  await checkpoint(LEAD_TIME);
  site.resourceBecomes(resource, 'UPDATE_COMPLETE');
}

async function replace(
  site: Site, resource: StoredResource, wanted: Record<string, unknown>, kind: ResourceKind, checkpoint: Checkpoint,
): Promise<void> {
  const { nameProperty = '' } = kind;
  if (wanted[nameProperty] !== undefined && wanted[nameProperty] === resource.properties[nameProperty]) {
    throw invalid(
      'CloudFormation cannot update a stack when a custom-named resource requires replacing. ' +
        `Rename ${resource.physicalId} and update the stack again.`,
    );
  }
  const reason = 'Requested update requires the creation of a new physical resource; hence creating one.';
  site.resourceBecomes(resource, 'UPDATE_IN_PROGRESS', reason);
  await checkpoint(LEAD_TIME);
  const properties = await resolveReferences(wanted, site);
  const made = await handled(resource.type, kind.create(properties, contextOf(site, resource)));
  site.stack.replaced.push({ ...resource });
  Object.assign(resource, made, { properties: wanted, dirty: false });
  site.resourceBecomes(resource, 'UPDATE_IN_PROGRESS', 'Resource creation Initiated');
  await finish(site, resource, kind, 'UPDATE_COMPLETE', checkpoint);
}

async function finish(
  site: Site, resource: StoredResource, kind: ResourceKind, status: 'CREATE_COMPLETE' | 'UPDATE_COMPLETE', checkpoint: Checkpoint,
): Promise<void> {
  await checkpoint(kind.duration);
  site.resourceBecomes(resource, status);
}

function recordFailure(site: Site, { logicalId }: PlannedResource, error: unknown): void {
  const resource = site.stack.resources[logicalId];
  if (!resource) return;
  const creating = resource.status === 'CREATE_IN_PROGRESS';
  const cancelled = creating ? 'Resource creation cancelled' : 'Resource update cancelled';
  const reason = error instanceof Cancelled ? cancelled : messageOf(error);
  site.resourceBecomes(resource, creating ? 'CREATE_FAILED' : 'UPDATE_FAILED', reason);
}

function kindOf(type: string): ResourceKind {
  const kind = kinds[type];
  if (kind) return kind;
  throw invalid(`Template format error: Unrecognized resource types: [${type}]`);
}

function contextOf({ region, stack }: Site, { logicalId }: StoredResource): ResourceContext {
  return { region, stackName: stack.name, logicalId };
}

function mergeTags(stackTags: readonly Tag[], own: readonly Tag[]): Tag[] {
  return [...stackTags.filter(({ Key }) => !own.some((tag) => tag.Key === Key)), ...own];
}

/** Dynamic references (`{{resolve:ssm:name}}`) are looked up only now: they change nothing while the template stays the same. */
async function resolveReferences(properties: Record<string, unknown>, site: Site): Promise<Record<string, unknown>> {
  const entries = Object.entries(properties).map(async ([key, value]) => [key, await resolved(value, site)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

async function resolved(value: unknown, site: Site): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map((item) => resolved(item, site)));
  if (isSection(value)) return resolveReferences(value, site);
  const reference = typeof value === 'string' ? /^\{\{resolve:ssm:(.+)\}\}$/.exec(value)?.[1] : undefined;
  return reference === undefined ? value : readSsmParameter(reference, site.region);
}
