/**
 * What an update would change, template against template: what is live, and was changed there by others, is not looked at.
 * Evaluations and sources follow the API model's `ResourceChangeDetail` and recorded answers of AWS.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Change, Replacement, ResourceAttribute, ResourceChange, ResourceChangeDetail } from '@aws-sdk/client-cloudformation';
import type { StackDefinition, StoredResource } from '../../world/cloudformation-state.ts';
import type { Blueprint } from './blueprint.ts';
import { marksIn } from './evaluate.ts';
import { kinds } from './kinds.ts';
import { invalid, isSection } from './section.ts';
import type { ResourceDeclaration, Template } from './template.ts';

/** A definition, and what it comes to. */
export interface Drawn {
  readonly definition: StackDefinition;
  readonly blueprint: Blueprint;
}

/** Whether an update from one to the other has nothing to do, outputs and tags included. */
export function isSame(before: Drawn, after: Drawn): boolean {
  return before.blueprint.fingerprint === after.blueprint.fingerprint && sameTags(before.definition, after.definition);
}

/** @throws AwsError ValidationError where a resource would become one of another type. */
export function checkTypes(before: Drawn, after: Drawn): void {
  const old = before.blueprint.resources;
  const retyped = [...after.blueprint.resources.values()].filter(({ logicalId, type }) => (old.get(logicalId)?.type ?? type) !== type);
  if (retyped.length === 0) return;
  const ids = retyped.map(({ logicalId }) => logicalId).join(', ');
  throw invalid(`Update of resource type is not permitted. The new template modifies resource type of the following resources: [${ids}]`);
}

/**
 * Sorted by logical id.
 * @param before undefined for a stack that is not made yet.
 * @param made the resources that the stack has.
 */
export function findChanges(before: Drawn | undefined, after: Drawn, made: Readonly<Record<string, StoredResource>>): Change[] {
  const old: Blueprint['resources'] = before?.blueprint.resources ?? new Map();
  const ids = [...new Set([...old.keys(), ...after.blueprint.resources.keys()])].toSorted();
  const modified = before ? findModified(before, after) : new Map<string, Modification>();
  return ids.flatMap((logicalId): Change[] => {
    const isNew = !old.has(logicalId);
    const isDropped = !after.blueprint.resources.has(logicalId);
    const modification = modified.get(logicalId);
    if (!isNew && !isDropped && !modification) return [];
    const { type = '', retain = false } = after.blueprint.resources.get(logicalId) ?? old.get(logicalId) ?? {};
    const change: ResourceChange = {
      ...(isDropped && { PolicyAction: retain ? 'Retain' : 'Delete' }),
      ...(modification?.replacement === 'True' && { PolicyAction: retain ? 'ReplaceAndRetain' : 'ReplaceAndDelete' }),
      Action: isNew ? 'Add' : isDropped ? 'Remove' : 'Modify',
      LogicalResourceId: logicalId,
      PhysicalResourceId: isNew ? undefined : made[logicalId]?.physicalId,
      ResourceType: type,
      Replacement: modification?.replacement,
      Scope: [...new Set(modification?.details.flatMap(({ Target }) => Target?.Attribute ?? []))],
      Details: [...(modification?.details ?? [])],
    };
    return [{ Type: 'Resource', ResourceChange: change }];
  });
}

interface Modification {
  readonly details: readonly ResourceChangeDetail[];
  readonly replacement: Replacement;
}

/** By logical id. A resource may be modified just because one that it refers to is: so it goes on until no more are found. */
function findModified(before: Drawn, after: Drawn): Map<string, Modification> {
  const found = new Map<string, Modification>();
  const common = [...after.blueprint.resources.keys()].filter((id) => before.blueprint.resources.has(id));
  for (let grown = true; grown; ) {
    grown = false;
    for (const logicalId of common) {
      const details = [...directDetails(logicalId, before, after), ...dynamicDetails(logicalId, after, found)];
      if (details.length <= (found.get(logicalId)?.details.length ?? 0)) continue;
      found.set(logicalId, { details, replacement: replacementOf(details) });
      grown = true;
    }
  }
  return found;
}

/** Properties, or policies, that are others than before. */
function directDetails(logicalId: string, before: Drawn, after: Drawn): ResourceChangeDetail[] {
  const { template: oldTemplate, symbols: oldSymbols } = before.blueprint;
  const { template, symbols } = after.blueprint;
  const [was, is] = [oldTemplate.resources[logicalId], template.resources[logicalId]];
  const [old, wanted] = [oldSymbols.get(logicalId) ?? {}, symbols.get(logicalId) ?? {}];
  if (!was || !is) return [];
  const names = [...new Set([...Object.keys(old), ...Object.keys(wanted)])];
  const changed = names.filter((name) => !isDeepStrictEqual(old[name], wanted[name]));
  const details = changed.flatMap((name): ResourceChangeDetail[] => {
    const Target = targetOf(is.type, name);
    const parameters = isDeepStrictEqual(was.properties[name], is.properties[name])
      ? changedParameters(is.properties[name], template, before.definition, after.definition)
      : [];
    const direct = { Target, ChangeSource: 'DirectModification' } as const;
    if (parameters.length === 0) return [{ ...direct, Evaluation: 'Static' }];
    // AWS names the parameter, and adds that the property may be another by itself.
    return [
      ...parameters.map((CausingEntity) => ({ Target, Evaluation: 'Static', ChangeSource: 'ParameterReference', CausingEntity }) as const),
      { ...direct, Evaluation: 'Dynamic' },
    ];
  });
  const tagged = kinds[is.type]?.taggable && !changed.includes('Tags') && !sameTags(before.definition, after.definition);
  const attributes: ResourceAttribute[] = [...(tagged ? (['Tags'] as const) : []), ...changedPolicies(was, is)];
  return [
    ...details,
    ...attributes.map((Attribute): ResourceChangeDetail => ({
      Target: { Attribute, RequiresRecreation: 'Never' }, Evaluation: 'Static', ChangeSource: 'DirectModification',
    })),
  ];
}

function changedPolicies(was: ResourceDeclaration, is: ResourceDeclaration): ResourceAttribute[] {
  return was.deletionPolicy === is.deletionPolicy ? [] : ['DeletionPolicy'];
}

/** Properties that refer to a resource that becomes another one, or to an attribute of one that is modified in any way. */
function dynamicDetails(logicalId: string, { blueprint }: Drawn, modified: ReadonlyMap<string, Modification>): ResourceChangeDetail[] {
  const type = blueprint.resources.get(logicalId)?.type ?? '';
  return Object.entries(blueprint.symbols.get(logicalId) ?? {}).flatMap(([name, value]) =>
    marksIn(value).flatMap(({ logicalId: other, attribute }): ResourceChangeDetail[] => {
      const cause = modified.get(other);
      if (!cause || (attribute === '' && cause.replacement === 'False')) return [];
      const Target = targetOf(type, name);
      return [
        attribute === ''
          ? { Target, Evaluation: 'Dynamic', ChangeSource: 'ResourceReference', CausingEntity: other }
          : { Target, Evaluation: 'Dynamic', ChangeSource: 'ResourceAttribute', CausingEntity: `${other}.${attribute}` },
      ];
    }),
  );
}

function targetOf(type: string, name: string): ResourceChangeDetail['Target'] {
  if (name === 'Tags') return { Attribute: 'Tags', RequiresRecreation: 'Never' };
  const always = kinds[type]?.replacedBy.includes(name) ?? false;
  return { Attribute: 'Properties', Name: name, RequiresRecreation: always ? 'Always' : 'Never' };
}

function replacementOf(details: readonly ResourceChangeDetail[]): Replacement {
  const recreating = details.filter(({ Target }) => Target?.RequiresRecreation === 'Always');
  if (recreating.length === 0) return 'False';
  return recreating.some(({ Evaluation }) => Evaluation === 'Static') ? 'True' : 'Conditional';
}

/** Names of the parameters in a value of the template, by way of conditions, too, that have another value than before. */
function changedParameters(value: unknown, template: Template, before: StackDefinition, after: StackDefinition): string[] {
  const valueIn = ({ parameters }: StackDefinition, name: string) => {
    const parameter = parameters.find(({ ParameterKey }) => ParameterKey === name);
    return parameter?.ResolvedValue ?? parameter?.ParameterValue;
  };
  const names = [...new Set(namesIn(value, template))].filter((name) => Object.hasOwn(template.parameters, name));
  return names.filter((name) => valueIn(before, name) !== valueIn(after, name));
}

function namesIn(value: unknown, template: Template): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => namesIn(item, template));
  if (!isSection(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    if (key === 'Ref') return [String(item)];
    if (key === 'Condition' && typeof item === 'string') return namesIn(template.conditions[item], template);
    if (key === 'Fn::If' && Array.isArray(item)) return [...namesIn({ Condition: item[0] }, template), ...namesIn(item.slice(1), template)];
    if (key === 'Fn::Sub') return [...namesInText(item), ...namesIn(item, template)];
    return namesIn(item, template);
  });
}

function namesInText(sub: unknown): string[] {
  const text = String(Array.isArray(sub) ? sub[0] : sub);
  return Array.from(text.matchAll(/\$\{([A-Za-z0-9]+)\}/g), ([, name = '']) => name);
}

function sameTags(one: StackDefinition, other: StackDefinition): boolean {
  const sorted = ({ tags }: StackDefinition) => tags.map(({ Key, Value }) => `${Key}=${Value}`).toSorted();
  return isDeepStrictEqual(sorted(one), sorted(other));
}
