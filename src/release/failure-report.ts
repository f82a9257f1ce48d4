/** Why a version is bad: what ECS says of its tasks, and what its containers said last. */
import type { EcsService, EcsTask } from '../aws/ecs.ts';
import type { ServiceRun } from './apply.ts';
import type { Colour } from './model.ts';
import { revisionOf } from './observe.ts';
import { CONTAINER_TAG, mainContainer } from './task-definition.ts';

const LOG_LINES = 10;
const EVENTS = 5;

/** What a report reads. */
type Reader = Pick<ServiceRun, 'aws' | 'place'>;

/**
 * Several lines: the headline, the stopped tasks' reasons and exit codes, the service's last events, the last log lines of one task.
 * @param running tasks whose log is shown where no stopped one has any.
 */
export async function failureReport(
  headline: string,
  tasks: { readonly stopped: readonly EcsTask[]; readonly running?: readonly EcsTask[] },
  service: EcsService,
  colour: Colour,
  run: Reader,
): Promise<string> {
  const { stopped, running = [] } = tasks;
  const targets = await run.aws.loadBalancing.targetHealth(run.place.targetGroups[colour]);
  const unhealthy = targets.filter(({ state, description }) => state === 'unhealthy' && description);
  const reason = service.deployment?.rolloutStateReason;
  return [
    headline,
    ...(service.deployment?.rolloutState === 'FAILED' && reason ? [reason] : []),
    ...section('Stopped tasks:', [...new Set(stopped.map(describeTask))]),
    ...section('Unhealthy targets:', [...new Set(unhealthy.map(({ description = '' }) => description))]),
    ...section('Last events of the service:', service.events.slice(0, EVENTS).toReversed()),
    ...section('Last lines of its log:', await lastLines(service, [...stopped, ...running], run)),
  ].join('\n');
}

function describeTask({ stoppedReason, containers }: EcsTask): string {
  const exits = containers.map(({ name, exitCode, reason }) =>
    [name, exitCode === undefined ? undefined : `exit code ${exitCode}`, reason].filter(Boolean).join(', '),
  );
  return `${stoppedReason ?? 'stopped'} (${exits.join('; ')})`;
}

/** The awslogs driver names a task's stream prefix/container/task. Logs are a help, never a reason to fail otherwise. */
async function lastLines(service: EcsService, tasks: readonly EcsTask[], run: Reader): Promise<string[]> {
  const revision = await revisionOf(run.aws, service.taskDefinition);
  const container = revision && mainContainer(revision.definition, run.place.service, revision.tags[CONTAINER_TAG]);
  const options = container?.logConfiguration?.options ?? {};
  const group = options['awslogs-group'];
  const prefix = options['awslogs-stream-prefix'];
  if (!group || !prefix) return [];
  for (const { id } of tasks) {
    const lines = await run.aws.logs.lastLines(group, `${prefix}/${container?.name}/${id}`, LOG_LINES).catch(() => []);
    if (lines.length > 0) return lines;
  }
  return [];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];
}
