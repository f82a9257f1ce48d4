/** What a template asks for once its parameters are known: which resources, in which order, with which outputs. */
import type { Output } from '@aws-sdk/client-cloudformation';
import type { Region } from '../../parts.ts';
import type { StackDefinition, StoredResource, StoredStack } from '../../world/cloudformation-state.ts';
import { evaluate, holds, markOf, NO_VALUE, type Scope } from './evaluate.ts';
import { parameterValue } from './parameters.ts';
import { invalid, isSection, type Section, text } from './section.ts';
import { readTemplate, type ResourceDeclaration, type Template } from './template.ts';

export interface Blueprint {
  /** In the template's order. */
  readonly resources: ReadonlyMap<string, PlannedResource>;
  readonly template: Template;
  /** Each resource's properties, with marks (see `evaluate.ts`) for what is known only once other resources are made. */
  readonly symbols: ReadonlyMap<string, Section>;
  /** Equal for blueprints between which an update has nothing to do. */
  readonly fingerprint: string;
  /** Properties with everything resolved, as far as the resources made so far allow. */
  properties(logicalId: string, made: StoredStack['resources']): Record<string, unknown>;
  outputs(made: StoredStack['resources']): Output[];
}

export interface PlannedResource {
  readonly logicalId: string;
  readonly type: string;
  /** Logical ids of the resources that must be there first. */
  readonly needs: readonly string[];
  readonly retain: boolean;
}

/** The zones of every region of the sandbox. */
const ZONES = ['a', 'b', 'c'];

/** @throws AwsError ValidationError for references that lead nowhere and for resources that wait for each other. */
export function drawBlueprint(definition: StackDefinition, stack: Pick<StoredStack, 'id' | 'name'>, region: Region): Blueprint {
  const template = readTemplate(definition.template);
  const world = { template, definition, stack, region };
  const symbols = collectSymbols(world);
  const planned = [...symbols].map(([logicalId, { needs }]): [string, PlannedResource] => {
    const { type, deletionPolicy } = resourceOf(template, logicalId);
    return [logicalId, { logicalId, type, needs, retain: deletionPolicy?.startsWith('Retain') ?? false }];
  });
  const resources = new Map(planned);
  refuseCircles(resources);
  const outputScope = makeScope(world, 'Outputs', symbolic([...resources.keys()], new Set()));
  const outputs = Object.entries(template.outputs)
    .filter(([, { condition }]) => condition === undefined || outputScope.condition(condition));
  const symbolicOutputs = outputs.map(([key, { value }]) => [key, evaluate(value, outputScope)]);

  return {
    resources,
    template,
    symbols: new Map(Array.from(symbols, ([logicalId, { properties }]) => [logicalId, asProperties(properties)])),
    fingerprint: JSON.stringify([[...symbols].map(([id, { properties }]) => [resources.get(id), properties]), symbolicOutputs]),
    properties(logicalId, made) {
      const scope = makeScope(world, 'Resources', live(made));
      return asProperties(evaluate(resourceOf(template, logicalId).properties, scope));
    },
    outputs(made) {
      const scope = makeScope(world, 'Outputs', live(made));
      return outputs.map(([key, { value, description, exportName }]) => ({
        OutputKey: key,
        OutputValue: text(evaluate(value, scope)),
        Description: description,
        ExportName: exportName === undefined ? undefined : text(evaluate(exportName, scope)),
      }));
    },
  };
}

interface World {
  readonly template: Template;
  readonly definition: StackDefinition;
  readonly stack: Pick<StoredStack, 'id' | 'name'>;
  readonly region: Region;
}

/** How resources are looked up by their logical ids; undefined for one that the stack does not have. */
interface ResourceLookup {
  ref(logicalId: string): string | undefined;
  attribute(logicalId: string, name: string): string | undefined;
}

/** Evaluates each resource without knowing the others' ids, and notes which of them it asks for. */
function collectSymbols(world: World): Map<string, { properties: unknown; needs: string[] }> {
  const { template } = world;
  const conditions = makeScope(world, 'Resources', symbolic([], new Set()));
  const wanted = Object.entries(template.resources)
    .filter(([, { condition }]) => condition === undefined || conditions.condition(condition))
    .map(([logicalId]) => logicalId);
  const symbols = new Map<string, { properties: unknown; needs: string[] }>();
  for (const logicalId of wanted) {
    const declaration = resourceOf(template, logicalId);
    const needs = new Set<string>();
    const properties = evaluate(declaration.properties, makeScope(world, 'Resources', symbolic(wanted, needs)));
    for (const other of declaration.dependsOn) {
      if (!Object.hasOwn(template.resources, other)) throw unresolved(other, 'Resources');
      if (wanted.includes(other)) needs.add(other);
    }
    symbols.set(logicalId, { properties, needs: [...needs] });
  }
  return symbols;
}

function symbolic(known: readonly string[], asked: Set<string>): ResourceLookup {
  const symbol = (logicalId: string, attribute: string) => {
    if (!known.includes(logicalId)) return undefined;
    asked.add(logicalId);
    return markOf(logicalId, attribute);
  };
  return { ref: (logicalId) => symbol(logicalId, ''), attribute: symbol };
}

function live(made: Readonly<Record<string, StoredResource>>): ResourceLookup {
  return {
    ref: (logicalId) => made[logicalId]?.physicalId,
    attribute(logicalId, name) {
      const resource = made[logicalId];
      if (!resource) return undefined;
      const value = resource.attributes[name];
      if (value !== undefined) return value;
      throw invalid(`Template error: resource ${logicalId} does not support attribute type ${name} in Fn::GetAtt`);
    },
  };
}

function makeScope({ template, definition, stack, region }: World, block: 'Resources' | 'Outputs', resources: ResourceLookup): Scope {
  const zones = (name: string) => ZONES.map((zone) => `${name || region.name}${zone}`);
  const pseudo: Readonly<Record<string, unknown>> = {
    'AWS::AccountId': region.config.account,
    'AWS::NoValue': NO_VALUE,
    'AWS::NotificationARNs': [],
    'AWS::Partition': 'aws',
    'AWS::Region': region.name,
    'AWS::StackId': stack.id,
    'AWS::StackName': stack.name,
    'AWS::URLSuffix': 'amazonaws.com',
  };
  const scope: Scope = {
    mappings: template.mappings,
    zones,
    ref(name) {
      if (Object.hasOwn(pseudo, name)) return pseudo[name];
      const parameter = definition.parameters.find(({ ParameterKey }) => ParameterKey === name);
      if (parameter) return parameterValue(parameter, template.parameters[name]?.type ?? 'String');
      return resources.ref(name) ?? refuse(name);
    },
    attribute(logicalId, name) {
      if (!Object.hasOwn(template.resources, logicalId)) {
        throw invalid(`Template error: instance of Fn::GetAtt references undefined resource ${logicalId}`);
      }
      return resources.attribute(logicalId, name) ?? refuse(logicalId);
    },
    condition(name) {
      if (!Object.hasOwn(template.conditions, name)) {
        throw invalid(`Template format error: Unresolved condition dependency ${name} in the ${block} block of the template`);
      }
      return holds(template.conditions[name], scope);
    },
  };
  return scope;

  function refuse(name: string): never {
    throw unresolved(name, block);
  }
}

function refuseCircles(resources: ReadonlyMap<string, PlannedResource>): void {
  const left = new Map(resources);
  for (;;) {
    const ready = [...left.values()].filter(({ needs }) => !needs.some((id) => left.has(id)));
    if (ready.length === 0) break;
    for (const { logicalId } of ready) left.delete(logicalId);
  }
  if (left.size > 0) throw invalid(`Circular dependency between resources: [${[...left.keys()].join(', ')}]`);
}

function unresolved(name: string, block: string): Error {
  return invalid(`Template format error: Unresolved resource dependencies [${name}] in the ${block} block of the template`);
}

function resourceOf(template: Template, logicalId: string): ResourceDeclaration {
  const declaration = template.resources[logicalId];
  if (declaration) return declaration;
  throw unresolved(logicalId, 'Resources');
}

function asProperties(value: unknown): Record<string, unknown> {
  return isSection(value) ? { ...value } : {};
}
