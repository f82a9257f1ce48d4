/** Parameter policies: kept as given; the expiration policy takes effect. */
import type { ParameterInlinePolicy } from '@aws-sdk/client-ssm';
import { AwsError } from '../../errors.ts';
import type { ParameterVersionState } from '../../world/ssm-state.ts';

interface Policy {
  readonly Type?: unknown;
  readonly Version?: unknown;
  readonly Attributes?: { readonly Timestamp?: unknown };
}

const POLICY_TYPES: readonly unknown[] = ['Expiration', 'ExpirationNotification', 'NoChangeNotification'];

/** @param text the Policies member of PutParameter: a JSON list. Throws AwsError where the tier or the list is not right. */
export function readPolicies(text: string | undefined, tier: string): Pick<ParameterVersionState, 'policies' | 'expires'> {
  const policies = parse(text);
  if (policies.length > 0 && tier !== 'Advanced') {
    throw new AwsError('ValidationException', 'Parameter policies can only be used with parameters of the advanced tier.');
  }
  if (!policies.every(({ Type, Version }) => POLICY_TYPES.includes(Type) && Version === '1.0')) {
    const text = `The policy type isn't supported. Parameter Store supports: ${POLICY_TYPES.join(', ')}.`;
    throw new AwsError('InvalidPolicyTypeException', text);
  }
  const expiration = policies.find(({ Type }) => Type === 'Expiration');
  return { policies: policies.map((policy) => JSON.stringify(policy)), expires: expiration && readTime(expiration) };
}

/** The policies in an answer. */
export function describePolicies({ policies }: ParameterVersionState): ParameterInlinePolicy[] {
  return policies.map((text) => {
    const policy: Policy = JSON.parse(text);
    return { PolicyText: text, PolicyType: String(policy.Type), PolicyStatus: 'Pending' };
  });
}

function parse(text: string | undefined): Policy[] {
  if (text === undefined || text === '' || text === '{}') return [];
  try {
    const policies: unknown = JSON.parse(text);
    if (Array.isArray(policies)) return policies;
  } catch {
    // Refused below, as a list that is none.
  }
  throw new AwsError('InvalidPolicyAttributeException', 'The policy attribute is not valid: Policies must be a JSON list.');
}

function readTime({ Attributes }: Policy): Date {
  const time = new Date(String(Attributes?.Timestamp));
  if (Number.isNaN(time.getTime())) {
    throw new AwsError('InvalidPolicyAttributeException', 'A policy attribute is not valid: Timestamp must be an ISO 8601 time.');
  }
  return time;
}
