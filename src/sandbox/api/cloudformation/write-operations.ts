/** CreateStack, UpdateStack, DeleteStack: they check what is asked for and leave the work to the stack's worker. */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type {
  Capability, CreateStackInput, CreateStackOutput, DeleteStackInput, Parameter, Tag, UpdateStackInput, UpdateStackOutput,
} from '@aws-sdk/client-cloudformation';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { StackDefinition, StoredStack } from '../../world/cloudformation-state.ts';
import { drawBlueprint } from './blueprint.ts';
import { neededCapability } from './capabilities.ts';
import { findStack, getStack } from './lookup.ts';
import { resolveParameters } from './parameters.ts';
import { setStackStatus } from './site.ts';
import { invalid } from './section.ts';
import { readTemplate } from './template.ts';

export const writeOperations = {
  async CreateStack(input: CreateStackInput, region: Region): Promise<CreateStackOutput> {
    const { StackName: name = '', TemplateBody, Parameters = [], Tags = [], Capabilities = [], OnFailure, DisableRollback } = input;
    checkName(name);
    const definition = await define(
      { text: bodyOf(TemplateBody), given: Parameters, previous: [], tags: Tags, capabilities: Capabilities },
      region,
    );
    // After the last wait for anything: between this check and the entry nobody else gets in.
    const existing = findStack(region, name);
    if (existing && isRepeated(existing, input)) return { StackId: existing.id };
    if (existing) throw new AwsError('AlreadyExistsException', `Stack [${name}] already exists`);
    const id = region.arn('cloudformation', `stack/${name}/${randomUUID()}`);
    drawBlueprint(definition, { id, name }, region);
    const stack: StoredStack = {
      id,
      name,
      status: 'CREATE_IN_PROGRESS',
      createdAt: region.clock.now(),
      definition,
      onFailure: DisableRollback ? 'DO_NOTHING' : (OnFailure ?? 'ROLLBACK'),
      retained: [],
      token: input.ClientRequestToken,
      resources: {},
      replaced: [],
      outputs: [],
      events: [],
    };
    region.state.cloudformation.stacks[id] = stack;
    begin(region, stack, 'CREATE_IN_PROGRESS');
    return { StackId: id };
  },

  async UpdateStack(input: UpdateStackInput, region: Region): Promise<UpdateStackOutput> {
    const { StackName: name = '', TemplateBody, UsePreviousTemplate, Parameters = [], Tags, Capabilities = [] } = input;
    const missing = `Stack [${name}] does not exist`;
    const before = getStack(region, name, missing).definition;
    const text = UsePreviousTemplate ? before.template : bodyOf(TemplateBody);
    const definition = await define(
      { text, given: Parameters, previous: before.parameters, tags: Tags ?? before.tags, capabilities: Capabilities },
      region,
    );
    const stack = getStack(region, name, missing);
    if (isRepeated(stack, input)) return { StackId: stack.id };
    if (!UPDATABLE.has(stack.status)) {
      throw invalid(`Stack:${stack.id} is in ${stack.status} state and can not be updated.`);
    }
    const fingerprint = ({ template, parameters }: StackDefinition) =>
      drawBlueprint({ template, parameters, tags: [], capabilities: [] }, stack, region).fingerprint;
    if (fingerprint(definition) === fingerprint(stack.definition) && sameTags(definition.tags, stack.definition.tags)) {
      throw invalid('No updates are to be performed.');
    }
    stack.previous = stack.definition;
    stack.definition = definition;
    stack.token = input.ClientRequestToken;
    begin(region, stack, 'UPDATE_IN_PROGRESS');
    return { StackId: stack.id };
  },

  DeleteStack(input: DeleteStackInput, region: Region): object {
    const stack = findStack(region, input.StackName ?? '');
    if (!stack || (stack.status.startsWith('DELETE_') && stack.status !== 'DELETE_FAILED')) return {};
    if (stack.status.endsWith('_IN_PROGRESS') && stack.status !== 'CREATE_IN_PROGRESS') {
      throw invalid(`Stack [${stack.name}] cannot be deleted while in status ${stack.status}`);
    }
    const { RetainResources = [] } = input;
    if (RetainResources.length > 0 && stack.status !== 'DELETE_FAILED') {
      throw invalid(`Invalid operation on stack [${stack.id}]. RetainResources can only be specified for stacks in DELETE_FAILED state`);
    }
    stack.retained = RetainResources;
    stack.token = input.ClientRequestToken;
    begin(region, stack, 'DELETE_IN_PROGRESS');
    return {};
  },
};

/** By its token CloudFormation knows a request whose answer was lost: it is told that it did its work, and does no more. */
function isRepeated({ token }: StoredStack, { ClientRequestToken }: CreateStackInput | UpdateStackInput): boolean {
  return ClientRequestToken !== undefined && ClientRequestToken === token;
}

const UPDATABLE: ReadonlySet<string> = new Set(['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE']);

function begin(region: Region, stack: StoredStack, status: 'CREATE_IN_PROGRESS' | 'UPDATE_IN_PROGRESS' | 'DELETE_IN_PROGRESS'): void {
  setStackStatus(region, stack, status, 'User Initiated');
  region.stacks.work(stack);
}

interface Asked {
  readonly text: string;
  readonly given: readonly Parameter[];
  readonly previous: readonly Parameter[];
  readonly tags: readonly Tag[];
  readonly capabilities: readonly Capability[];
}

async function define({ text, given, previous, tags, capabilities }: Asked, region: Region): Promise<StackDefinition> {
  const template = readTemplate(text);
  const parameters = await resolveParameters(template, given, previous, region);
  const needed = neededCapability(template);
  const accepted = capabilities.includes('CAPABILITY_NAMED_IAM') || (needed && capabilities.includes(needed));
  if (needed && !accepted) throw new AwsError('InsufficientCapabilitiesException', `Requires capabilities : [${needed}]`);
  return { template: text, parameters, tags: [...tags], capabilities: [...capabilities] };
}

function bodyOf(body: string | undefined): string {
  if (body !== undefined) return body;
  throw invalid('Either Template URL or Template Body must be specified.');
}

function checkName(name: string): void {
  if (/^[a-zA-Z][-a-zA-Z0-9]{0,127}$/.test(name)) return;
  throw invalid(
    `1 validation error detected: Value '${name}' at 'stackName' failed to satisfy constraint: ` +
      'Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*',
  );
}

function sameTags(one: readonly Tag[], other: readonly Tag[]): boolean {
  return isDeepStrictEqual(sortedTags(one), sortedTags(other));
}

function sortedTags(tags: readonly Tag[]): string[] {
  return tags.map(({ Key, Value }) => `${Key}=${Value}`).toSorted();
}
