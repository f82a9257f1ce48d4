/** IAM: the roles that AWS's own services act with. */
import { CanaryError } from '../errors.ts';
import { type Caller, clientOptions, explaining, isAws, once } from './connect.ts';

/** Services that act with a role of the account, as their principals name them. */
export type LinkedService = 'ecs.amazonaws.com' | 'elasticloadbalancing.amazonaws.com';

export interface Roles {
  /**
   * Makes a service's role in an account that has none yet.
   * @returns whether it was made; false too for a caller who may not make it: most accounts have it, and it is AWS that says so when not.
   */
  makeLinked(service: LinkedService): Promise<boolean>;
}

export function roles(caller: Caller): Roles {
  const connect = once(async () => {
    const sdk = await import('./sdk/iam.ts');
    return { sdk, client: explaining('iam', new sdk.IAMClient(await clientOptions(caller))) };
  });
  return {
    async makeLinked(service) {
      const { sdk, client } = await connect();
      try {
        await client.send(new sdk.CreateServiceLinkedRoleCommand({ AWSServiceName: service }));
        return true;
      } catch (error) {
        if (isTaken(error) || (error instanceof CanaryError && error.code === 'access-denied')) return false;
        throw error;
      }
    },
  };
}

/** IAM says only in words that a service has its role already. */
function isTaken(error: unknown): boolean {
  return isAws(error, 'InvalidInput', 'InvalidInputException') && error instanceof Error && error.message.includes('has been taken in this account');
}
