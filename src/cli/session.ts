/** Connects a command to AWS: settings first, then the account, then what build-infra made. */
import { CanaryError, ExitCode, UNCHANGED, messageOf } from '../errors.ts';
import type { Aws } from '../aws/aws.ts';
import { unexpected } from '../aws/connect.ts';
import { insistently, isTrouble } from '../aws/insist.ts';
import type { Place } from '../release/model.ts';
import type { Release, Session } from '../release/operations.ts';
import type { Connection, Settings } from '../settings/settings.ts';
import { systemClock } from '../time.ts';
import { author } from './author.ts';
import type { Context } from './context.ts';

/** How a command goes about AWS. */
export interface Manner {
  /** For the way back: what AWS denied is asked once more, and nothing waits long for the release log. */
  readonly insist?: boolean;
}

/** A session in any account: for target groups given by ARN. */
export async function openSession(context: Context, connection: Connection, pollInterval: number, { insist }: Manner = {}): Promise<Session> {
  const { connectAws } = await import('../aws/aws.ts');
  const { timeout, signal, progress } = context;
  const onThrottled = (action: string) => progress({ type: 'throttled', action });
  return sessionWith(context, connectAws(connection, { hurried: insist, timeout, signal, onThrottled }), pollInterval);
}

export interface ProjectSession extends Session {
  readonly settings: Settings;
}

/**
 * A session in the project's account.
 * @throws CanaryError `usage` for bad settings, before any AWS call; `wrong-account` before anything else is asked.
 */
export async function openProject(context: Context, { insist }: Manner = {}): Promise<ProjectSession> {
  // Loaded late: `--help` and `--version` check no settings.
  const { readSettings } = await import('../settings/settings.ts');
  const settings = readSettings(context.variables());
  const session = await openSession(context, settings, settings.pollInterval, { insist });
  const asked = answerTo(() => session.aws.identity.account(), session, { insist });
  const account = await (insist ? asked.catch(failedUnlessOurs) : asked);
  // The ARNs of what is to be changed tell it then.
  if (account === undefined) return { ...session, settings };
  if (account === '') {
    throw new CanaryError({
      code: 'not-aws',
      message: 'What answers there is not AWS: it does not say which account this is.',
      next: 'check AWS_ENDPOINT_URL, and whether the network wants a sign-in first',
    });
  }
  if (account !== settings.account) throw wrongAccount(account, settings);
  return { ...session, settings };
}

function wrongAccount(account: string, settings: Settings): CanaryError {
  return new CanaryError({
    code: 'wrong-account',
    message: `The credentials belong to account ${account}, and AWS_ACCOUNT_ID is ${settings.account}.`,
    exitCode: ExitCode.usage,
    usersAre: UNCHANGED,
    next: 'give --profile, or correct AWS_ACCOUNT_ID',
  });
}

/** A session for the service that the command is about; a command that writes first says where. */
export async function openRelease(context: Context, { writes, insist }: { writes: boolean } & Manner): Promise<Release> {
  const project = await openProject(context, { insist });
  const { settings } = project;
  if (writes) announce(context, settings);
  const place = await findPlace(project, { insist });
  const [account = ''] = Object.values(place.targetGroups).map((arn) => arn.split(':')[4]);
  if (account !== settings.account) throw wrongAccount(account, settings);
  return { ...project, place };
}

/** What build-infra made; the way back finds what it needs of it without CloudFormation, too. */
async function findPlace(project: ProjectSession, { insist }: Manner): Promise<Place> {
  const { aws, settings, progress } = project;
  const service = settings.service.name;
  const { describePlace, describePlaceByServices } = await import('../infra/describe-infra.ts');
  try {
    return await answerTo(() => describePlace(aws, settings, service), project, { insist });
  } catch (error) {
    const place = insist && isTrouble(error) ? await describePlaceByServices(aws, settings, service).catch(() => undefined) : undefined;
    if (!place) throw insist && isTrouble(error) ? lost(error) : error;
    progress({ type: 'hazard', text: `The stacks could not be read, so the target groups are those of the ECS services: ${messageOf(error)}` });
    return place;
  }
}

/** One line on stderr: where the command is about to change something. */
export function announce(context: Context, settings: Settings): void {
  context.say(`Account ${settings.account}, region ${settings.region}, service ${settings.project}/${settings.service.name}${endpointOf(settings)}`);
}

/** Where AWS is, if not where it usually is: the origin alone, because a URL can carry a password. */
export function endpointOf({ endpointUrl }: Connection): string {
  return endpointUrl ? `, endpoint ${new URL(endpointUrl).origin}` : '';
}

/** Whatever AWS is missing: another way may lead around it. What says that the user has to do something is thrown. */
function failedUnlessOurs(error: unknown): undefined {
  if (!isTrouble(error)) throw error;
  return undefined;
}

/** The last way that is left: by ARN it takes the load balancer and nothing else. */
function lost(error: unknown): unknown {
  const explanation = unexpected(error);
  if (!(explanation instanceof CanaryError)) return error;
  const arns = '--primary-target-group <ARN> --canary-target-group <ARN>';
  return explanation.with({ next: `the same command again, or ecs-canary route --canary 0 ${arns}   (asks the load balancer only)` });
}

/** The answer to a question, asked once more where the manner is to insist. */
function answerTo<T>(question: () => Promise<T>, session: Session, { insist }: Manner): Promise<T> {
  return insist ? insistently(session.wait(), question) : question();
}

function sessionWith(context: Context, aws: Aws, pollInterval: number): Session {
  return {
    aws,
    progress: context.progress,
    wait: () => ({ clock: systemClock, signal: context.signal, deadline: systemClock.now() + context.timeout, pollInterval }),
    author: author(context.variables(), context.commandLine.command),
    dryRun: context.dryRun,
  };
}
