/** `logs`: what the tasks of the service wrote. */
import { ExitCode, usageError } from '../../errors.ts';
import type { Colour } from '../../release/model.ts';
import type { Release } from '../../release/operations.ts';
import type { TaskLine, TaskLogs } from '../../release/task-logs.ts';
import { parseDuration } from '../../settings/duration.ts';
import { systemClock } from '../../time.ts';
import { withWhere } from '../command-line.ts';
import { type Command, type Outcome, isSet, option, textOf } from '../command.ts';
import type { Context } from '../context.ts';
import { openRelease } from '../session.ts';
import { requiredTag } from './push.ts';

const SINCE = '1h';
const DAY = 86_400_000;

export const logs: Command = {
  name: 'logs',
  summary: 'show what the tasks wrote, of one version or of all',
  options: [
    option('--tag <tag>', 'of this version only (default: of all)'),
    option('--follow', 'go on with what comes, until Ctrl-C'),
    option('--since <duration>', `how far back, such as 10m or 24h (default: ${SINCE})`),
  ],
  examples: ['ecs-canary logs', 'ecs-canary logs --tag 1.0 --follow', 'ecs-canary logs --since 24h --json'],
  writes: false,
  async run(context, values) {
    const tag = values['tag'] === undefined ? undefined : requiredTag(textOf(values, 'tag'));
    const since = textOf(values, 'since') ?? SINCE;
    const age = parseDuration(since);
    if (age === undefined) throw usageError(`--since is "${since}": it should be a duration such as 10m or 24h.`);
    const following = isSet(values, 'follow');

    const release = await openRelease(context, { writes: false });
    const { openTaskLogs, follow } = await import('../../release/task-logs.ts');
    const found = await openTaskLogs(release);
    if (tag !== undefined && !isKnown(found, tag)) await requireVersion(release, tag);
    if (following && found.origins().length === 0) context.say('No task is there yet; what they write is shown as it comes.');

    const from = Date.now() - age;
    const signal = AbortSignal.any([context.signal, whenUnread(context)]);
    const pages = following ? follow(found, from, { clock: systemClock, signal, pause: release.wait().pollInterval }) : found.read(from);
    const lines: Shown = { count: 0, kept: [] };
    try {
      for await (const page of pages) {
        if (signal.aborted) break;
        for (const line of page.filter(({ origin }) => tag === undefined || origin?.version === tag)) {
          lines.count += 1;
          show(context, line, { found, following, isOneVersion: tag !== undefined, kept: lines.kept });
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    if (lines.count === 0 && !following && !signal.aborted) explain(context, reasonOf(release, found, tag, since));
    return outcomeOf(lines, following, context.signal.aborted);
  },
};

interface Shown {
  count: number;
  /** For the one object that is printed at the end. */
  readonly kept: LineEvent[];
}

interface LineEvent {
  /** ISO 8601. */
  readonly time: string;
  readonly version: string | null;
  readonly colour: Colour | null;
  readonly task: string;
  readonly container: string;
  readonly text: string;
}

/** To be interrupted is how following ends, and no error. Containers may write to several log groups, which are read in turn. */
function outcomeOf({ count, kept }: Shown, following: boolean, isInterrupted: boolean): Outcome {
  return { ...(following ? { shown: count } : { lines: kept.toSorted((a, b) => Date.parse(a.time) - Date.parse(b.time)) }), ...(isInterrupted ? { exitCode: ExitCode.interrupted } : {}) };
}

function isKnown(found: TaskLogs, tag: string): boolean {
  return found.origins().some(({ version }) => version === tag);
}

/** Of a version that was never pushed there are no logs to wait for. @throws CanaryError `image-not-found`. */
async function requireVersion({ aws, place }: Release, tag: string): Promise<void> {
  const { findVersion } = await import('../../release/versions.ts');
  await findVersion(aws, place, tag);
}

/** Aborts when nobody reads the output any more, such as a `head` that has seen enough. */
function whenUnread({ terminal }: Context): AbortSignal {
  const controller = new AbortController();
  terminal.stdout.once('error', () => controller.abort());
  return controller.signal;
}

interface Showing {
  readonly found: TaskLogs;
  readonly following: boolean;
  readonly isOneVersion: boolean;
  readonly kept: Shown['kept'];
}

function show(context: Context, line: TaskLine, { found, following, isOneVersion, kept }: Showing): void {
  if (!context.json) return context.print(`${prefixOf(line, found, isOneVersion)}${line.text}`);
  const { at, origin, task, container, text } = line;
  const event: LineEvent = { time: new Date(at).toISOString(), version: origin?.version ?? null, colour: origin?.colour ?? null, task, container, text };
  if (following) context.terminal.stdout.write(`${JSON.stringify(event)}\n`);
  else kept.push(event);
}

/** Only what is needed to tell lines apart. */
function prefixOf({ origin, task, container }: TaskLine, found: TaskLogs, isOneVersion: boolean): string {
  const version = origin ? `${origin.colour} ${origin.version}` : `task ${task.slice(0, 8)}`;
  const isTold = isOneVersion || (origin && found.origins().length === 1);
  const words = [...(isTold ? [] : [version]), ...(found.containers().size > 1 ? [container] : [])];
  return words.length === 0 ? '' : `[${words.join(' ')}] `;
}

/** What happened, and what to type next. */
type Reason = readonly [text: string, next: string];

/** As errors are shown, though it is none. */
function explain(context: Context, [text, next]: Reason): void {
  context.say(text);
  context.say(`Next: ${withWhere(next, context.commandLine)}`);
}

/** Why there is nothing. */
function reasonOf({ place }: Release, found: TaskLogs, tag: string | undefined, since: string): Reason {
  const isEmpty = found.origins().length === 0;
  if (!isEmpty && found.containers().size === 0) {
    return ['The task definitions send their output to no log group: none of their containers has the awslogs driver.', 'ecs-canary status'];
  }
  const longer = `ecs-canary logs${tag === undefined ? '' : ` --tag ${tag}`} --since ${(parseDuration(since) ?? 0) < DAY ? '24h' : '240h'}`;
  if (tag !== undefined && !isKnown(found, tag)) {
    const next = `ecs-canary logs --since 24h   (of all versions), or ecs-canary rollout --tag ${tag}`;
    return [`ECS knows no task of ${tag}: it never ran, or its tasks stopped more than an hour ago.`, next];
  }
  if (isEmpty) {
    const text = `ECS knows no task of ${place.project}/${place.service}: nothing runs, or ran in the last hour.`;
    return [text, `ecs-canary update --tag <version>, or ${longer}`];
  }
  return [`No task${tag === undefined ? '' : ` of ${tag}`} wrote anything in the last ${since}.`, longer];
}
