/** What building and destroying the infrastructure works with. */
import type { Aws } from '../aws/aws.ts';
import type { Progress } from '../progress/events.ts';
import type { Author } from '../release/log.ts';
import type { Settings } from '../settings/settings.ts';
import type { Wait } from '../time.ts';

export interface InfraSession {
  readonly aws: Aws;
  readonly settings: Settings;
  readonly progress: Progress;
  /** A wait whose deadline begins now. */
  readonly wait: () => Wait;
  /** Whether the internal HTTPS listener is to have a certificate that is made for it. */
  readonly selfSigned?: boolean;
  /** Who holds a pair while its rules are changed. */
  readonly author: Author;
}

export const PROJECT_TAG = 'ecs-canary:project';
export const SERVICE_TAG = 'ecs-canary:service';
/** On a certificate that `--self-signed` has made, and no other: the zone that it is for. */
export const SELF_SIGNED_TAG = 'ecs-canary:self-signed';

/** State of users when an operation on a stack went wrong: weights are in rules, and no stack has any. */
export const UNTOUCHED = 'where they were before; no listener rule was changed.';
