/** Asks policies about what callers do, and words refusals as AWS does. */
import { callerArn } from '../api/sts.ts';
import { needsOf } from './calls.ts';
import { decide, type Decision } from './evaluate.ts';
import type { Asked, Need } from './needs.ts';
import type { Statement } from './policy.ts';
import { RESOURCE_TYPES, type Verb } from './resource-types.ts';
import { tagsOfArn } from './tags.ts';

/** One question to IAM, and its answer. */
export interface AccessCheck {
  readonly user: string;
  readonly action: string;
  readonly resource: string;
  readonly decision: Decision;
}

export interface Call extends Asked {
  /** As the signature names it. */
  readonly service: string;
  readonly operation: string;
}

/** Those that ask return why AWS refuses, in its words; undefined where it does not. */
export interface Guard {
  /** Whether that access key has policies of its own: it is a user of that name then. */
  isUser(accessKeyId: string): boolean;
  call(accessKeyId: string, call: Call): string | undefined;
  /** What CloudFormation does for the caller. */
  resource(accessKeyId: string, type: string, verb: Verb, asked: Asked): string | undefined;
}

/**
 * @param policies the statements that count for each user, by access key id; those under `*` count for everybody who has none of
 *   their own. Whoever has none at all may do everything.
 * @param log takes each question that was asked.
 */
export function makeGuard(policies: ReadonlyMap<string, readonly Statement[]>, log: (check: AccessCheck) => void): Guard {
  function refusal(accessKeyId: string, needs: readonly Need[], asked: Asked, keys: Readonly<Record<string, string>>): string | undefined {
    const statements = policies.get(accessKeyId) ?? policies.get('*');
    if (!statements) return undefined;
    const user = callerArn(asked.region.config, accessKeyId);
    for (const need of needs) {
      for (const resource of need.on?.(asked) ?? ['*']) {
        const { action } = need;
        const decision = decide(statements, { action, resource, context: contextOf(need, resource, asked, keys) });
        log({ user: accessKeyId, action, resource, decision });
        if (decision !== 'allowed') return `User: ${user} is not authorized to perform: ${action} on resource: ${resource} ${BECAUSE[decision](action)}`;
      }
    }
    return undefined;
  }

  return {
    isUser: (accessKeyId) => accessKeyId !== '*' && policies.has(accessKeyId),
    call: (accessKeyId, call) => refusal(accessKeyId, needsOf(call.service, call.operation), call, {}),
    resource(accessKeyId, type, verb, asked) {
      const why = refusal(accessKeyId, RESOURCE_TYPES[type]?.[verb] ?? [], asked, THROUGH_CLOUDFORMATION);
      return why?.includes('perform: ec2:') ? `You are not authorized to perform this operation. ${why}` : why;
    },
  };
}

/** Source: "Troubleshoot access denied error messages" of the IAM User Guide. */
const BECAUSE: Readonly<Record<Exclude<Decision, 'allowed'>, (action: string) => string>> = {
  denied: () => 'with an explicit deny in an identity-based policy',
  'not-allowed': (action) => `because no identity-based policy allows the ${action} action`,
};

/** Source: "AWS global condition context keys" of the IAM User Guide. */
const THROUGH_CLOUDFORMATION = {
  'aws:CalledVia': 'cloudformation.amazonaws.com',
  'aws:CalledViaFirst': 'cloudformation.amazonaws.com',
  'aws:CalledViaLast': 'cloudformation.amazonaws.com',
  'aws:ViaAWSService': 'true',
};

/** Wherever they are called from, their requests count as made in us-east-1. Source: "aws:RequestedRegion" of the IAM User Guide. */
const IN_NO_REGION = ['iam', 'route53'];

function contextOf({ action, tags, keys }: Need, resource: string, asked: Asked, more: Readonly<Record<string, string>>): ReadonlyMap<string, readonly string[]> {
  const requested = tags?.(asked) ?? new Map<string, string>();
  const [service = ''] = action.split(':');
  const resourceTags = [...(tagsOfArn(resource, asked.region) ?? [])];
  const all: (readonly [string, readonly string[]])[] = [
    ['aws:RequestedRegion', [IN_NO_REGION.includes(service) ? 'us-east-1' : asked.region.name]],
    ['aws:PrincipalAccount', [asked.region.config.account]],
    ...[...requested].map(([key, value]) => [`aws:RequestTag/${key}`, [value]] as const),
    ...(requested.size > 0 ? [['aws:TagKeys', [...requested.keys()]] as const] : []),
    ...resourceTags.flatMap(([key, value]) => ['aws', service].map((prefix) => [`${prefix}:ResourceTag/${key}`, [value]] as const)),
    ...Object.entries({ ...more, ...keys?.(asked) }).map(([key, value]) => [key, typeof value === 'string' ? [value] : value] as const),
  ];
  return new Map(all.map(([key, values]) => [key.toLowerCase(), values]));
}
