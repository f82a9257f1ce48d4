/** The whole way of a version, with tasks that are real processes behind a real load balancer. */
import { connectAws } from '../../src/aws/aws.ts';
import { CanaryError, ExitCode } from '../../src/errors.ts';
import { logWriter, readLog } from '../../src/release/log.ts';
import { factsOf } from '../../src/release/log-entry.ts';
import { pairAt } from '../../src/release/model.ts';
import { observe } from '../../src/release/observe.ts';
import { type Release, prepareDestroyOld, prepareRollback, prepareRollout } from '../../src/release/operations.ts';
import { statusOf } from '../../src/release/status.ts';
import { update } from '../../src/release/update.ts';
import { poll, systemClock } from '../../src/time.ts';
import { fakeClock } from '../fake-clock.ts';
import { faultyEndpoint } from '../faulty-endpoint.ts';
import { REGION, withProject } from '../infra/project.ts';
import { OPTIONS, openRelease, push } from './deployment.ts';

test('interrupted during a hold, and told to go back, it takes everybody to the old version first: exit 3', () =>
  withProject(async (project) => {
    let interrupt = new AbortController();
    let at = 50;
    const release = await openRelease(project, (event) => {
      const reached = event.type === 'route-updated' ? event.percent === at : event.type === 'tasks-started' && at === 0;
      if (reached) interrupt.abort(new CanaryError({ code: 'interrupted', message: 'Interrupted.', exitCode: ExitCode.interrupted }));
    });
    const interruptible: Release = { ...release, wait: () => ({ ...release.wait(), signal: interrupt.signal }) };
    at = Infinity;
    await update(release, await push(release, '0.9'), OPTIONS);
    const next = await push(release, '1.0');
    const options = { ...OPTIONS, hold: 60_000, onInterrupt: 'rollback' } as const;
    at = 50;
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
    at = 0;
    await expect(update(interruptible, next, options)).rejects.toMatchObject({
      code: 'interrupted',
      exitCode: ExitCode.interrupted,
      usersAre: 'on 0.9 with 100% of the traffic.',
    });
  }));

test('credentials that expire during a hold end it at once: exit 4, with what it last knew, and the same command carries on', () =>
  withProject(async (project) => {
    const endpoint = await faultyEndpoint(project.sandbox.url);
    try {
      const release = await openRelease(project, (event) => {
        if (event.type === 'pause' && event.text.startsWith('Holding at 50%')) endpoint.order('*', { error: 'ExpiredTokenException' }, { times: Infinity });
      });
      await update(release, await push(release, '0.9'), OPTIONS);
      const next = await push(release, '1.0');
      // A process that is gone by the time of the second run.
      const author = { ...release.author, pid: 2 ** 22 + 1 };
      const through = { ...release, author, aws: connectAws({ region: REGION, endpointUrl: endpoint.url }) };
      await expect(update(through, next, { ...OPTIONS, hold: 60_000 })).rejects.toMatchObject({
        code: 'bad-credentials',
        exitCode: ExitCode.paused,
        usersAre: 'on 1.0 with 50% of the traffic, and on the version before with the rest, when AWS last answered.',
        next: expect.stringMatching(/^renew the credentials .* then run the same command again$/),
      });
      endpoint.forget();
      expect(await update(release, next, OPTIONS)).toMatchObject({ outcome: 'promoted' });
    } finally {
      await endpoint.close();
    }
  }));

test.each([
  ['with the old version still to be destroyed', '0.9'],
  ['with nothing left to be done', undefined],
])('after a run that died holding the pair, %s, it ends well and the pair is free', (_left, destroyed) =>
  withProject(async (project) => {
    const release = await openRelease(project, () => undefined);
    await update(release, await push(release, '0.9'), OPTIONS);
    const next = await push(release, '1.0');
    await update(release, next, { ...OPTIONS, destroyOld: !destroyed });
    const [pair, dead] = [pairAt(release.place), { ...release.author, pid: 2 ** 22 + 1 }];
    for (const entry of (await readLog(release.aws.parameters, pair)).slice(-1)) {
      await logWriter(release.aws.parameters, pair, dead, entry.number, systemClock).append(factsOf(entry));
    }

    expect(await update(release, next, { ...OPTIONS, destroyOld: true })).toEqual({ version: '1.0', outcome: 'already', destroyed });
    expect((await readLog(release.aws.parameters, pair)).at(-1)).toMatchObject({ ended: expect.any(String) });
  }));

test('interrupted before it tried anything, it does not go back behind the version that was promoted before', () =>
  withProject(async (project) => {
    const release = await openRelease(project, () => undefined);
    await update(release, await push(release, '0.9'), OPTIONS);
    await update(release, await push(release, '1.0'), OPTIONS);
    const interruption = new CanaryError({ code: 'interrupted', message: 'Interrupted.', exitCode: ExitCode.interrupted });
    const interrupted: Release = { ...release, wait: () => ({ ...release.wait(), signal: AbortSignal.abort(interruption) }) };
    await expect(update(interrupted, await push(release, '2.0'), { ...OPTIONS, onInterrupt: 'rollback' })).rejects.toMatchObject({
      code: 'interrupted',
      exitCode: ExitCode.interrupted,
      usersAre: 'on 1.0 with 100% of the traffic.',
    });
    const seen = statusOf(await observe(release.aws, release.place));
    expect(seen).toMatchObject({ state: 'primary+old', primary: { version: '1.0', weight: 100 }, old: { version: '0.9', rolledBack: false } });
  }));

test('a stop that reaches AWS only after a rollback took the pair is taken back: nobody is left on tasks that end', () =>
  withProject(async (project) => {
    const release = await openRelease(project, () => undefined);
    await update(release, await push(release, '0.9'), OPTIONS);
    await update(release, await push(release, '1.0'), OPTIONS);

    const late = await faultyEndpoint(project.sandbox.url);
    let goingBack: Promise<unknown> = Promise.resolve();
    try {
      // Waiting takes no time here: the exit goes on looking for late writes after it has taken the pair.
      const exit = { ...release, wait: () => ({ ...release.wait(), clock: fakeClock(), deadline: 60_000, pollInterval: 5_000 }) };
      late.order('UpdateService', () => (goingBack = prepareRollback(exit, { force: false, breakStickiness: false }).then((rollback) => rollback.run())));
      const destroying = { ...release, aws: connectAws({ region: REGION, endpointUrl: late.url }) };
      await expect((await prepareDestroyOld(destroying, { acceptDrift: false })).run()).rejects.toMatchObject({ exitCode: ExitCode.locked });
      await goingBack;
    } finally {
      await late.close();
    }
    const status = await poll('0.9 to be healthy again', release.wait(), async () => {
      const seen = statusOf(await observe(release.aws, release.place));
      return seen.primary?.healthy === 2 ? seen : undefined;
    });
    expect(status).toMatchObject({ state: 'primary+old', contradiction: null, primary: { version: '0.9', weight: 100, desired: 2 }, old: { version: '1.0', rolledBack: true } });
  }));

test('a rollout that another run was faster than leaves that run alone', () =>
  withProject(async (project) => {
    const release = await openRelease(project, () => undefined);
    await update(release, await push(release, '0.9'), OPTIONS);
    const [first, second] = [await push(release, '1.0'), await push(release, '1.1')];
    const slower = await prepareRollout(release, second, OPTIONS);
    await (await prepareRollout(release, first, OPTIONS)).run();

    await expect(slower.run()).rejects.toMatchObject({ exitCode: ExitCode.locked });
    const status = statusOf(await observe(release.aws, release.place));
    expect(status).toMatchObject({ state: 'primary+canary', canary: { version: '1.0', desired: 2, healthy: 2 } });
  }));
