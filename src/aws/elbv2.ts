/** The load balancer's calls: rules and their weights, target groups, target health. */
import type {
  Action,
  DescribeRulesInput,
  RuleCondition,
  TargetGroup as TargetGroupDescription,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { allPages, type Caller, clientOptions, explaining, isAws, once } from './connect.ts';
import { forwardOf, stickinessOf, withStickiness, withWeights } from './forward-action.ts';
import { needed } from './needed.ts';
import type { UnknownMembers, WholeRule } from './unknown-members.ts';

export interface WeightedGroup {
  readonly arn: string;
  /** 0 to 999; only the ratio within a rule means something. */
  readonly weight: number;
}

export interface RuleMatch {
  /** `path-pattern`, `host-header`, … */
  readonly field: string;
  readonly values: readonly string[];
}

/** A rule of a listener; its default actions count as one, as they do for AWS. */
export interface ListenerRule {
  readonly arn: string;
  readonly listenerArn: string;
  readonly isDefault: boolean;
  /** `default` for the default rule. */
  readonly priority: string;
  readonly conditions: readonly RuleMatch[];
  /** The target groups of its forward action; undefined when it forwards nowhere. */
  readonly forward: readonly WeightedGroup[] | undefined;
  /** Seconds that clients stay with the group they were sent to first, whatever the weights; undefined where they do not. */
  readonly stickiness: number | undefined;
  /** The actions as AWS gave them: opaque to everybody but this module. */
  readonly actions: readonly Action[];
  /** What AWS gave in them and the SDK does not know; goes back with every write. */
  readonly unknown?: UnknownMembers;
}

export interface TargetGroup {
  readonly arn: string;
  /** Empty while no rule names the group. */
  readonly loadBalancerArns: readonly string[];
  /** `HTTP`, `HTTPS`, …; with the version of HTTP where there is one: `HTTP/GRPC`. */
  readonly protocol: string;
  readonly port: number;
  readonly vpcId: string;
}

export interface Target {
  readonly id: string;
  readonly port: number;
  /** Availability zone; empty where AWS does not say it. */
  readonly zone: string;
  /** `initial`, `healthy`, `unhealthy`, `unused`, `draining`, `unavailable`, or what AWS adds later. */
  readonly state: string;
  readonly reason: string | undefined;
  readonly description: string | undefined;
}

export interface NewRule {
  readonly listenerArn: string;
  readonly priority: number;
  readonly conditions: readonly RuleMatch[];
  readonly groups: readonly WeightedGroup[];
  /** Seconds that clients stay with the group they were sent to first; by default they do not. */
  readonly stickiness?: number | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

export interface LoadBalancing {
  /** Target groups that exist among the ones asked for. */
  targetGroups(arns: readonly string[]): Promise<TargetGroup[]>;
  /** ARNs of all listeners of a load balancer; none where it does not exist. */
  listeners(loadBalancerArn: string): Promise<string[]>;
  /** Those of the listeners that exist and speak HTTPS. */
  httpsListeners(listenerArns: readonly string[]): Promise<string[]>;
  /** All rules of the listeners that exist, the default ones included. */
  rules(listenerArns: readonly string[]): Promise<ListenerRule[]>;
  /** Those of the rules that still exist, as they are now. */
  freshRules(arns: readonly string[]): Promise<ListenerRule[]>;
  /** Writes the rule back with these weights and nothing else changed. */
  setWeights(rule: ListenerRule, weights: ReadonlyMap<string, number>): Promise<void>;
  /** Writes the rule back with this stickiness, in seconds or switched off, and nothing else changed. */
  setStickiness(rule: ListenerRule, seconds: number | undefined): Promise<void>;
  /** Targets of a group; empty when the group does not exist. */
  targetHealth(targetGroupArn: string): Promise<Target[]>;
  /** Whether each zone's nodes use the group's targets of their own zone only. */
  isZonal(targetGroupArn: string): Promise<boolean>;
  createRule(rule: NewRule): Promise<string>;
  deleteRule(arn: string): Promise<void>;
  tagsOf(arns: readonly string[]): Promise<Map<string, Record<string, string>>>;
}

/** DescribeTags takes no more resources than this; for rules AWS documents no number. */
const TAGS_AT_ONCE = 20;
const RULES_AT_ONCE = 20;

export function loadBalancing(caller: Caller): LoadBalancing {
  const connect = once(async () => {
    const [sdk, unknownMembers] = await Promise.all([import('./sdk/elbv2.ts'), import('./unknown-members.ts')]);
    const client = explaining('elasticloadbalancing', new sdk.ElasticLoadBalancingV2Client(await clientOptions(caller)));
    return { sdk, client, ...unknownMembers };
  });

  return {
    async targetGroups(arns) {
      const { sdk, client } = await connect();
      const describe = async (TargetGroupArns: readonly string[]): Promise<TargetGroup[]> => {
        const answer = await client.send(new sdk.DescribeTargetGroupsCommand({ TargetGroupArns: [...TargetGroupArns] }));
        return (answer.TargetGroups ?? []).map(toTargetGroup);
      };
      // Without a name AWS would tell of all that there are.
      return arns.length === 0 ? [] : orOneByOne(arns, 'TargetGroupNotFoundException', describe);
    },

    async listeners(loadBalancerArn) {
      const { sdk, client } = await connect();
      return unlessGone('LoadBalancerNotFoundException', () =>
        allPages(async (Marker) => {
          const answer = await client.send(new sdk.DescribeListenersCommand({ LoadBalancerArn: loadBalancerArn, Marker }));
          return [(answer.Listeners ?? []).flatMap((listener) => listener.ListenerArn ?? []), answer.NextMarker];
        }),
      );
    },

    async httpsListeners(listenerArns) {
      const { sdk, client } = await connect();
      const describe = async (ListenerArns: readonly string[]) => (await client.send(new sdk.DescribeListenersCommand({ ListenerArns: [...ListenerArns] }))).Listeners ?? [];
      const found = await orOneByOne(listenerArns, 'ListenerNotFoundException', describe);
      return found.flatMap(({ ListenerArn, Protocol }) => (Protocol === 'HTTPS' && ListenerArn !== undefined ? [ListenerArn] : []));
    },

    async rules(listenerArns) {
      const rulesOf = (ListenerArn: string) => unlessGone('ListenerNotFoundException', () => allPages((Marker) => rulePage({ ListenerArn, Marker })));
      const perListener = await Promise.all(listenerArns.map(rulesOf));
      return perListener.flat();
    },

    async freshRules(arns) {
      const describe = (RuleArns: readonly string[]) => allPages((Marker) => rulePage({ RuleArns: [...RuleArns], Marker }));
      const found: ListenerRule[] = [];
      for (let start = 0; start < arns.length; start += RULES_AT_ONCE) {
        found.push(...(await orOneByOne(arns.slice(start, start + RULES_AT_ONCE), 'RuleNotFoundException', describe)));
      }
      return found;
    },

    async setWeights(rule, weights) {
      await write(rule, withWeights(rule.actions, weights));
    },

    async setStickiness(rule, seconds) {
      await write(rule, withStickiness(rule.actions, seconds));
    },

    async targetHealth(targetGroupArn) {
      const { sdk, client } = await connect();
      try {
        const answer = await client.send(new sdk.DescribeTargetHealthCommand({ TargetGroupArn: targetGroupArn }));
        return (answer.TargetHealthDescriptions ?? []).map(({ Target: target, TargetHealth: health }) => ({
          id: needed(target?.Id, 'DescribeTargetHealth', 'the id of a target'),
          port: target?.Port ?? 0,
          zone: target?.AvailabilityZone ?? '',
          state: health?.State ?? 'unavailable',
          reason: health?.Reason,
          description: health?.Description,
        }));
      } catch (error) {
        if (isAws(error, 'TargetGroupNotFoundException')) return [];
        throw error;
      }
    },

    async isZonal(targetGroupArn) {
      const { sdk, client } = await connect();
      const { Attributes = [] } = await client.send(new sdk.DescribeTargetGroupAttributesCommand({ TargetGroupArn: targetGroupArn }));
      return Attributes.some(({ Key, Value }) => Key === 'load_balancing.cross_zone.enabled' && Value === 'false');
    },

    async createRule({ listenerArn, priority, conditions, groups, stickiness, tags }) {
      const { sdk, client } = await connect();
      const TargetGroups = groups.map(({ arn, weight }) => ({ TargetGroupArn: arn, Weight: weight }));
      const forward = { Type: 'forward' as const, ForwardConfig: { TargetGroups } };
      const answer = await client.send(new sdk.CreateRuleCommand({
          ListenerArn: listenerArn,
          Priority: priority,
          Conditions: conditions.map(({ field, values }) => ({ Field: field, Values: [...values] })),
          Actions: stickiness === undefined ? [forward] : withStickiness([forward], stickiness),
          Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
        }));
      return answer.Rules?.[0]?.RuleArn ?? '';
    },

    async deleteRule(arn) {
      const { sdk, client } = await connect();
      try {
        await client.send(new sdk.DeleteRuleCommand({ RuleArn: arn }));
      } catch (error) {
        if (!isAws(error, 'RuleNotFoundException')) throw error;
      }
    },

    async tagsOf(arns) {
      const { sdk, client } = await connect();
      const tags = new Map<string, Record<string, string>>();
      for (let start = 0; start < arns.length; start += TAGS_AT_ONCE) {
        const ResourceArns = arns.slice(start, start + TAGS_AT_ONCE);
        const answer = await client.send(new sdk.DescribeTagsCommand({ ResourceArns }));
        for (const { ResourceArn, Tags } of answer.TagDescriptions ?? []) {
          tags.set(ResourceArn ?? '', Object.fromEntries((Tags ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? ''])));
        }
      }
      return tags;
    },
  };

  async function rulePage(input: DescribeRulesInput): Promise<readonly [ListenerRule[], string | undefined]> {
    const { sdk, client, describeRules } = await connect();
    const [rules, nextMarker] = await describeRules(client, new sdk.DescribeRulesCommand(input));
    return [rules.map(toRule), nextMarker];
  }

  /** A default rule is part of its listener, and can only be changed there. */
  async function write({ arn, listenerArn, isDefault, unknown = [] }: ListenerRule, actions: Action[]): Promise<void> {
    const { sdk, client, alsoSending } = await connect();
    if (isDefault) {
      const command = new sdk.ModifyListenerCommand({ ListenerArn: listenerArn, DefaultActions: actions });
      await client.send(alsoSending(command, 'DefaultActions', unknown));
    } else {
      await client.send(alsoSending(new sdk.ModifyRuleCommand({ RuleArn: arn, Actions: actions }), 'Actions', unknown));
    }
  }
}

/** Nothing where AWS says that what is asked about is not there. */
async function unlessGone<T>(notFound: string, list: () => Promise<T[]>): Promise<T[]> {
  try {
    return await list();
  } catch (error) {
    if (isAws(error, notFound)) return [];
    throw error;
  }
}

/** All at once; AWS answers nothing at all where one of them is gone, so those that are left are then asked for singly. */
async function orOneByOne<T>(arns: readonly string[], notFound: string, describe: (arns: readonly string[]) => Promise<T[]>): Promise<T[]> {
  try {
    return await describe(arns);
  } catch (error) {
    if (!isAws(error, notFound)) throw error;
    if (arns.length === 1) return [];
    return (await Promise.all(arns.map((arn) => orOneByOne([arn], notFound, describe)))).flat();
  }
}

function toTargetGroup({ TargetGroupArn, LoadBalancerArns, Protocol, ProtocolVersion, Port, VpcId }: TargetGroupDescription): TargetGroup {
  return {
    arn: needed(TargetGroupArn, 'DescribeTargetGroups', 'the ARN of a target group'),
    loadBalancerArns: LoadBalancerArns ?? [],
    protocol: [Protocol, ProtocolVersion].filter(Boolean).join('/'),
    port: Port ?? 0,
    vpcId: VpcId ?? '',
  };
}

function toRule(rule: WholeRule): ListenerRule {
  const actions = rule.Actions ?? [];
  const arn = needed(rule.RuleArn, 'DescribeRules', 'the ARN of a rule');
  return {
    arn,
    listenerArn: listenerOf(arn),
    isDefault: rule.IsDefault ?? false,
    priority: rule.Priority ?? 'default',
    conditions: (rule.Conditions ?? []).map(toMatch),
    forward: forwardOf(actions),
    stickiness: stickinessOf(actions),
    actions,
    unknown: rule.unknown,
  };
}

/** A rule's ARN is that of its listener with the rule's own id at the end. */
function listenerOf(ruleArn: string): string {
  return ruleArn.slice(0, ruleArn.lastIndexOf('/')).replace(':listener-rule/', ':listener/');
}

function toMatch(condition: RuleCondition): RuleMatch {
  const values =
    condition.Values ?? condition.PathPatternConfig?.Values ?? condition.HostHeaderConfig?.Values ?? condition.SourceIpConfig?.Values;
  return { field: condition.Field ?? 'unknown', values: values ?? [] };
}
