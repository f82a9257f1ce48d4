/** Deletes resources of a stack, each after those that need it. */
import type { StoredResource } from '../../world/cloudformation-state.ts';
import { kinds } from './kinds.ts';
import { LEAD_TIME, messageOf, type Site } from './site.ts';

/**
 * Resources that are deleted already are passed over, so work that was interrupted can be begun again. What a resource
 * that failed still needs stays.
 * @returns logical ids of the resources whose deletion failed.
 */
export async function tearDown(site: Site, resources: readonly StoredResource[]): Promise<string[]> {
  const failed: string[] = [];
  const begun = new Map<StoredResource, Promise<boolean>>();

  const remove = (resource: StoredResource): Promise<boolean> => {
    const known = begun.get(resource);
    if (known) return known;
    const removing = removeAfterDependents(resource);
    begun.set(resource, removing);
    return removing;
  };
  const removeAfterDependents = async (resource: StoredResource): Promise<boolean> => {
    const dependents = resources.filter(({ needs }) => needs.includes(resource.logicalId));
    const gone = await Promise.all(dependents.map(remove));
    if (gone.includes(false)) return false;
    try {
      await removeOne(site, resource);
      return true;
    } catch (error) {
      failed.push(resource.logicalId);
      site.resourceBecomes(resource, 'DELETE_FAILED', messageOf(error));
      return false;
    }
  };

  await Promise.all(resources.map(remove));
  return failed;
}

async function removeOne(site: Site, resource: StoredResource): Promise<void> {
  if (resource.status === 'DELETE_COMPLETE' || resource.status === 'DELETE_SKIPPED') return;
  if (resource.retain || site.stack.retained.includes(resource.logicalId)) {
    site.resourceBecomes(resource, 'DELETE_SKIPPED');
    return;
  }
  const kind = kinds[resource.type];
  const { physicalId } = resource;
  if (kind && physicalId !== undefined) {
    const { logicalId, properties } = resource;
    const context = { region: site.region, stackName: site.stack.name, logicalId, properties };
    site.resourceBecomes(resource, 'DELETE_IN_PROGRESS');
    await site.pass(LEAD_TIME);
    await site.handled(resource, 'delete', () => kind.delete(physicalId, context));
    await site.pass(kind.duration / 3);
  }
  site.resourceBecomes(resource, 'DELETE_COMPLETE');
}
