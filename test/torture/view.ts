/** What the sandbox holds right now, read past every proxy and past the program's own way of looking at AWS. */
import type { DescribeServicesResponse, DescribeTasksResponse, ListServicesResponse, ListTasksResponse } from '@aws-sdk/client-ecs';
import type {
  DescribeListenersOutput,
  DescribeLoadBalancersOutput,
  DescribeRulesOutput,
  DescribeTagsOutput,
  DescribeTargetGroupsOutput,
  DescribeTargetHealthOutput,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import type { DescribeStacksOutput, ListChangeSetsOutput } from '@aws-sdk/client-cloudformation';
import type { GetParametersByPathResult } from '@aws-sdk/client-ssm';
import { AwsError } from '../../src/sandbox/errors.ts';
import type { Sandbox } from '../../src/sandbox/index.ts';
import type { ServiceName } from '../../src/sandbox/parts.ts';

export const REGION = 'eu-central-1';
export const CLUSTER = 'fleet';
/** Of the service: its colours are `server-blue` and `server-green`. */
export const SERVICE = 'server';

export interface View {
  /** By ARN of the rule, or of the listener for its default actions. */
  readonly rules: ReadonlyMap<string, RuleView>;
  /** By ARN of the target group. */
  readonly groups: ReadonlyMap<string, GroupView>;
  /** By name. */
  readonly services: ReadonlyMap<string, ServiceView>;
}

export interface RuleView {
  /** Weights by target group; empty for a rule that does not forward. */
  readonly weights: ReadonlyMap<string, number>;
  /** Everything else about it, as text: it is compared and not read. */
  readonly rest: string;
  readonly tags: Readonly<Record<string, string>>;
}

export interface GroupView {
  readonly name: string;
  /** By address. */
  readonly targets: ReadonlyMap<string, string>;
}

export interface ServiceView {
  readonly groups: readonly string[];
  readonly desired: number;
  readonly running: number;
  readonly taskDefinition: string;
  readonly tags: Readonly<Record<string, string>>;
}

export interface World extends View {
  readonly tasks: readonly { readonly service: string; readonly status: string; readonly address: string; readonly taskDefinition: string }[];
  readonly stacks: ReadonlyMap<string, string>;
  /** Names of stacks by the names of change sets that nobody has executed. */
  readonly changeSets: ReadonlyMap<string, string>;
  /** Values by name. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** What safety is judged by. */
export async function look(sandbox: Sandbox): Promise<View> {
  const ask = asker(sandbox);
  const { TargetGroups = [] } = await ask<DescribeTargetGroupsOutput>('elasticloadbalancing', 'DescribeTargetGroups', {});
  const { LoadBalancers = [] } = await ask<DescribeLoadBalancersOutput>('elasticloadbalancing', 'DescribeLoadBalancers', {});
  const rules = new Map<string, RuleView>();
  for (const { LoadBalancerArn } of LoadBalancers) {
    const { Listeners = [] } = await ask<DescribeListenersOutput>('elasticloadbalancing', 'DescribeListeners', { LoadBalancerArn });
    for (const { ListenerArn } of Listeners) {
      const { Rules = [] } = await ask<DescribeRulesOutput>('elasticloadbalancing', 'DescribeRules', { ListenerArn });
      const arns = Rules.flatMap(({ RuleArn, IsDefault }) => (RuleArn && !IsDefault ? RuleArn : []));
      const tags = arns.length === 0 ? {} : await ask<DescribeTagsOutput>('elasticloadbalancing', 'DescribeTags', { ResourceArns: arns });
      for (const rule of Rules) {
        const arn = (rule.IsDefault ? ListenerArn : rule.RuleArn) ?? '';
        const forward = rule.Actions?.find(({ Type }) => Type === 'forward');
        const groups = forward?.ForwardConfig?.TargetGroups ?? [];
        rules.set(arn, {
          weights: new Map(groups.map(({ TargetGroupArn = '', Weight = 1 }) => [TargetGroupArn, Weight])),
          rest: JSON.stringify(rule, (key, value: unknown) => (key === 'Weight' ? undefined : value)),
          tags: tagRecord(tags.TagDescriptions?.find(({ ResourceArn }) => ResourceArn === arn)?.Tags?.map(({ Key, Value }) => [Key, Value])),
        });
      }
    }
  }
  const groups = new Map<string, GroupView>();
  for (const { TargetGroupArn = '', TargetGroupName = '' } of TargetGroups) {
    const { TargetHealthDescriptions = [] } = await ask<DescribeTargetHealthOutput>('elasticloadbalancing', 'DescribeTargetHealth', { TargetGroupArn });
    groups.set(TargetGroupArn, {
      name: TargetGroupName,
      targets: new Map(TargetHealthDescriptions.map(({ Target, TargetHealth }) => [Target?.Id ?? '', TargetHealth?.State ?? ''])),
    });
  }
  return { rules, groups, services: await lookAtServices(sandbox) };
}

async function lookAtServices(sandbox: Sandbox): Promise<Map<string, ServiceView>> {
  const ask = asker(sandbox);
  const { serviceArns: listed = [] } = await withoutCluster(ask<ListServicesResponse>('ecs', 'ListServices', { cluster: CLUSTER }));
  if (listed.length === 0) return new Map();
  const { services = [] } = await ask<DescribeServicesResponse>('ecs', 'DescribeServices', { cluster: CLUSTER, services: listed, include: ['TAGS'] });
  return new Map(
    services.map(({ serviceName = '', loadBalancers = [], desiredCount = 0, runningCount = 0, taskDefinition = '', tags = [] }) => [
      serviceName,
      {
        groups: loadBalancers.flatMap(({ targetGroupArn }) => targetGroupArn ?? []),
        desired: desiredCount,
        running: runningCount,
        taskDefinition,
        tags: tagRecord(tags.map(({ key, value }) => [key, value])),
      },
    ]),
  );
}

/** What rest is judged by. */
export async function lookAtAll(sandbox: Sandbox): Promise<World> {
  const ask = asker(sandbox);
  const view = await look(sandbox);
  const { taskArns = [] } = await withoutCluster(ask<ListTasksResponse>('ecs', 'ListTasks', { cluster: CLUSTER }));
  const { tasks = [] } = taskArns.length === 0 ? {} : await ask<DescribeTasksResponse>('ecs', 'DescribeTasks', { cluster: CLUSTER, tasks: taskArns });
  const { Stacks = [] } = await ask<DescribeStacksOutput>('cloudformation', 'DescribeStacks', {});
  const changeSets = new Map<string, string>();
  for (const { StackName = '' } of Stacks) {
    const { Summaries = [] } = await ask<ListChangeSetsOutput>('cloudformation', 'ListChangeSets', { StackName });
    for (const { ChangeSetName = '' } of Summaries) changeSets.set(ChangeSetName, StackName);
  }
  const parameters = new Map<string, string>();
  let NextToken: string | undefined;
  do {
    const page: GetParametersByPathResult = await ask<GetParametersByPathResult>('ssm', 'GetParametersByPath', { Path: '/', Recursive: true, NextToken });
    for (const { Name = '', Value = '' } of page.Parameters ?? []) parameters.set(Name, Value);
    NextToken = page.NextToken;
  } while (NextToken);
  return {
    ...view,
    tasks: tasks.map(({ group = '', lastStatus = '', taskDefinitionArn = '', attachments = [] }) => ({
      service: group.replace(/^service:/, ''),
      status: lastStatus,
      taskDefinition: taskDefinitionArn,
      address: attachments.flatMap(({ details = [] }) => details).find(({ name }) => name === 'privateIPv4Address')?.value ?? '',
    })),
    stacks: new Map(Stacks.map(({ StackName = '', StackStatus = '' }) => [StackName, StackStatus])),
    changeSets,
    parameters,
  };
}

async function withoutCluster<T extends object>(asked: Promise<T>): Promise<Partial<T>> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof AwsError && error.code === 'ClusterNotFoundException') return {};
    throw error;
  }
}

type Ask = <T>(service: ServiceName, operation: string, input: object) => Promise<T>;

/** The operations themselves, without the wire: they are asked before and after each write of thousands of runs. */
function asker(sandbox: Sandbox): Ask {
  return async <T>(service: ServiceName, operation: string, input: object) =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each call names the SDK's own type of the operation's answer
    (await (await sandbox.region(REGION)).call(service, operation, input)) as T;
}

function tagRecord(tags: readonly (readonly [string | undefined, string | undefined])[] = []): Record<string, string> {
  return Object.fromEntries(tags.flatMap(([key, value]) => (key === undefined ? [] : [[key, value ?? '']])));
}

/** Percent of a rule's traffic that a group gets. */
export function shareOf({ weights }: RuleView, group: string): number {
  const sum = [...weights.values()].reduce((a, b) => a + b, 0);
  return sum === 0 ? 0 : (100 * (weights.get(group) ?? 0)) / sum;
}

/** The most that any rule gives a group, in percent. */
export function mostOf({ rules }: View, group: string): number {
  return Math.max(0, ...[...rules.values()].map((rule) => shareOf(rule, group)));
}

export function healthyIn({ groups }: View, group: string): number {
  return [...(groups.get(group)?.targets.values() ?? [])].filter((state) => state === 'healthy').length;
}
