/** The whole way of a version, with tasks that are real processes behind a real load balancer. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectAws } from '../../src/aws/aws.ts';
import { CanaryError, ExitCode } from '../../src/errors.ts';
import { packImage } from '../../src/image/pack.ts';
import { pushImage } from '../../src/image/registry-client.ts';
import { buildInfra } from '../../src/infra/build-infra.ts';
import { describePlace } from '../../src/infra/describe-infra.ts';
import type { ProgressEvent } from '../../src/progress/events.ts';
import type { Version } from '../../src/release/model.ts';
import { observe } from '../../src/release/observe.ts';
import { type Release, prepareDestroyOld, prepareRollback, prepareRollout } from '../../src/release/operations.ts';
import { statusOf } from '../../src/release/status.ts';
import { update } from '../../src/release/update.ts';
import { versionOf } from '../../src/release/versions.ts';
import { poll } from '../../src/time.ts';
import { fakeClock } from '../fake-clock.ts';
import { faultyEndpoint } from '../faulty-endpoint.ts';
import { withFolder } from '../folder.ts';
import { type Project, REGION, withProject } from '../infra/project.ts';

const HOLD = 20_000;
const OPTIONS = { definition: undefined, tasks: undefined, acceptDrift: false, replace: false, keepOld: false, destroyOld: false, hold: 0, steps: [50, 100], onInterrupt: 'stop' } as const;
/** Processes start no faster with the sandbox's clock; they get the time they need. */
const SETTINGS = { DESIRED_COUNT: '2', HEALTH_CHECK_PATH: '/ping', HEALTH_CHECK_GRACE_PERIOD: '2000', SETTLE: '0', HOLD: '0' };

/** Answers its version, and its health checks well until the file is there. */
const server = (version: string, sickWhen: string) => `
  const { createServer } = require('node:http');
  const { existsSync } = require('node:fs');
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/ping' && existsSync(${JSON.stringify(sickWhen)}) ? 503 : 200).end('Version ${version}');
  }).listen(process.env.PORT, process.env.HOST);
  process.on('SIGTERM', () => { server.closeAllConnections(); server.close(() => process.exit(0)); });
`;

async function openRelease({ session, aws }: Project, onEvent: (event: ProgressEvent) => void): Promise<Release> {
  const { session: infra, settings } = session(SETTINGS);
  await buildInfra(infra);
  const place = await describePlace(aws, settings, settings.service.name);
  return { ...infra, place, progress: onEvent, author: { by: 'someone@here', command: 'update', host: 'here', pid: process.pid }, dryRun: false };
}

function interruption(): CanaryError {
  return new CanaryError({ code: 'interrupted', message: 'Interrupted.', exitCode: ExitCode.interrupted });
}

async function push({ aws, place }: Release, version: string, sickWhen: string): Promise<Version> {
  const files = { Dockerfile: 'FROM node:22-alpine\nWORKDIR /app\nCOPY . .\nCMD ["node", "index.js"]\n', 'index.js': server(version, sickWhen) };
  const image = await withFolder(files, (dir) => packImage(dir, { cpuArchitecture: 'X86_64' }));
  const digest = await pushImage(image, { ...(await aws.registry.signIn()), repository: place.repositoryName, tag: version });
  return versionOf(place.repositoryUri, version, digest);
}

test('a canary that loses its health while it has traffic is taken back at once: exit 3, everybody on the old version', () =>
  withFolder({}, (dir) =>
    withProject(async (project) => {
      const sick = join(dir, 'sick');
      const events: ProgressEvent[] = [];
      const release = await openRelease(project, (event) => {
        events.push(event);
        if (event.type === 'route-updated' && event.percent === 50) writeFileSync(sick, '');
      });
      const good = await push(release, '0.9', join(dir, 'never'));
      expect(await update(release, good, OPTIONS)).toMatchObject({ outcome: 'first' });

      const bad = await push(release, '1.0', sick);
      const begin = Date.now();
      await expect(update(release, bad, { ...OPTIONS, hold: HOLD })).rejects.toMatchObject({
        code: 'canary-unhealthy',
        exitCode: ExitCode.rolledBack,
        message: expect.stringMatching(/^The canary lost its health: 50% needs 1 healthy target, and there are 0\.$/),
        usersAre: 'on 0.9 with 100% of the traffic.',
      });
      expect(existsSync(sick)).toBe(true);
      expect(Date.now() - begin).toBeLessThan(HOLD);
      expect(events.flatMap((event) => (event.type === 'route-updated' ? event.percent : []))).toEqual([50, 0]);
      expect(events).toContainEqual({ type: 'warning', text: expect.stringMatching(/^The canary lost its health: .* Going back\.$/) });

      const status = statusOf(await observe(release.aws, release.place));
      expect(status).toMatchObject({ state: 'primary+old', contradiction: null, primary: { version: '0.9', weight: 100 }, old: { version: '1.0', weight: 0, rolledBack: true } });
      const answers = await Promise.all(Array.from({ length: 20 }, async () => (await fetch(`http://127.0.0.1:${project.ports[0]}/`)).text()));
      expect(new Set(answers)).toEqual(new Set(['Version 0.9']));
    }),
  ));

test('interrupted during a hold, and told to go back, it takes everybody to the old version first: exit 3', () =>
  withFolder({}, (dir) =>
    withProject(async (project) => {
      let interrupt = new AbortController();
      const at = { percent: 50 };
      const release = await openRelease(project, (event) => {
        if (event.type === 'route-updated' && event.percent === at.percent) interrupt.abort(interruption());
        if (event.type === 'tasks-started' && at.percent === 0) interrupt.abort(interruption());
      });
      const interruptible: Release = { ...release, wait: () => ({ ...release.wait(), signal: interrupt.signal }) };
      const never = join(dir, 'never');
      await update(release, await push(release, '0.9', never), OPTIONS);
      const next = await push(release, '1.0', never);
      const options = { ...OPTIONS, hold: HOLD, onInterrupt: 'rollback' } as const;
      await expect(update(interruptible, next, options)).rejects.toMatchObject({
        code: 'interrupted',
        exitCode: ExitCode.rolledBack,
        usersAre: 'on 0.9 with 100% of the traffic.',
        next: 'ecs-canary status',
      });
      const seen = statusOf(await observe(release.aws, release.place));
      expect(seen).toMatchObject({ state: 'primary+old', holder: null, primary: { version: '0.9', weight: 100 }, old: { version: '1.0', weight: 0, rolledBack: true } });

      // A version that has no traffic yet is nothing to come back from.
      await (await prepareDestroyOld(release, { acceptDrift: false })).run();
      interrupt = new AbortController();
      at.percent = 0;
      await expect(update(interruptible, next, options)).rejects.toMatchObject({
        code: 'interrupted',
        exitCode: ExitCode.interrupted,
        usersAre: 'on 0.9 with 100% of the traffic.',
      });
    }),
  ));

test('a stop that reaches AWS only after a rollback took the pair is taken back: nobody is left on tasks that end', () =>
  withFolder({}, (dir) =>
    withProject(async (project) => {
      const release = await openRelease(project, () => undefined);
      const never = join(dir, 'never');
      await update(release, await push(release, '0.9', never), OPTIONS);
      await update(release, await push(release, '1.0', never), OPTIONS);

      const late = await faultyEndpoint(project.sandbox.url);
      try {
        // Waiting takes no time here: the exit goes on looking for late writes after it has taken the pair.
        const exit = { ...release, wait: () => ({ ...release.wait(), clock: fakeClock(), deadline: 60_000 }) };
        late.order('UpdateService', async () => (await prepareRollback(exit, { force: false, breakStickiness: false })).run());
        const destroying = { ...release, aws: connectAws({ region: REGION, endpointUrl: late.url }) };
        await expect((await prepareDestroyOld(destroying, { acceptDrift: false })).run()).rejects.toMatchObject({ exitCode: ExitCode.locked });
      } finally {
        await late.close();
      }
      const status = await poll('0.9 to be healthy again', release.wait(), async () => {
        const seen = statusOf(await observe(release.aws, release.place));
        return seen.primary?.healthy === 2 ? seen : undefined;
      });
      expect(status).toMatchObject({ state: 'primary+old', contradiction: null, primary: { version: '0.9', weight: 100, desired: 2 }, old: { version: '1.0', rolledBack: true } });
    }),
  ));

test('a rollout that another run was faster than leaves that run alone', () =>
  withFolder({}, (dir) =>
    withProject(async (project) => {
      const release = await openRelease(project, () => undefined);
      const never = join(dir, 'never');
      await update(release, await push(release, '0.9', never), OPTIONS);
      const [first, second] = [await push(release, '1.0', never), await push(release, '1.1', never)];
      const slower = await prepareRollout(release, second, OPTIONS);
      await (await prepareRollout(release, first, OPTIONS)).run();

      await expect(slower.run()).rejects.toMatchObject({ exitCode: ExitCode.locked });
      const status = statusOf(await observe(release.aws, release.place));
      expect(status).toMatchObject({ state: 'primary+canary', canary: { version: '1.0', desired: 2, healthy: 2 } });
    }),
  ));
