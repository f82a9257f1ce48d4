/** A sandbox with a client of its CloudFormation, for one test file: fresh for each test. */
import {
  CloudFormationClient, CreateStackCommand, DescribeStackEventsCommand, DescribeStackResourceCommand, DescribeStacksCommand, type Stack,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts';
import type { Region } from '../../src/sandbox/parts.ts';
import { clientOf, newFolder } from './running.ts';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

export interface Lab {
  readonly client: CloudFormationClient;
  readonly region: Region;
  readonly sandbox: Sandbox;
  /** Stops the sandbox and starts it again in the same folder. */
  restart(options?: Partial<SandboxOptions>): Promise<void>;
  /** Makes a stack, waits for it, and says what it has become. */
  create(name: string, template: string, more?: object): Promise<Stack>;
  update(name: string, template: string, more?: object): Promise<Stack>;
  /** The stack once nothing is in progress; one that is but reviewed counts as that. */
  settled(nameOrId: string): Promise<Stack>;
  /** What happened, oldest first, one line for each event. */
  history(nameOrId: string): Promise<string[]>;
  physicalId(name: string, logicalId: string): Promise<string>;
}

const SPEED = 400;

/** A lab that its file's tests share: what it gives is of the test's own sandbox. */
export function useLab(options: Partial<SandboxOptions> = {}): Lab {
  let dir: string;
  let sandbox: Sandbox;
  let client: CloudFormationClient;
  let region: Region;

  async function begin(more: Partial<SandboxOptions>): Promise<void> {
    sandbox = await startSandbox({ dir, speed: SPEED, ...options, ...more });
    client = new CloudFormationClient(clientOf(sandbox));
    region = await sandbox.region('eu-central-1');
  }
  beforeEach(async () => {
    dir = newFolder();
    await begin({});
  });
  afterEach(() => sandbox.stop());

  async function settled(StackName: string): Promise<Stack> {
    for (;;) {
      const stack = (await client.send(new DescribeStacksCommand({ StackName }))).Stacks?.[0];
      if (stack && !/(?<!REVIEW)_IN_PROGRESS$/.test(stack.StackStatus ?? '')) return stack;
    }
  }

  return {
    get client() {
      return client;
    },
    get region() {
      return region;
    },
    get sandbox() {
      return sandbox;
    },
    async restart(more = {}) {
      await sandbox.stop();
      await begin(more);
    },
    async create(StackName, TemplateBody, more) {
      const { StackId = '' } = await client.send(new CreateStackCommand({ StackName, TemplateBody, ...more }));
      return settled(StackId);
    },
    async update(StackName, TemplateBody, more) {
      const { StackId = '' } = await client.send(new UpdateStackCommand({ StackName, TemplateBody, ...more }));
      return settled(StackId);
    },
    settled,
    async history(StackName) {
      const { StackEvents = [] } = await client.send(new DescribeStackEventsCommand({ StackName }));
      return StackEvents.toReversed().map(({ LogicalResourceId, ResourceStatus, ResourceStatusReason }) =>
        [LogicalResourceId, ResourceStatus, ResourceStatusReason].filter(Boolean).join(' '),
      );
    },
    async physicalId(StackName, LogicalResourceId) {
      const { StackResourceDetail } = await client.send(new DescribeStackResourceCommand({ StackName, LogicalResourceId }));
      return StackResourceDetail?.PhysicalResourceId ?? '';
    },
  };
}

/** As calls take them. */
export function parametersOf(values: Readonly<Record<string, string>>) {
  return Object.entries(values).map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue }));
}
