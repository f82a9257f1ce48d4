/** CreateStack, UpdateStack, DeleteStack, and what protects from the last: they check what is asked for and leave the work to the stack's worker. */
import { randomUUID } from 'node:crypto';
import type {
  CreateStackInput, CreateStackOutput, DeleteStackInput, UpdateStackInput, UpdateStackOutput, UpdateTerminationProtectionInput,
  UpdateTerminationProtectionOutput,
} from '@aws-sdk/client-cloudformation';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { StackDefinition, StoredStack } from '../../world/cloudformation-state.ts';
import { drawBlueprint } from './blueprint.ts';
import { changeSetsOf, isListed, makeObsolete } from './change-set-lookup.ts';
import { checkTypes, isSame } from './changes.ts';
import { findStack, getStack } from './lookup.ts';
import { begin, bodyOf, checkName, checkUpdatable, define } from './requests.ts';
import { invalid } from './section.ts';

export const writeOperations = {
  async CreateStack(input: CreateStackInput, region: Region): Promise<CreateStackOutput> {
    const { StackName: name = '', TemplateBody, Parameters = [], Tags = [], Capabilities = [], OnFailure, DisableRollback } = input;
    const { EnableTerminationProtection } = input;
    checkName(name, 'stackName');
    const definition = await define(
      { text: bodyOf(TemplateBody), given: Parameters, previous: [], tags: Tags, capabilities: Capabilities },
      region,
    );
    // After the last wait for anything: between this check and the entry nobody else gets in.
    const existing = findStack(region, name);
    if (existing && isRepeated(existing, input)) return { StackId: existing.id };
    const reviewed = existing?.status === 'REVIEW_IN_PROGRESS' ? existing : undefined;
    if (existing && !reviewed) throw new AwsError('AlreadyExistsException', `Stack [${name}] already exists`);
    const id = reviewed?.id ?? region.arn('cloudformation', `stack/${name}/${randomUUID()}`);
    drawBlueprint(definition, { id, name }, region);
    const stack: StoredStack = {
      id,
      name,
      status: 'CREATE_IN_PROGRESS',
      createdAt: reviewed?.createdAt ?? region.clock.now(),
      definition,
      onFailure: DisableRollback ? 'DO_NOTHING' : (OnFailure ?? 'ROLLBACK'),
      retained: [],
      token: input.ClientRequestToken,
      resources: {},
      replaced: [],
      outputs: [],
      events: reviewed?.events ?? [],
      isProtected: EnableTerminationProtection ?? false,
      changeSets: reviewed?.changeSets ?? [],
    };
    makeObsolete(stack);
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
    checkUpdatable(stack);
    const draw = (drawn: StackDefinition) => ({ definition: drawn, blueprint: drawBlueprint(drawn, stack, region) });
    const [old, wanted] = [draw(stack.definition), draw(definition)];
    if (isSame(old, wanted)) throw invalid('No updates are to be performed.');
    checkTypes(old, wanted);
    makeObsolete(stack);
    stack.previous = stack.definition;
    stack.definition = definition;
    stack.token = input.ClientRequestToken;
    begin(region, stack, 'UPDATE_IN_PROGRESS');
    return { StackId: stack.id };
  },

  DeleteStack(input: DeleteStackInput, region: Region): object {
    const stack = findStack(region, input.StackName ?? '');
    if (!stack || (stack.status.startsWith('DELETE_') && stack.status !== 'DELETE_FAILED')) return {};
    if (stack.isProtected) throw invalid(`Stack [${stack.name}] cannot be deleted while TerminationProtection is enabled`);
    if (stack.status.endsWith('_IN_PROGRESS') && !DELETABLE_IN_PROGRESS.has(stack.status)) {
      throw invalid(`Stack [${stack.name}] cannot be deleted while in status ${stack.status}`);
    }
    const { RetainResources = [] } = input;
    if (RetainResources.length > 0 && stack.status !== 'DELETE_FAILED') {
      throw invalid(`Invalid operation on stack [${stack.id}]. RetainResources can only be specified for stacks in DELETE_FAILED state`);
    }
    stack.retained = RetainResources;
    stack.token = input.ClientRequestToken;
    stack.changeSets = changeSetsOf(stack).filter((changeSet) => !isListed(changeSet));
    begin(region, stack, 'DELETE_IN_PROGRESS');
    return {};
  },

  UpdateTerminationProtection(input: UpdateTerminationProtectionInput, region: Region): UpdateTerminationProtectionOutput {
    const { StackName: name = '', EnableTerminationProtection } = input;
    const stack = getStack(region, name, `Stack [${name}] does not exist`);
    if (stack.status === 'DELETE_IN_PROGRESS' || stack.status === 'DELETE_COMPLETE') {
      throw invalid(`TerminationProtection cannot be updated for stack [${stack.name}] in status ${stack.status}`);
    }
    stack.isProtected = EnableTerminationProtection ?? false;
    region.changed();
    return { StackId: stack.id };
  },
};

const DELETABLE_IN_PROGRESS: ReadonlySet<string> = new Set(['CREATE_IN_PROGRESS', 'REVIEW_IN_PROGRESS']);

/** By its token CloudFormation knows a request whose answer was lost: it is told that it did its work, and does no more. */
function isRepeated({ token }: StoredStack, { ClientRequestToken }: CreateStackInput | UpdateStackInput): boolean {
  return ClientRequestToken !== undefined && ClientRequestToken === token;
}
