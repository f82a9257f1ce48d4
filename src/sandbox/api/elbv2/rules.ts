/** Rules of listeners. */
import type {
  CreateRuleInput,
  CreateRuleOutput,
  DeleteRuleInput,
  DescribeRulesInput,
  DescribeRulesOutput,
  ModifyRuleInput,
  ModifyRuleOutput,
  SetRulePrioritiesInput,
  SetRulePrioritiesOutput,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { AwsError } from '../../errors.ts';
import { hexId } from '../../ids.ts';
import type { Region } from '../../parts.ts';
import type { StoredListener, StoredRule } from '../../world/elbv2-state.ts';
import type { Operations } from '../service.ts';
import { normaliseActions } from './actions.ts';
import { normaliseConditions } from './conditions.ts';
import { limitOf } from './limits.ts';
import { checkArn, findListener, findRule, listenersOf, validationError } from './lookup.ts';
import { page } from './paging.ts';
import { checkTags, setTags } from './tags.ts';

const LAST_PRIORITY = 50_000;

export const ruleOperations = {
  CreateRule(input: CreateRuleInput, region: Region): CreateRuleOutput {
    const listener = findListener(region, input.ListenerArn);
    const { LoadBalancerArn, ListenerArn, Protocol } = listener.description;
    const priority = checkPriority(input.Priority);
    const Conditions = normaliseConditions(region, input.Conditions ?? []);
    const Actions = normaliseActions(region, input.Actions ?? [], { loadBalancerArn: LoadBalancerArn, protocol: Protocol });
    checkTags(input.Tags ?? []);
    if (listener.rules.some(({ Priority }) => Priority === priority)) throw priorityInUse(priority);
    checkRuleCount(region, LoadBalancerArn);
    const rule: StoredRule = {
      RuleArn: `${ListenerArn.replace(':listener/', ':listener-rule/')}/${hexId(16)}`,
      Priority: priority,
      Conditions,
      Actions,
      IsDefault: false,
      ...(input.Transforms && { Transforms: input.Transforms }),
    };
    listener.rules = inOrder([...listener.rules, rule]);
    setTags(region, rule.RuleArn, input.Tags ?? []);
    return changedRules(region, [rule]);
  },

  DescribeRules(input: DescribeRulesInput, region: Region): DescribeRulesOutput {
    const { items, ...rest } = page(region, requestedRules(input, region), input);
    return { Rules: items, ...rest };
  },

  ModifyRule(input: ModifyRuleInput, region: Region): ModifyRuleOutput {
    const { listener, rule } = findRule(region, input.RuleArn);
    if (rule.IsDefault) throw new AwsError('OperationNotPermitted', `Default rule '${rule.RuleArn}' cannot be modified`);
    const { LoadBalancerArn, Protocol } = listener.description;
    const modified: StoredRule = {
      ...rule,
      ...(input.Conditions && { Conditions: normaliseConditions(region, input.Conditions) }),
      ...(input.Actions && {
        Actions: normaliseActions(region, input.Actions, { loadBalancerArn: LoadBalancerArn, protocol: Protocol, replaces: rule }),
      }),
      ...(input.Transforms && { Transforms: input.Transforms }),
    };
    if (input.ResetTransforms) delete modified.Transforms;
    listener.rules = listener.rules.map((other) => (other === rule ? modified : other));
    return changedRules(region, [modified]);
  },

  DeleteRule(input: DeleteRuleInput, region: Region) {
    const { listener, rule } = findRule(region, input.RuleArn);
    if (rule.IsDefault) throw new AwsError('OperationNotPermitted', `Default rule '${rule.RuleArn}' cannot be deleted`);
    listener.rules = listener.rules.filter((other) => other !== rule);
    delete region.state.elbv2.tags[rule.RuleArn];
    changedRules(region, []);
    return {};
  },

  SetRulePriorities(input: SetRulePrioritiesInput, region: Region): SetRulePrioritiesOutput {
    const wanted = new Map((input.RulePriorities ?? []).map(({ RuleArn = '', Priority }) => [RuleArn, checkPriority(Priority)]));
    const found = [...wanted.keys()].map((arn) => findRule(region, arn));
    for (const { rule } of found) {
      if (rule.IsDefault) throw new AwsError('OperationNotPermitted', `Priority of default rule '${rule.RuleArn}' cannot be changed`);
    }
    const listeners = [...new Set(found.map(({ listener }) => listener))];
    const reordered = listeners.map((listener) =>
      inOrder(listener.rules.map((rule) => ({ ...rule, Priority: wanted.get(rule.RuleArn) ?? rule.Priority }))),
    );
    for (const rules of reordered) checkDistinct(rules);
    for (const [i, listener] of listeners.entries()) listener.rules = reordered[i] ?? listener.rules;
    return changedRules(region, reordered.flat().filter(({ RuleArn }) => wanted.has(RuleArn)));
  },
} satisfies Operations;

/** A listener's default rule. */
export function defaultRule(listenerArn: string, actions: StoredRule['Actions']): StoredRule {
  return {
    RuleArn: `${listenerArn.replace(':listener/', ':listener-rule/')}/${hexId(16)}`,
    Priority: 'default',
    Conditions: [],
    Actions: actions,
    IsDefault: true,
  };
}

/** Removes what belongs to a listener's rules, besides the rules themselves. */
export function forgetRules(region: Region, listener: StoredListener): void {
  for (const { RuleArn } of listener.rules) delete region.state.elbv2.tags[RuleArn];
}

function changedRules(region: Region, rules: StoredRule[]): { Rules: StoredRule[] } {
  region.changed();
  region.targets.refresh();
  return { Rules: rules };
}

function requestedRules({ ListenerArn, RuleArns = [] }: DescribeRulesInput, region: Region): StoredRule[] {
  if (ListenerArn !== undefined && RuleArns.length > 0) {
    throw validationError('Listener rule ARNs and a listener ARN cannot be specified at the same time');
  }
  if (ListenerArn !== undefined) return findListener(region, ListenerArn).rules;
  if (RuleArns.length === 0) throw validationError('You must specify either listener rule ARNs or a listener ARN');
  for (const arn of RuleArns) checkArn('listener rule', arn);
  const rules = Object.values(region.state.elbv2.listeners).flatMap((listener) => listener.rules);
  const found = RuleArns.flatMap((arn) => rules.find(({ RuleArn }) => RuleArn === arn) ?? []);
  if (found.length < RuleArns.length) throw new AwsError('RuleNotFound', 'One or more rules not found');
  return found;
}

function inOrder(rules: readonly StoredRule[]): StoredRule[] {
  return rules.toSorted((a, b) => rankOf(a) - rankOf(b));
}

function rankOf({ IsDefault, Priority }: StoredRule): number {
  return IsDefault ? LAST_PRIORITY + 1 : Number(Priority);
}

function checkPriority(priority: number | undefined): string {
  const bound = priority === undefined || priority < 1 ? 'greater than or equal to 1' : `less than or equal to ${LAST_PRIORITY}`;
  if (priority !== undefined && Number.isInteger(priority) && 1 <= priority && priority <= LAST_PRIORITY) return String(priority);
  throw validationError(
    `1 validation error detected: Value '${priority}' at 'priority' failed to satisfy constraint: Member must have value ${bound}`,
  );
}

function checkDistinct(rules: readonly StoredRule[]): void {
  const twice = rules.find(({ Priority }, i) => rules[i + 1]?.Priority === Priority);
  if (twice) throw priorityInUse(twice.Priority);
}

function checkRuleCount(region: Region, loadBalancerArn: string): void {
  const rules = listenersOf(region, loadBalancerArn).flatMap((listener) => listener.rules.filter(({ IsDefault }) => !IsDefault));
  if (rules.length >= limitOf(region, 'rules-per-application-load-balancer')) {
    throw new AwsError('TooManyRules', `The maximum number of rules on load balancer '${loadBalancerArn}' has been reached`);
  }
}

function priorityInUse(priority: string): AwsError {
  return new AwsError('PriorityInUse', `Priority '${priority}' is currently in use`);
}
