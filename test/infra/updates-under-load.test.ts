/** What `build-infra` changes under users: no weight moves, and no request fails, whatever becomes of the stacks. */
import { createServer } from 'node:net';
import type { ListenerRule } from '../../src/aws/elbv2.ts';
import { buildInfra } from '../../src/infra/build-infra.ts';
import { prepareRollout, preparePromote, prepareRoute } from '../../src/release/operations.ts';
import { freePort } from '../../src/sandbox/dataplane/free-port.ts';
import { startLoad } from '../e2e/load.ts';
import { openRelease, OPTIONS, push, SETTINGS } from '../release/deployment.ts';
import { type Project, withProject } from './project.ts';

const CONNECTIONS = 4;
const CERTIFICATE = 'arn:aws:acm:eu-central-1:000000000000:certificate/0a1b2c3d-1234-5678-9abc-0123456789ab';

test.each([
  ['at 50/50', [50, 50]],
  ['after a promotion', [0, 100]],
] as const)('attributes of the target groups, an update that is rolled back, a certificate: %s', (_, weights) =>
  withProject(async (project) => {
    const release = await openRelease(project, () => undefined);
    const rollout = async (version: string) => (await prepareRollout(release, await push(release, version), OPTIONS)).run();
    await rollout('1');
    await rollout('2');
    await (await prepareRoute(release, { ...OPTIONS, percent: 50, noScale: false, scaleDown: false })).run();
    if (weights[1] === 100) await (await preparePromote(release, { ...OPTIONS, noScale: false })).run();
    const load = startLoad([`http://127.0.0.1:${project.ports[0]}/`], CONNECTIONS);
    try {
      await load.sample(50);
      await changeAll(project, weights);
      await load.sample(50);
    } finally {
      const { requests, failures } = await load.end();
      expect(failures).toEqual([]);
      expect(requests).toBeGreaterThan(200);
    }
  }, { speed: 20 }), 240_000);

/** One after the other; after each of them every rule of the pair has the weights. */
async function changeAll(project: Project, weights: readonly [number, number]): Promise<void> {
  const update = (variables: Record<string, string>) => buildInfra(project.session({ ...SETTINGS, ...variables }).session, async () => undefined);
  await update({ DEREGISTRATION_DELAY: '11', HEALTH_CHECK_PATH: '/ping?deep', UNHEALTHY_THRESHOLD: '3' });
  expect(await weightsOf(project)).toEqual([weights]);
  await withTakenPort((port) => expect(update({ LISTENER_PORT: port })).rejects.toMatchObject({ code: 'stack-failed', message: expect.stringContaining('UPDATE_ROLLBACK_COMPLETE') }));
  expect(await weightsOf(project)).toEqual([weights]);
  await update({ CERTIFICATE_ARN: CERTIFICATE, HTTPS_LISTENER_PORT: String(await freePort()) });
  // The rule of the HTTP listener stays, and the one of the HTTPS listener is like it.
  expect(await weightsOf(project)).toEqual([weights, weights]);
}

/** A listener can not move there: the update of the base fails. */
async function withTakenPort(action: (port: string) => Promise<void>): Promise<void> {
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  const address = holder.address();
  try {
    await action(String(typeof address === 'object' ? address?.port : ''));
  } finally {
    await new Promise((resolve) => holder.close(resolve));
  }
}

async function weightsOf({ aws }: Project): Promise<(number[] | undefined)[]> {
  const { PublicListenerArn = '', PublicHttpsListenerArn } = (await aws.stacks.describe('fleet'))?.outputs ?? {};
  const rules: ListenerRule[] = await aws.loadBalancing.rules([PublicListenerArn, ...(PublicHttpsListenerArn ? [PublicHttpsListenerArn] : [])]);
  return rules.filter(({ isDefault }) => !isDefault).map(({ forward }) => forward?.map(({ weight }) => weight));
}
