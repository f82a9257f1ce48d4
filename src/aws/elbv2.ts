/** The load balancer's calls: rules and their weights, target groups, target health. */
import type { Action, Rule, RuleCondition } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Connection } from '../settings/connection.ts';
import { allPages, clientOptions, explaining, isAws, once } from './connect.ts';
import { forwardOf, withWeights } from './forward-action.ts';

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
  /** The actions as AWS gave them: opaque to everybody but this module. */
  readonly actions: readonly Action[];
}

export interface TargetGroup {
  readonly arn: string;
  /** Empty while no rule names the group. */
  readonly loadBalancerArns: readonly string[];
}

export interface Target {
  readonly id: string;
  readonly port: number;
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
  readonly tags: Readonly<Record<string, string>>;
}

export interface LoadBalancing {
  /** Target groups that exist among the ones asked for. */
  targetGroups(arns: readonly string[]): Promise<TargetGroup[]>;
  /** ARNs of all listeners of a load balancer. */
  listeners(loadBalancerArn: string): Promise<string[]>;
  /** All rules of the listeners, the default ones included. */
  rules(listenerArns: readonly string[]): Promise<ListenerRule[]>;
  /** The one rule as it is now; undefined when it is gone. */
  freshRule(rule: ListenerRule): Promise<ListenerRule | undefined>;
  /** Writes the rule back with these weights and nothing else changed. */
  setWeights(rule: ListenerRule, weights: ReadonlyMap<string, number>): Promise<void>;
  /** Targets of a group; empty when the group does not exist. */
  targetHealth(targetGroupArn: string): Promise<Target[]>;
  createRule(rule: NewRule): Promise<string>;
  deleteRule(arn: string): Promise<void>;
  tagsOf(arns: readonly string[]): Promise<Map<string, Record<string, string>>>;
}

/** DescribeTags takes no more resources than this. */
const TAGS_AT_ONCE = 20;

export function loadBalancing(connection: Connection): LoadBalancing {
  const connect = once(async () => {
    const sdk = await import('./sdk/elbv2.ts');
    return { sdk, client: explaining('elasticloadbalancing', new sdk.ElasticLoadBalancingV2Client(clientOptions(connection))) };
  });

  return {
    async targetGroups(arns) {
      const { sdk, client } = await connect();
      const found = arns.map(async (arn): Promise<TargetGroup[]> => {
        try {
          const answer = await client.send(new sdk.DescribeTargetGroupsCommand({ TargetGroupArns: [arn] }));
          return (answer.TargetGroups ?? []).map((group) => ({
            arn: group.TargetGroupArn ?? arn,
            loadBalancerArns: group.LoadBalancerArns ?? [],
          }));
        } catch (error) {
          if (isAws(error, 'TargetGroupNotFoundException')) return [];
          throw error;
        }
      });
      return (await Promise.all(found)).flat();
    },

    async listeners(loadBalancerArn) {
      const { sdk, client } = await connect();
      return allPages(async (Marker) => {
        const answer = await client.send(new sdk.DescribeListenersCommand({ LoadBalancerArn: loadBalancerArn, Marker }));
        return [(answer.Listeners ?? []).flatMap((listener) => listener.ListenerArn ?? []), answer.NextMarker];
      });
    },

    async rules(listenerArns) {
      const perListener = await Promise.all(listenerArns.map(rulesOf));
      return perListener.flat();
    },

    async freshRule(rule) {
      const { sdk, client } = await connect();
      try {
        const answer = await client.send(new sdk.DescribeRulesCommand({ RuleArns: [rule.arn] }));
        return answer.Rules?.map((found) => toRule(found, rule.listenerArn))[0];
      } catch (error) {
        if (isAws(error, 'RuleNotFoundException')) return undefined;
        throw error;
      }
    },

    async setWeights(rule, weights) {
      const { sdk, client } = await connect();
      const actions = withWeights(rule.actions, weights);
      if (rule.isDefault) {
        await client.send(new sdk.ModifyListenerCommand({ ListenerArn: rule.listenerArn, DefaultActions: actions }));
      } else {
        await client.send(new sdk.ModifyRuleCommand({ RuleArn: rule.arn, Actions: actions }));
      }
    },

    async targetHealth(targetGroupArn) {
      const { sdk, client } = await connect();
      try {
        const answer = await client.send(new sdk.DescribeTargetHealthCommand({ TargetGroupArn: targetGroupArn }));
        return (answer.TargetHealthDescriptions ?? []).map(({ Target: target, TargetHealth: health }) => ({
          id: target?.Id ?? '',
          port: target?.Port ?? 0,
          state: health?.State ?? 'unavailable',
          reason: health?.Reason,
          description: health?.Description,
        }));
      } catch (error) {
        if (isAws(error, 'TargetGroupNotFoundException')) return [];
        throw error;
      }
    },

    async createRule({ listenerArn, priority, conditions, groups, tags }) {
      const { sdk, client } = await connect();
      const answer = await client.send(new sdk.CreateRuleCommand({
          ListenerArn: listenerArn,
          Priority: priority,
          Conditions: conditions.map(({ field, values }) => ({ Field: field, Values: [...values] })),
          Actions: [
            {
              Type: 'forward',
              ForwardConfig: { TargetGroups: groups.map(({ arn, weight }) => ({ TargetGroupArn: arn, Weight: weight })) },
            },
          ],
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

  async function rulesOf(listenerArn: string): Promise<ListenerRule[]> {
    const { sdk, client } = await connect();
    return allPages(async (Marker) => {
      const answer = await client.send(new sdk.DescribeRulesCommand({ ListenerArn: listenerArn, Marker }));
      return [(answer.Rules ?? []).map((rule) => toRule(rule, listenerArn)), answer.NextMarker];
    });
  }
}

function toRule(rule: Rule, listenerArn: string): ListenerRule {
  const actions = rule.Actions ?? [];
  return {
    arn: rule.RuleArn ?? '',
    listenerArn,
    isDefault: rule.IsDefault ?? false,
    priority: rule.Priority ?? 'default',
    conditions: (rule.Conditions ?? []).map(toMatch),
    forward: forwardOf(actions),
    actions,
  };
}

function toMatch(condition: RuleCondition): RuleMatch {
  const values =
    condition.Values ?? condition.PathPatternConfig?.Values ?? condition.HostHeaderConfig?.Values ?? condition.SourceIpConfig?.Values;
  return { field: condition.Field ?? 'unknown', values: values ?? [] };
}
