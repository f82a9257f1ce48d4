/** What the calls that write have in common: the definition that a request asks for, and the beginning of the work on it. */
import type { Capability, Parameter, StackStatus, Tag } from '@aws-sdk/client-cloudformation';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { StackDefinition, StoredStack } from '../../world/cloudformation-state.ts';
import { neededCapability } from './capabilities.ts';
import { resolveParameters } from './parameters.ts';
import { invalid } from './section.ts';
import { setStackStatus } from './site.ts';
import { readTemplate } from './template.ts';

export interface Asked {
  readonly text: string;
  readonly given: readonly Parameter[];
  readonly previous: readonly Parameter[];
  readonly tags: readonly Tag[];
  readonly capabilities: readonly Capability[];
}

/** @throws AwsError for what is wrong with the template, its parameters, or the capabilities acknowledged. */
export async function define({ text, given, previous, tags, capabilities }: Asked, region: Region): Promise<StackDefinition> {
  const template = readTemplate(text);
  const parameters = await resolveParameters(template, given, previous, region);
  const needed = neededCapability(template);
  const accepted = capabilities.includes('CAPABILITY_NAMED_IAM') || (needed && capabilities.includes(needed));
  if (needed && !accepted) throw new AwsError('InsufficientCapabilitiesException', `Requires capabilities : [${needed}]`);
  return { template: text, parameters, tags: [...tags], capabilities: [...capabilities] };
}

/** @throws AwsError ValidationError where the request brings no template. */
export function bodyOf(body: string | undefined): string {
  if (body !== undefined) return body;
  throw invalid('Either Template URL or Template Body must be specified.');
}

/** @throws AwsError ValidationError for what can't be the name of a stack or change set (`member` of the request). */
export function checkName(name: string, member: 'stackName' | 'changeSetName'): void {
  if (/^[a-zA-Z][-a-zA-Z0-9]{0,127}$/.test(name)) return;
  throw invalid(
    `1 validation error detected: Value '${name}' at '${member}' failed to satisfy constraint: ` +
      'Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*',
  );
}

const UPDATABLE: ReadonlySet<string> = new Set(['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE']);

/** @throws AwsError ValidationError for a stack that can't be updated as it is now. */
export function checkUpdatable({ id, status }: StoredStack): void {
  if (!UPDATABLE.has(status)) throw invalid(`Stack:${id} is in ${status} state and can not be updated.`);
}

/** Hands the stack over to its worker. */
export function begin(
  region: Region, stack: StoredStack, status: Extract<StackStatus, `${string}_IN_PROGRESS`>, reason = 'User Initiated',
): void {
  setStackStatus(region, stack, status, reason);
  region.stacks.work(stack);
}
