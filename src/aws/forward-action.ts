/** Reading and changing the weights inside a rule's actions, leaving everything else as AWS gave it. */
import type { Action } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { WeightedGroup } from './elbv2.ts';

/** The target groups that a list of actions forwards to, with their weights; undefined when it forwards nowhere. */
export function forwardOf(actions: readonly Action[]): WeightedGroup[] | undefined {
  const action = actions.find(({ Type }) => Type === 'forward');
  if (!action) return undefined;
  const groups = action.ForwardConfig?.TargetGroups;
  if (groups) return groups.map(({ TargetGroupArn, Weight }) => ({ arn: TargetGroupArn ?? '', weight: Weight ?? 1 }));
  return action.TargetGroupArn ? [{ arn: action.TargetGroupArn, weight: 1 }] : [];
}

/**
 * The actions to send so that the forward action has these weights. Order, stickiness, other actions and members unknown to
 * us stay. Two things that AWS answers must not be sent back: `TargetGroupArn` beside a ForwardConfig of several groups, and
 * an OIDC action without saying that its client secret, which is never answered, is to be kept.
 * @param weights by target group ARN; groups that are not in it keep theirs.
 */
export function withWeights(actions: readonly Action[], weights: ReadonlyMap<string, number>): Action[] {
  return actions.map((action) => {
    if (action.Type === 'forward' && action.ForwardConfig) {
      const { TargetGroupArn: _alsoInForwardConfig, ...rest } = action;
      const TargetGroups = action.ForwardConfig.TargetGroups?.map((group) => ({
        ...group,
        Weight: weights.get(group.TargetGroupArn ?? '') ?? group.Weight,
      }));
      return { ...rest, ForwardConfig: { ...action.ForwardConfig, TargetGroups } };
    }
    if (action.AuthenticateOidcConfig) {
      return { ...action, AuthenticateOidcConfig: { ...action.AuthenticateOidcConfig, UseExistingClientSecret: true } };
    }
    return action;
  });
}
