/** Which capability a template asks its caller to acknowledge. */
import { kinds } from './kinds.ts';
import type { Template } from './template.ts';

/** IAM resources need one, those with a name of their own a stronger one; undefined when there are none. */
export function neededCapability(template: Template): 'CAPABILITY_IAM' | 'CAPABILITY_NAMED_IAM' | undefined {
  const iam = Object.values(template.resources).filter(({ type }) => type.startsWith('AWS::IAM::'));
  if (iam.length === 0) return undefined;
  const named = iam.some(({ type, properties }) => properties[kinds[type]?.nameProperty ?? ''] !== undefined);
  return named ? 'CAPABILITY_NAMED_IAM' : 'CAPABILITY_IAM';
}

/** The sentence that CloudFormation gives with it. */
export function capabilityReason(template: Template): string | undefined {
  const types = Object.values(template.resources).map(({ type }) => type).filter((type) => type.startsWith('AWS::IAM::'));
  if (types.length === 0) return undefined;
  return `The following resource(s) require capabilities: [${[...new Set(types)].join(', ')}]`;
}
