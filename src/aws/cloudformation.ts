/** CloudFormation: stacks, what an update would change, and what happened to their resources. */
import type { ResourceChange as SdkChange, Stack as SdkStack } from '@aws-sdk/client-cloudformation';
import { allPages, type Caller, clientOptions, explaining, isAws, once } from './connect.ts';
import { needed } from './needed.ts';

export interface Stack {
  readonly id: string;
  readonly name: string;
  /** `CREATE_COMPLETE`, `UPDATE_IN_PROGRESS`, …, or what AWS adds later. */
  readonly status: string;
  readonly statusReason: string | undefined;
  readonly parameters: Readonly<Record<string, string>>;
  /** Empty until the stack is made. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Whether it refuses to be deleted. */
  readonly isProtected: boolean;
}

/** What a stack is to be. Its IAM resources are acknowledged. */
export interface StackRequest {
  readonly name: string;
  readonly template: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Whether it is to refuse its deletion; undefined for one that is left as it is. */
  readonly protect: boolean | undefined;
}

/** What an update would do to a resource. */
export interface ResourceChange {
  /** `Add`, `Modify`, `Remove`, `Import`, …, or what AWS adds later. */
  readonly action: string;
  /** Logical id. */
  readonly resource: string;
  /** Such as `AWS::ECS::Cluster`. */
  readonly kind: string;
  /** Whether another one takes its place: `True`, `False`, or `Conditional` where only the update itself will tell. */
  readonly replacement: string | undefined;
}

/**
 * What a change set is asked for by. The stack is named beside it, because IAM is asked about the stack then, and about the change
 * set's own ARN where it is named alone.
 */
export interface ChangeSetKey {
  readonly id: string;
  /** Name or id of its stack. */
  readonly stack: string;
}

export interface ChangeSet extends ChangeSetKey {
  /** Id of its stack; a first change set makes one that is REVIEW_IN_PROGRESS and holds nothing. */
  readonly stack: string;
  /** `CREATE_PENDING`, `CREATE_IN_PROGRESS`, `CREATE_COMPLETE`, `FAILED`, …, or what AWS adds later. */
  readonly status: string;
  readonly reason: string | undefined;
  readonly changes: readonly ResourceChange[];
}

export interface StackEvent {
  readonly id: string;
  /** Name of the operation that the event belongs to, as its caller gave it. */
  readonly operation: string | undefined;
  /** Logical id; for the stack's own events the name of the stack. */
  readonly resource: string;
  /** Such as `AWS::ECS::Cluster`. */
  readonly kind: string;
  readonly status: string;
  readonly reason: string | undefined;
}

/** `operation` names what was asked for: events carry it, and asking a second time under the same name does nothing. */
export interface Stacks {
  /** A stack by name, or by id also after it was deleted; undefined when there is none. */
  describe(nameOrId: string): Promise<Stack | undefined>;
  /** All stacks of the account and region. */
  all(): Promise<Stack[]>;
  /** The text that the stack was made from. */
  template(name: string): Promise<string>;
  /** Begins to make a stack and returns its id. */
  create(request: StackRequest, operation: string): Promise<string>;
  /** Begins to find out what a stack would become, and changes nothing. The change set has the operation's name. */
  createChangeSet(request: StackRequest, type: 'CREATE' | 'UPDATE', operation: string): Promise<ChangeSetKey>;
  /** A change set with its changes from all pages. Throws what `isOvertaken` knows where it is not there. */
  changeSet(key: ChangeSetKey): Promise<ChangeSet>;
  /** Change sets of a stack that were not executed. */
  changeSets(nameOrId: string): Promise<{ readonly id: string; readonly name: string }[]>;
  /** Begins to change the stack as the change set says. */
  executeChangeSet(key: ChangeSetKey, operation: string): Promise<void>;
  /** Does nothing where there is none. */
  deleteChangeSet(key: ChangeSetKey): Promise<void>;
  /** Has the stack refuse to be deleted. */
  protect(nameOrId: string): Promise<void>;
  /** Lets the stack be deleted. */
  unprotect(nameOrId: string): Promise<void>;
  /** Begins to delete a stack. */
  delete(nameOrId: string, operation: string): Promise<void>;
  /** The events of the operation that began last, oldest first; none where the stack is not read back yet. */
  lastEvents(nameOrId: string): Promise<StackEvent[]>;
}

/** @param hurried answers or fails within seconds, whatever the network does. */
export function stacks(caller: Caller, { hurried = false }: { hurried?: boolean } = {}): Stacks {
  const connect = once(async () => {
    const sdk = await import('./sdk/cloudformation.ts');
    return { sdk, client: explaining('cloudformation', new sdk.CloudFormationClient(await clientOptions(caller, { hurried }))) };
  });

  return {
    async describe(nameOrId) {
      const { sdk, client } = await connect();
      try {
        const answer = await client.send(new sdk.DescribeStacksCommand({ StackName: nameOrId }));
        return answer.Stacks?.map(toStack)[0];
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },

    async all() {
      const { sdk, client } = await connect();
      return allPages(async (NextToken) => {
        const answer = await client.send(new sdk.DescribeStacksCommand({ NextToken }));
        return [(answer.Stacks ?? []).map(toStack), answer.NextToken];
      });
    },

    async template(name) {
      const { sdk, client } = await connect();
      const answer = await client.send(new sdk.GetTemplateCommand({ StackName: name, TemplateStage: 'Original' }));
      return needed(answer.TemplateBody, 'GetTemplate', 'the template');
    },

    async create(request, operation) {
      const { sdk, client } = await connect();
      const answer = await client.send(new sdk.CreateStackCommand({
        ...inputOf(request),
        EnableTerminationProtection: request.protect,
        ClientRequestToken: operation,
      }));
      return needed(answer.StackId, 'CreateStack', 'the id of the stack');
    },

    async createChangeSet(request, type, operation) {
      const { sdk, client } = await connect();
      const input = { ...inputOf(request), ChangeSetName: operation, ChangeSetType: type, ClientToken: operation };
      const made = await client.send(new sdk.CreateChangeSetCommand(input));
      return {
        id: needed(made.Id, 'CreateChangeSet', 'the id of the change set'),
        stack: needed(made.StackId, 'CreateChangeSet', 'the id of the stack'),
      };
    },

    async changeSet(key) {
      const { sdk, client } = await connect();
      const page = (NextToken?: string) => client.send(new sdk.DescribeChangeSetCommand({ ...named(key), NextToken }));
      const first = await page();
      const changes = await allPages(async (token) => {
        const { Changes = [], NextToken } = token === undefined ? first : await page(token);
        return [Changes.flatMap(({ ResourceChange }) => (ResourceChange ? [toChange(ResourceChange)] : [])), NextToken];
      });
      return {
        id: key.id,
        stack: needed(first.StackId, 'DescribeChangeSet', 'the id of the stack'),
        status: needed(first.Status, 'DescribeChangeSet', 'the status of the change set'),
        reason: first.StatusReason,
        changes,
      };
    },

    async changeSets(nameOrId) {
      const { sdk, client } = await connect();
      return allPages(async (NextToken) => {
        const answer = await client.send(new sdk.ListChangeSetsCommand({ StackName: nameOrId, NextToken })).catch((error: unknown) => {
          if (isMissing(error)) return { Summaries: [], NextToken: undefined };
          throw error;
        });
        const open = (answer.Summaries ?? []).filter(({ ExecutionStatus = '' }) => !ExecutionStatus.startsWith('EXECUTE_'));
        return [open.map(({ ChangeSetId: id = '', ChangeSetName: name = '' }) => ({ id, name })), answer.NextToken];
      });
    },

    async executeChangeSet(key, operation) {
      const { sdk, client } = await connect();
      try {
        await client.send(new sdk.ExecuteChangeSetCommand({ ...named(key), ClientRequestToken: operation }));
      } catch (error) {
        if (!isOvertaken(error) && !isAws(error, 'TokenAlreadyExistsException')) throw error;
        // The SDK repeats a call whose answer was lost, and the change set is being executed then.
        const { ExecutionStatus = '' } = await client.send(new sdk.DescribeChangeSetCommand(named(key)));
        if (!ExecutionStatus.startsWith('EXECUTE_')) throw error;
      }
    },

    async deleteChangeSet(key) {
      const { sdk, client } = await connect();
      await client.send(new sdk.DeleteChangeSetCommand(named(key)));
    },

    async protect(nameOrId) {
      const { sdk, client } = await connect();
      await client.send(new sdk.UpdateTerminationProtectionCommand({ StackName: nameOrId, EnableTerminationProtection: true }));
    },

    async unprotect(nameOrId) {
      const { sdk, client } = await connect();
      await client.send(new sdk.UpdateTerminationProtectionCommand({ StackName: nameOrId, EnableTerminationProtection: false }));
    },

    async delete(nameOrId, operation) {
      const { sdk, client } = await connect();
      await client.send(new sdk.DeleteStackCommand({ StackName: nameOrId, ClientRequestToken: operation }));
    },

    async lastEvents(nameOrId) {
      const { sdk, client } = await connect();
      const events: StackEvent[] = [];
      let NextToken: string | undefined;
      do {
        const answer = await client.send(new sdk.DescribeStackEventsCommand({ StackName: nameOrId, NextToken })).catch((error: unknown) => {
          if (isMissing(error)) return { StackEvents: [], NextToken: undefined };
          throw error;
        });
        for (const event of answer.StackEvents ?? []) {
          events.unshift({
            id: event.EventId ?? '',
            operation: event.ClientRequestToken,
            resource: event.LogicalResourceId ?? '',
            kind: event.ResourceType ?? '',
            status: event.ResourceStatus ?? '',
            reason: event.ResourceStatusReason,
          });
          const isStack = event.PhysicalResourceId === event.StackId;
          if (isStack && event.ResourceStatusReason === 'User Initiated') return events;
        }
        NextToken = answer.NextToken;
      } while (NextToken);
      return events;
    },
  };
}

function inputOf({ name, template, parameters, tags }: StackRequest) {
  return {
    StackName: name,
    TemplateBody: template,
    Parameters: Object.entries(parameters).map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue })),
    Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
    Capabilities: ['CAPABILITY_IAM' as const],
  };
}

function named({ id, stack }: ChangeSetKey) {
  return { StackName: stack, ChangeSetName: id };
}

/**
 * Whether somebody else was faster: the stack is there already, or is being changed; the change set, or its stack, is not there any
 * more, or fits the stack no more.
 */
export function isOvertaken(error: unknown): boolean {
  if (isAws(error, 'AlreadyExistsException', 'ChangeSetNotFoundException', 'InvalidChangeSetStatusException')) return true;
  return isAws(error, 'ValidationError') && error instanceof Error && /can ?not be (updated|executed)|^Stack .* does not exist/.test(error.message);
}

/** CloudFormation has no code of its own for a stack that does not exist. */
function isMissing(error: unknown): boolean {
  return isAws(error, 'ValidationError') && error instanceof Error && error.message.includes('does not exist');
}

function toStack(stack: SdkStack): Stack {
  return {
    id: needed(stack.StackId, 'DescribeStacks', 'the id of a stack'),
    name: needed(stack.StackName, 'DescribeStacks', 'the name of a stack'),
    status: needed(stack.StackStatus, 'DescribeStacks', 'the status of a stack'),
    statusReason: stack.StackStatusReason,
    parameters: Object.fromEntries(
      (stack.Parameters ?? []).map(({ ParameterKey = '', ParameterValue = '' }) => [ParameterKey, ParameterValue]),
    ),
    outputs: Object.fromEntries(
      (stack.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]),
    ),
    tags: Object.fromEntries((stack.Tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value])),
    isProtected: stack.EnableTerminationProtection ?? false,
  };
}

function toChange(change: SdkChange): ResourceChange {
  return {
    action: needed(change.Action, 'DescribeChangeSet', 'the action of a change'),
    resource: needed(change.LogicalResourceId, 'DescribeChangeSet', 'the resource of a change'),
    kind: change.ResourceType ?? '',
    replacement: change.Replacement,
  };
}
