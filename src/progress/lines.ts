/** The one place that turns events into the words users read. Scripts look for some of these lines: see docs/interface.md. */
import type { ProgressEvent } from './events.ts';
import { printable } from './printable.ts';

/** The event's line, without colours; undefined for an event that is only shown on a terminal. */
export function lineOf(event: ProgressEvent): string | undefined {
  const words = wordsOf(event);
  return words === undefined ? undefined : printable(words);
}

function wordsOf(event: ProgressEvent): string | undefined {
  switch (event.type) {
    case 'tasks-waiting':
      return 'Waiting for ECS Service to be in RUNNING state...';
    case 'tasks-starting':
      return `Tasks are starting (${event.running}/${event.desired})...`;
    case 'tasks-started':
      return 'Tasks started';
    case 'tasks-scaling':
      return `Changing the tasks of ${event.version} from ${event.from} to ${event.to}`;
    case 'route-updating':
      return 'Updating traffic route';
    case 'route-updated':
      return `Routing ${event.percent}% of traffic to the new service`;
    case 'rules-modified':
      return [`Modified ${event.changes.length} listener rules`, ...event.changes.map(changeOf)].join('\n');
    case 'old-replaced':
      return `The ${capitalised(event.service)} ${event.version} can now be safely destroyed.`;
    case 'warning':
    case 'hazard':
      return `warning: ${event.text}`;
    case 'flow':
      return event.text;
    case 'waiting':
      return `${event.text}...`;
    case 'output':
      return event.line;
    case 'throttled':
      return `AWS is throttling ${event.action}: waiting for our turn...`;
    case 'resource':
      return `${event.stack}: ${event.resource} ${event.status}${event.reason ? ` (${event.reason})` : ''}`;
    case 'pause':
    case 'upload':
      return undefined;
  }
}

function changeOf({ rule, before, after }: { rule: string; before: number; after: number }): string {
  return `  ${rule}: ${Math.round(before)}% -> ${Math.round(after)}%`;
}

function capitalised(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
