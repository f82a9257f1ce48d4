/** CloudFormation: stacks, and what happened to their resources. */
import type { Stack as SdkStack } from '@aws-sdk/client-cloudformation';
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
}

/** What a stack is to be. Its IAM resources are acknowledged. */
export interface StackRequest {
  readonly name: string;
  readonly template: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Whether it is to refuse its deletion. */
  readonly protect: boolean;
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
  /** Begins to change a stack, unless it is already as asked for. */
  update(request: StackRequest, operation: string): Promise<'updating' | 'unchanged'>;
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
      const answer = await client.send(new sdk.CreateStackCommand({ ...inputOf(request), ClientRequestToken: operation }));
      return needed(answer.StackId, 'CreateStack', 'the id of the stack');
    },

    async update(request, operation) {
      const { sdk, client } = await connect();
      try {
        await client.send(new sdk.UpdateStackCommand({ ...inputOf(request), ClientRequestToken: operation }));
        return 'updating';
      } catch (error) {
        if (error instanceof Error && error.message.includes('No updates are to be performed')) return 'unchanged';
        throw error;
      }
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
  };
}
