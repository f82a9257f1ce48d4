/** Names of what the CLI has CloudFormation do: events and change sets carry them, so that later runs know whose they are. */
import { randomUUID } from 'node:crypto';

const RUN = 'ecs-canary-';
const LOOK = 'ecs-canary-look-';

/** A name for something that is to be done. */
export function newOperation(): string {
  return `${RUN}${randomUUID()}`;
}

/** A name for a change set that is only to be looked at. */
export function newLook(): string {
  return `${LOOK}${randomUUID()}`;
}

export function isOurs({ name }: { readonly name: string }): boolean {
  return name.startsWith(RUN);
}

export function isLook({ name }: { readonly name: string }): boolean {
  return name.startsWith(LOOK);
}
