/** Types of resources, as far as the one who asked for the stack may make, change and delete them: CloudFormation acts in their name. */
import { AwsError } from '../../errors.ts';
import { currentCaller } from '../../iam/caller.ts';
import type { Asked } from '../../iam/needs.ts';
import type { Verb } from '../../iam/resource-types.ts';
import { longName, type ResourceContext, type ResourceKind, shortName, tagsOf, textAt } from './kind.ts';
import type { Section } from './section.ts';

/** The same types, whose handlers throw AwsError `AccessDenied`, or EC2's `UnauthorizedOperation`, for what is not allowed. */
export function guarded(kinds: Readonly<Record<string, ResourceKind>>): Readonly<Record<string, ResourceKind>> {
  return Object.fromEntries(Object.entries(kinds).map(([type, kind]) => [type, guardedKind(type, kind)]));
}

function guardedKind(type: string, kind: ResourceKind): ResourceKind {
  return {
    ...kind,
    async create(properties, context) {
      const name = textAt(properties, kind.nameProperty ?? 'Name') || (type.includes('::ElasticLoadBalancing') ? shortName(context) : longName(context));
      permit(type, 'create', context, properties, { name });
      return kind.create(properties, context);
    },
    async update(physicalId, properties, before, context) {
      permit(type, 'update', context, properties, { physicalId });
      await kind.update(physicalId, properties, before, context);
    },
    async delete(physicalId, context) {
      const { properties = {} } = resourceOf(context, physicalId) ?? {};
      permit(type, 'delete', context, properties, { physicalId });
      await kind.delete(physicalId, context);
    },
  };
}

function permit(type: string, verb: Verb, context: ResourceContext, properties: Section, known: Pick<Asked, 'name' | 'physicalId'>): void {
  const { region } = context;
  const caller = currentCaller();
  if (caller === undefined) return;
  const own = tagsOf(properties);
  const ofStack = stackOf(context)?.definition.tags ?? [];
  // Every type that takes tags gets those of the stack, whether or not they are kept here.
  const input = { ...properties, Tags: [...ofStack.filter(({ Key }) => !own.some((tag) => tag.Key === Key)), ...own] };
  const refusal = region.config.guard?.resource(caller, type, verb, { region, input, ...known });
  if (refusal !== undefined) throw new AwsError(type.startsWith('AWS::EC2::') ? 'UnauthorizedOperation' : 'AccessDenied', refusal, 403);
}

function stackOf({ region, stackName }: ResourceContext) {
  return Object.values(region.state.cloudformation.stacks).findLast(({ name, status }) => name === stackName && status !== 'DELETE_COMPLETE');
}

function resourceOf(context: ResourceContext, physicalId: string) {
  const { resources = {}, replaced = [] } = stackOf(context) ?? {};
  return [...Object.values(resources), ...replaced].find((resource) => resource.physicalId === physicalId);
}
