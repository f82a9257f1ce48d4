/** What of IAM is durable. */

/** Services that act with a role of the account, as their principals name them. */
export type LinkedService = 'ecs.amazonaws.com' | 'elasticloadbalancing.amazonaws.com';

export interface IamState {
  /** Service-linked roles of an account that was fresh; one that is not named has been there for long. */
  linkedRoles: Partial<Record<LinkedService, 'missing' | { readonly usableFrom: Date }>>;
}

export function emptyIam(): IamState {
  return { linkedRoles: {} };
}
