/** The roles that ECS and Elastic Load Balancing act with, which an account that never used them does not have. */
import type { LinkedService } from '../aws/iam.ts';
import type { Wait } from '../time.ts';
import type { InfraSession } from './session.ts';

const SERVICES: readonly LinkedService[] = ['ecs.amazonaws.com', 'elasticloadbalancing.amazonaws.com'];

/** ms. A role that was just made is refused for some seconds; nothing tells when that is over, and CloudFormation does not try twice. */
const SETTLES = 15_000;

/** Makes those that are missing, and gives them the time that they need. @returns whether one was. */
export async function makeLinkedRoles({ aws, progress }: Pick<InfraSession, 'aws' | 'progress'>, { clock, signal }: Wait): Promise<boolean> {
  const made = await Promise.all(SERVICES.map((service) => aws.roles.makeLinked(service)));
  if (!made.includes(true)) return false;
  progress({ type: 'waiting', text: 'The account has just got them: AWS needs some seconds until it can use them' });
  await clock.sleep(SETTLES, signal);
  return true;
}
