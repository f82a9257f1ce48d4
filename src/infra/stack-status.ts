/** What the status of a stack lets one do with it. Pure: no call, no clock. */
import type { Stack } from '../aws/cloudformation.ts';
import type { Settings } from '../settings/settings.ts';
import { UNTOUCHED } from './session.ts';
import { baseName } from './stack-requests.ts';

/** Whether its resources were never all there, so that nobody can depend on them: it can only be deleted. */
export function isNeverMade(status: string): boolean {
  return NEVER_MADE.has(status);
}

/** Whether it can be updated. */
export function isSound(status: string): boolean {
  return SOUND.has(status);
}

const NEVER_MADE: ReadonlySet<string> = new Set(['REVIEW_IN_PROGRESS', 'ROLLBACK_COMPLETE', 'ROLLBACK_FAILED']);
const SOUND: ReadonlySet<string> = new Set([
  'CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE', 'IMPORT_COMPLETE', 'IMPORT_ROLLBACK_COMPLETE',
]);

/**
 * What to type so that the stack gets to be as the settings say: where `build-infra` can't help, a person has to, and what that costs is theirs to judge.
 * @param failure what CloudFormation says went wrong, where something did.
 */
export function nextFor(stack: Pick<Stack, 'name' | 'status'>, settings: Settings, failure = ''): string {
  if (TAKEN_ZONE.test(failure)) return 'choose another PROJECT_NAME, or remove that zone from the VPC, then: ecs-canary build-infra';
  if (isSound(stack.status) || isNeverMade(stack.status)) return 'ecs-canary build-infra';
  return `${wayOut(stack, settings)}, then: ecs-canary build-infra`;
}

/** What Route 53 says of a VPC that has a zone of that name: whatever is typed again fails again. */
const TAKEN_ZONE = /ConflictingDomainExists|already been associated with the hosted zone/;

/** State of users when our operation on a stack has failed and left it like this. */
export function usersAfter(status: string): string {
  if (isSound(status) || !status.startsWith('UPDATE_')) return UNTOUCHED;
  return 'on the weights they had before: no listener rule was changed. But some of what the update changed could not be taken back.';
}

function wayOut({ name, status }: Pick<Stack, 'name' | 'status'>, settings: Settings): string {
  const aws = (command: string) => `aws cloudformation ${command} --stack-name ${name} --region ${settings.region}`;
  switch (status) {
    case 'UPDATE_ROLLBACK_FAILED':
      return aws('continue-update-rollback');
    case 'UPDATE_FAILED':
      return aws('rollback-stack');
    case 'CREATE_FAILED':
    case 'DELETE_FAILED':
      // Services stand on the base, and it may be protected.
      return name === baseName(settings) ? 'ecs-canary destroy-infra' : aws('delete-stack');
    default:
      return `${aws('describe-stack-events')}   (says what is wrong; once that is mended)`;
  }
}
