/** What users read while a command works: the words of each event, on a pipe and on a terminal. */
import { PassThrough } from 'node:stream';
import { jest } from '@jest/globals';
import { Chalk } from 'chalk';
import type { ProgressEvent } from '../../src/progress/events.ts';
import { lineOf } from '../../src/progress/lines.ts';
import { plainProgress } from '../../src/progress/plain.ts';
import { terminalProgress } from '../../src/progress/terminal.ts';

const RESOURCE = { type: 'resource', stack: 'echo', resource: 'Cluster', kind: 'AWS::ECS::Cluster', status: 'CREATE_FAILED', reason: 'no quota' } as const;

const LINES: [ProgressEvent, string][] = [
  [{ type: 'tasks-waiting' }, 'Waiting for ECS Service to be in RUNNING state...'],
  [{ type: 'tasks-starting', running: 0, desired: 2 }, 'Tasks are starting (0/2)...'],
  [{ type: 'tasks-started' }, 'Tasks started'],
  [{ type: 'route-updating' }, 'Updating traffic route'],
  [{ type: 'route-updated', percent: 50 }, 'Routing 50% of traffic to the new service'],
  [{ type: 'rules-modified', changes: [] }, 'Modified 0 listener rules'],
  [{ type: 'rules-modified', changes: [{ rule: 'arn:rule (default)', before: 0, after: 50 }] }, 'Modified 1 listener rules\n  arn:rule (default): 0% -> 50%'],
  [{ type: 'tasks-scaling', version: '1.0', from: 1, to: 2 }, 'Changing the tasks of 1.0 from 1 to 2'],
  [{ type: 'old-replaced', service: 'server', version: '0.9' }, 'The Server 0.9 can now be safely destroyed.'],
  [{ type: 'warning', text: 'The log could not be written.' }, 'warning: The log could not be written.'],
  [{ type: 'waiting', text: 'Destroying 0.9' }, 'Destroying 0.9...'],
  [{ type: 'throttled', action: 'ecs:ListTasks' }, 'AWS is throttling ecs:ListTasks: waiting for our turn...'],
  [{ type: 'warning', text: 'A tag says \u001b[2J\u202e.' }, 'warning: A tag says \\x1b[2J\\u202e.'],
  [{ type: 'output', line: 'STEP 1: \u001b[1mcaulk' }, 'STEP 1: \\x1b[1mcaulk'],
  [RESOURCE, 'echo: Cluster CREATE_FAILED (no quota)'],
  [{ ...RESOURCE, status: 'CREATE_COMPLETE', reason: undefined }, 'echo: Cluster CREATE_COMPLETE'],
];

test.each(LINES)('%j reads "%s"', (event, line) => {
  expect(lineOf(event)).toBe(line);
});

test('an upload is only shown where it can be drawn over', () => {
  expect(lineOf({ type: 'upload', sent: 1, total: 2 })).toBeUndefined();
});

describe('on a pipe', () => {
  function shown(events: readonly ProgressEvent[], quiet = false) {
    const [out, err] = [new PassThrough(), new PassThrough()];
    const progress = plainProgress({ out, err }, quiet);
    events.forEach(progress);
    return { out: textOf(out), err: textOf(err) };
  }
  const starting = (running: number): ProgressEvent => ({ type: 'tasks-starting', running, desired: 2 });

  test('what a builder prints goes to standard error, each line of it, and not where somebody wants quiet', () => {
    const step: ProgressEvent = { type: 'output', line: '#1 done' };
    expect(shown([step, step])).toEqual({ out: '', err: '#1 done\n#1 done\n' });
    expect(shown([step], true)).toEqual({ out: '', err: '' });
  });

  test('every change is one line, and nothing is ever redrawn', () => {
    expect(shown([{ type: 'tasks-waiting' }, starting(0), starting(0), starting(1), starting(0), { type: 'upload', sent: 1, total: 2 }, { type: 'tasks-started' }])).toEqual({
      out: [
        'Waiting for ECS Service to be in RUNNING state...',
        'Tasks are starting (0/2)...',
        'Tasks are starting (1/2)...',
        'Tasks are starting (0/2)...',
        'Tasks started',
        '',
      ].join('\n'),
      err: '',
    });
  });

  test('warnings go to stderr, each of them, and alone are left with --quiet', () => {
    const events: ProgressEvent[] = [{ type: 'route-updating' }, { type: 'warning', text: 'Late.' }, { type: 'route-updated', percent: 5 }];
    expect(shown(events)).toEqual({ out: 'Updating traffic route\nRouting 5% of traffic to the new service\n', err: 'warning: Late.\n' });
    expect(shown(events, true)).toEqual({ out: '', err: 'warning: Late.\n' });
  });
});

describe('on a terminal', () => {
  function terminal() {
    const out = new PassThrough();
    const err = new PassThrough();
    const shown = terminalProgress({ out, err }, new Chalk({ level: 0 }));
    return {
      progress: shown.progress,
      end: () => shown.end(),
      /** Everything so far, also what was drawn over later. */
      written: () => textOf(out) + textOf(err),
    };
  }

  test('what is awaited is a spinner, and what is done stays as a line', () => {
    const { progress, end, written } = terminal();
    progress({ type: 'tasks-starting', running: 0, desired: 2 });
    expect(written()).not.toContain('\n');
    progress({ type: 'tasks-started' });
    end();
    expect(written()).toContain('✔ Tasks started\n');
  });

  test('every line that scripts look for is there', () => {
    const { progress, end, written } = terminal();
    LINES.forEach(([event]) => progress(event));
    end();
    const all = written();
    for (const [event, line] of LINES) {
      if (!['resource', 'waiting', 'throttled'].includes(event.type)) expect(all).toContain(line);
    }
  });

  test('the spinner turns while something is awaited, and ends with the command', () => {
    jest.useFakeTimers();
    try {
      const { progress, end, written } = terminal();
      progress({ type: 'waiting', text: 'Draining' });
      const atFirst = written().length;
      jest.advanceTimersByTime(1_000);
      expect(written().length).toBeGreaterThan(atFirst);
      end();
      const atEnd = written().length;
      jest.advanceTimersByTime(1_000);
      expect(written()).toHaveLength(atEnd);
    } finally {
      jest.useRealTimers();
    }
  });

  test('an upload is told in percent, also of nothing', () => {
    const { progress, end, written } = terminal();
    progress({ type: 'upload', sent: 1, total: 3 });
    progress({ type: 'tasks-started' });
    progress({ type: 'upload', sent: 0, total: 0 });
    end();
    expect(written()).toMatch(/Pushing 33%[\s\S]*Pushing 0%/);
  });
});

/** Reads without taking away. */
function textOf(stream: PassThrough): string {
  const chunks: Buffer[] = [];
  for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) chunks.push(chunk);
  const text = Buffer.concat(chunks);
  if (text.length > 0) stream.unshift(text);
  return text.toString();
}
