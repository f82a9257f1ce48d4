/** Versions that go bad while they have traffic: real tasks behind a real load balancer, watched by `update`. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CanaryError } from '../../src/errors.ts';
import { ExitCode } from '../../src/errors.ts';
import type { ProgressEvent } from '../../src/progress/events.ts';
import { observe } from '../../src/release/observe.ts';
import { type Release, prepareRollout, prepareRoute } from '../../src/release/operations.ts';
import { statusOf } from '../../src/release/status.ts';
import { update } from '../../src/release/update.ts';
import { systemClock } from '../../src/time.ts';
import { cli } from '../cli/spawn.ts';
import { fakeClock } from '../fake-clock.ts';
import { withFolder } from '../folder.ts';
import { type Project, withProject } from '../infra/project.ts';
import { OPTIONS, filesOf, openRelease, push, sickOnce } from './deployment.ts';

/** ms of real time: far longer than any of these versions is borne. */
const HOLD = 100_000;
/** ms: what a busy machine may take for a test. */
const PATIENCE = 120_000;
/** Where tasks are not to lose their health: a busy machine may answer a check too late. */
const STURDY = { UNHEALTHY_THRESHOLD: '10' };
/** A metric minute passes in a second: with fewer requests than a bound needs in it, nothing could be said. */
const METRICS_SPEED = 60;
const MANY_5XX = { max5xx: 1, maxLatency: undefined };
const TOO_SLOW = { max5xx: undefined, maxLatency: { statistic: 'p95', ms: 200 } } as const;

interface Lab {
  readonly dir: string;
  readonly project: Project;
  readonly release: Release;
  readonly events: ProgressEvent[];
  /** What comes with the moment at which AWS confirmed this share for the canary. */
  readonly at: Map<number, () => void>;
}

/** With 0.9 as the primary. */
function withPrimary(variables: Record<string, string>, action: (lab: Lab) => Promise<void>, speed = 200): Promise<void> {
  return withFolder({}, (dir) =>
    withProject(async (project) => {
      const events: ProgressEvent[] = [];
      const at = new Map<number, () => void>();
      const opened = await openRelease(project, (event) => {
        events.push(event);
        if (event.type === 'route-updated') at.get(event.percent)?.();
      }, variables);
      const release = { ...opened, wait: () => ({ ...opened.wait(), deadline: systemClock.now() + PATIENCE }) };
      await update(release, await push(release, '0.9'), OPTIONS);
      await action({ dir, project, release, events, at });
    }, speed === undefined ? {} : { speed }),
  );
}

/** Nobody is on the version any more, and the error says where everybody is. */
async function expectTakenBack({ project, release, events }: Lab, error: CanaryError): Promise<void> {
  expect(error).toMatchObject({ exitCode: ExitCode.rolledBack, usersAre: 'on 0.9 with 100% of the traffic.', next: 'ecs-canary status' });
  expect(events.flatMap((event) => (event.type === 'route-updated' ? event.percent : [])).at(-1)).toBe(0);
  const [headline = ''] = error.message.split('\n');
  expect(events).toContainEqual({ type: 'warning', text: `${headline} Going back.` });
  const status = statusOf(await observe(release.aws, release.place));
  expect(status).toMatchObject({ state: 'primary+old', contradiction: null, primary: { version: '0.9', weight: 100 }, old: { version: '1.0', weight: 0, rolledBack: true } });
  const answers = await Promise.all(Array.from({ length: 20 }, async () => (await fetch(urlOf(project))).text()));
  expect(new Set(answers)).toEqual(new Set(['Version 0.9']));
}

function urlOf({ ports }: Project): string {
  return `http://127.0.0.1:${ports[0]}/`;
}

async function failureOf(updating: Promise<unknown>): Promise<CanaryError> {
  return updating.then(
    (result) => { throw new Error(`the update ended well: ${JSON.stringify(result)}`); },
    (error: CanaryError) => error,
  );
}

/** A load of about 100 requests a second, for as long as the action takes. */
async function underLoad<T>(project: Project, action: () => Promise<T>): Promise<T> {
  const pending = new Set<Promise<unknown>>();
  const timer = setInterval(() => {
    for (let index = 0; index < 5; index += 1) {
      const request = fetch(urlOf(project)).then((response) => response.text(), () => undefined).finally(() => pending.delete(request));
      pending.add(request);
    }
  }, 50);
  try {
    return await action();
  } finally {
    clearInterval(timer);
    await Promise.all(pending);
  }
}

test.each([
  ['a hold', { settle: 0, hold: HOLD }],
  ['SETTLE', { settle: HOLD, hold: 0 }],
])('one that loses its health during %s', (_when, { settle, hold }) =>
  withPrimary({}, async (lab) => {
    const sick = join(lab.dir, 'sick');
    lab.at.set(50, () => writeFileSync(sick, ''));
    const bad = await push(lab.release, '1.0', sickOnce(sick));
    // The way back settles, too, and that is not waited for here.
    const back = () => lab.events.some((event) => event.type === 'warning' && event.text.endsWith('Going back.'));
    const release: Release = {
      ...lab.release,
      settings: { ...lab.release.settings, settle },
      wait: () => ({ ...lab.release.wait(), ...(back() && { clock: fakeClock(), deadline: PATIENCE, pollInterval: 15_000 }) }),
    };
    const error = await failureOf(update(release, bad, { ...OPTIONS, hold }));
    expect(error.code).toBe('canary-unhealthy');
    expect(error.message).toMatch(/^The canary lost its health: 50% needs 1 healthy target, and there are 0\.\nUnhealthy targets:\n {2}Health checks failed with these codes: \[500\]\n/);
    await expectTakenBack(lab, error);
  }), PATIENCE);

test('one that lost its health while nobody watched: the run that carries on takes it back', () =>
  withPrimary({}, async (lab) => {
    const sick = join(lab.dir, 'sick');
    const bad = await push(lab.release, '1.0', sickOnce(sick));
    await (await prepareRollout(lab.release, bad, OPTIONS)).run();
    await (await prepareRoute(lab.release, { percent: 50, acceptDrift: false, noScale: false, scaleDown: false })).run();
    writeFileSync(sick, '');
    const error = await failureOf(update(lab.release, bad, { ...OPTIONS, hold: HOLD }));
    expect(error.message).toMatch(/^The canary lost its health: 50% needs 1 healthy target, and there are 0\.\n/);
    await expectTakenBack(lab, error);
  }), PATIENCE);

/** As soon as the file is there, one task of all takes it away, and dies of it. */
const crashOnce = (file: string) => `
    if (existsSync(${JSON.stringify(file)})) {
      try { rmSync(${JSON.stringify(file)}); console.error('the harbour wall is missing'); process.exit(42); } catch {}
    }
`;

test('one whose tasks crash one after the other, while enough others are healthy', () =>
  withPrimary({ ...STURDY, DESIRED_COUNT: '4' }, async (lab) => {
    const token = join(lab.dir, 'token');
    let crashes = 0;
    const bad = await push(lab.release, '1.0', crashOnce(token));
    let timer: NodeJS.Timeout | undefined;
    lab.at.set(25, () => {
      timer = setInterval(() => {
        if (existsSync(token)) return;
        crashes += 1;
        writeFileSync(token, '');
      }, 300);
    });
    const error = await failureOf(update(lab.release, bad, { ...OPTIONS, steps: [25, 100], hold: HOLD })).finally(() => clearInterval(timer));
    expect(error.code).toBe('crash-loop');
    expect(error.message).toMatch(/^The canary's tasks keep stopping: \d so far\.\nStopped tasks:\n {2}Essential container in task exited \(server, exit code 42\)\n/);
    expect(error.message).toMatch(/Last events of the service:\n {2}\(service server-green\) /);
    expect(error.message).toMatch(/Last lines of its log:\n {2}the harbour wall is missing/);
    expect(crashes).toBeGreaterThanOrEqual(3);
    await expectTakenBack(lab, error);
  }), PATIENCE);

const SOME_5XX = 'if (request.url !== "/ping" && count % 10 === 0) response.writeHead(500).end("out of rope");';

test('one that answers some requests with a 5xx', () =>
  withPrimary(STURDY, async (lab) => {
    const bad = await push(lab.release, '1.0', SOME_5XX);
    const error = await underLoad(lab.project, () => failureOf(update(lab.release, bad, { ...OPTIONS, hold: HOLD, bounds: MANY_5XX })));
    expect(error.code).toBe('too-many-5xx');
    expect(error.message).toMatch(/^The canary left its bounds: [\d.]+% of \d+ requests ended with a 5xx, and 1% may\.\n/);
    await expectTakenBack(lab, error);
  }, METRICS_SPEED), PATIENCE);

test('one that does so only once it has all the traffic: the bound is checked there too, anew', () =>
  withPrimary(STURDY, async (lab) => {
    const full = join(lab.dir, 'full');
    lab.at.set(100, () => writeFileSync(full, ''));
    const bad = await push(lab.release, '1.0', `if (existsSync(${JSON.stringify(full)})) { ${SOME_5XX} }`);
    const error = await underLoad(lab.project, () => failureOf(update(lab.release, bad, { ...OPTIONS, bounds: MANY_5XX })));
    expect(error.code).toBe('too-many-5xx');
    expect(lab.events).toContainEqual({ type: 'flow', text: expect.stringMatching(/^1\.0 keeps to its bounds at 50%: 0% of \d+ requests/) });
    await expectTakenBack(lab, error);
  }, METRICS_SPEED), PATIENCE);

test('as a user types it: the flag beats the settings, and --json names the reason', () =>
  withPrimary(STURDY, async ({ project }) => {
    const env = {
      ...project.variables(STURDY),
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      POLL_INTERVAL: '0.2',
      SETTLE: '0',
      MAX_5XX: '60%',
      SERVER_MAX_5XX: '50%',
    };
    const planned = (...bounds: string[]) => cli(['update', '--tag', '1.0', '--dry-run', ...bounds], { env });
    const untilTold = 'hold for 15s, watching its health, and until metrics tell whether it keeps to its bounds';
    expect((await planned()).stdout.split(untilTold)).toHaveLength(3);
    expect((await planned('--max-5xx', 'none')).stdout).not.toContain('bounds');

    const { code, stdout } = await withFolder(filesOf('1.0', SOME_5XX), (dir) =>
      underLoad(project, () => cli(['update', dir, '--tag', '1.0', '--max-5xx', '1%', '--json'], { env })),
    );
    expect(JSON.parse(stdout)).toMatchObject({
      error: { code: 'too-many-5xx', usersAre: 'on 0.9 with 100% of the traffic.', next: 'ecs-canary status' },
    });
    expect(code).toBe(ExitCode.rolledBack);
  }, METRICS_SPEED), PATIENCE);

test('one that answers some requests too slowly', () =>
  withPrimary(STURDY, async (lab) => {
    const bad = await push(lab.release, '1.0', 'if (request.url !== "/ping" && count % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 400));');
    const error = await underLoad(lab.project, () => failureOf(update(lab.release, bad, { ...OPTIONS, hold: HOLD, bounds: TOO_SLOW })));
    expect(error.code).toBe('too-slow');
    expect(error.message).toMatch(/^The canary left its bounds: p95 was \d+ms in a minute of \d+ requests, and 200ms is allowed\.\n/);
    await expectTakenBack(lab, error);
  }, METRICS_SPEED), PATIENCE);

test('a version that keeps to its bounds is promoted, after metrics said so at each step, also with no hold at all', () =>
  withPrimary(STURDY, async (lab) => {
    const good = await push(lab.release, '1.0');
    const bounds = { max5xx: 20, maxLatency: { statistic: 'p50', ms: 5_000 } } as const;
    const updated = await underLoad(lab.project, () => update(lab.release, good, { ...OPTIONS, bounds }));
    expect(updated).toMatchObject({ outcome: 'promoted' });
    const told = lab.events.flatMap((event) => (event.type === 'flow' && event.text.startsWith('1.0 keeps') ? event.text : []));
    const sentence = (percent: number) => `^1\\.0 keeps to its bounds at ${percent}%: [\\d.]+% of \\d+ requests ended with a 5xx; p50 was \\d+ms in a minute of \\d+ requests\\.$`;
    expect(told).toEqual([50, 100].map((percent) => expect.stringMatching(new RegExp(sentence(percent)))));
    expect(statusOf(await observe(lab.release.aws, lab.release.place))).toMatchObject({ state: 'primary+old', primary: { version: '1.0', weight: 100 } });
  }, METRICS_SPEED), PATIENCE);

test('a bound that nothing can be said about is not taken for kept: the update pauses', () =>
  withPrimary(STURDY, async (lab) => {
    let fake = false;
    lab.at.set(50, () => (fake = true));
    // From the hold on waiting takes no time; nobody sends a request.
    const waiting = { clock: fakeClock(), deadline: Number.MAX_VALUE, pollInterval: 15_000 };
    const release: Release = { ...lab.release, wait: () => ({ ...lab.release.wait(), ...(fake && waiting) }) };
    const error = await failureOf(update(release, await push(release, '1.0'), { ...OPTIONS, bounds: MANY_5XX }));
    expect(error).toMatchObject({
      code: 'bounds-unchecked',
      exitCode: ExitCode.paused,
      message: 'Whether 1.0 keeps to its bounds at 50% could not be told: no metrics of its requests came.',
      usersAre: 'on 0.9 with 50% of the traffic and on 1.0 with 50% of the traffic.',
    });
  }), PATIENCE);

test('without a way to the metrics a version with bounds gets no traffic', () =>
  withPrimary(STURDY, async (lab) => {
    const order = { operation: 'GetMetricData', times: 'always', fault: { error: 'AccessDeniedException' } };
    await fetch(`${lab.project.sandbox.url}/_ecs-canary/faults`, { method: 'POST', body: JSON.stringify(order) });
    const error = await failureOf(update(lab.release, await push(lab.release, '1.0'), { ...OPTIONS, bounds: TOO_SLOW }));
    expect(error).toMatchObject({ code: 'metrics-unreadable', exitCode: ExitCode.failed, usersAre: 'on 0.9 with 100% of the traffic.' });
    expect(error.message).toMatch(/cloudwatch:GetMetricData/);
  }), PATIENCE);
