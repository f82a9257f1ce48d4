/** Reads from AWS what there is of a project's infrastructure. */
import type { Stack } from '../aws/cloudformation.ts';
import type { ListenerRule } from '../aws/elbv2.ts';
import type { InfraSession } from './session.ts';
import { baseName, serviceStackName } from './stack-requests.ts';

/** A stack with the text that it was made from. */
export interface KnownStack extends Stack {
  readonly template: string;
}

export interface InfraState {
  readonly base: KnownStack | undefined;
  /** By service name. */
  readonly services: ReadonlyMap<string, KnownStack>;
  /** All rules of the base's listeners. */
  readonly rules: readonly ListenerRule[];
}

export async function observeInfra({ aws, settings }: Pick<InfraSession, 'aws' | 'settings'>): Promise<InfraState> {
  const known = async (name: string): Promise<KnownStack | undefined> => {
    const stack = await aws.stacks.describe(name);
    return stack && { ...stack, template: await aws.stacks.template(name) };
  };
  const [base, ...services] = await Promise.all([
    known(baseName(settings)),
    ...settings.services.map(({ name }) => known(serviceStackName(settings, name))),
  ]);
  return {
    base,
    services: new Map(settings.services.flatMap(({ name }, index) => (services[index] ? [[name, services[index]]] : []))),
    rules: await aws.loadBalancing.rules(listenersOf(base)),
  };
}

/** ARNs of the listeners that a base stack has; none while it is being deleted, because each may be gone at any moment. */
export function listenersOf(base: Stack | undefined): string[] {
  if (base?.status === 'DELETE_IN_PROGRESS') return [];
  const { PublicListenerArn, InternalListenerArn } = base?.outputs ?? {};
  return [PublicListenerArn, InternalListenerArn].filter((arn) => arn !== undefined);
}
