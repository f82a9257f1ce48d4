/** Reading and changing weights and stickiness inside a rule's actions, leaving everything else as AWS gave it. */
import type { Action, ForwardActionConfig } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { WeightedGroup } from './elbv2.ts';

/** The target groups that a list of actions forwards to, with their weights; undefined when it forwards nowhere. */
export function forwardOf(actions: readonly Action[]): WeightedGroup[] | undefined {
  const action = actions.find(({ Type }) => Type === 'forward');
  if (!action) return undefined;
  const groups = action.ForwardConfig?.TargetGroups;
  if (groups) return groups.map(({ TargetGroupArn, Weight }) => ({ arn: TargetGroupArn ?? '', weight: Weight ?? 1 }));
  return action.TargetGroupArn ? [{ arn: action.TargetGroupArn, weight: 1 }] : [];
}

/** Seconds that clients stay with the group they were sent to first; undefined where every request is placed anew. */
export function stickinessOf(actions: readonly Action[]): number | undefined {
  const config = actions.find(({ Type }) => Type === 'forward')?.ForwardConfig?.TargetGroupStickinessConfig;
  return config?.Enabled ? (config.DurationSeconds ?? 0) : undefined;
}

/**
 * The actions to send so that the forward action has these weights, and nothing else changes.
 * @param weights by target group ARN; groups that are not in it keep theirs.
 */
export function withWeights(actions: readonly Action[], weights: ReadonlyMap<string, number>): Action[] {
  return withForward(actions, (config) => ({
    ...config,
    TargetGroups: config.TargetGroups?.map((group) => ({ ...group, Weight: weights.get(group.TargetGroupArn ?? '') ?? group.Weight })),
  }));
}

/** @param seconds that clients are to stay with their group; undefined switches it off, and leaves the duration for whoever looks. */
export function withStickiness(actions: readonly Action[], seconds: number | undefined): Action[] {
  return withForward(actions, (config) => ({
    ...config,
    TargetGroupStickinessConfig: {
      ...config.TargetGroupStickinessConfig,
      Enabled: seconds !== undefined,
      ...(seconds !== undefined && { DurationSeconds: seconds }),
    },
  }));
}

/**
 * Everything else stays, each action and target group in its position: by positions `unknown-members.ts` adds what the SDK
 * does not know. Two things that AWS answers must not be sent back: `TargetGroupArn` beside a ForwardConfig of several
 * groups, and an OIDC action without saying that its client secret, which is never answered, is to be kept.
 */
function withForward(actions: readonly Action[], change: (config: ForwardActionConfig) => ForwardActionConfig): Action[] {
  return actions.map((action) => {
    if (action.Type === 'forward' && action.ForwardConfig) {
      const { TargetGroupArn: _alsoInForwardConfig, ...rest } = action;
      return { ...rest, ForwardConfig: change(action.ForwardConfig) };
    }
    if (action.AuthenticateOidcConfig) {
      return { ...action, AuthenticateOidcConfig: { ...action.AuthenticateOidcConfig, UseExistingClientSecret: true } };
    }
    return action;
  });
}
