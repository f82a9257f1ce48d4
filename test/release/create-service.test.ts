/** The first service of an account: ECS can not use its own role yet. */
import type { EcsService, NewService } from '../../src/aws/ecs.ts';
import { createService } from '../../src/release/create-service.ts';
import { fakeClock } from '../fake-clock.ts';

const SERVICE: NewService = {
  cluster: 'echo', name: 'server-blue', taskDefinition: 'server:1', desired: 2, targetGroupArn: 'arn', container: 'server', containerPort: 8080,
  subnets: [], securityGroups: [], assignPublicIp: true, gracePeriod: 60, tags: {},
};
const MADE: EcsService = {
  name: 'server-blue', status: 'ACTIVE', controller: 'ECS', strategy: 'ROLLING', taskDefinition: 'server:1', desired: 2, running: 0, pending: 0,
  targetGroupArns: [], endpoint: undefined, subnets: [], deployment: undefined, events: [], tags: {},
};
const ROLE = Object.assign(new Error('Unable to assume the service linked role. Please verify that the ECS service linked role exists.'), { name: 'InvalidParameterException' });

/** An AWS that answers with these errors first, and what came of it. */
async function create(failures: readonly Error[], ensureNewest: () => Promise<void> = () => Promise.resolve()) {
  const clock = fakeClock();
  let calls = 0;
  const refuseOrMake = () => {
    const failure = failures[calls];
    calls += 1;
    return failure ? Promise.reject(failure) : Promise.resolve(MADE);
  };
  const wait = { clock, signal: new AbortController().signal, deadline: 900_000, pollInterval: 2_000 };
  const made = await createService(SERVICE, { aws: { containers: { createService: refuseOrMake } }, log: { ensureNewest }, wait })
    .catch((error: unknown) => error);
  return { made, calls, after: clock.now() };
}

test('a role that was just made is waited for', async () => {
  expect(await create([ROLE, ROLE, ROLE])).toEqual({ made: MADE, calls: 4, after: 6_000 });
});

test('for a minute, and then AWS is shown', async () => {
  const { made, after } = await create(Array.from({ length: 100 }, () => ROLE));
  expect([made, after]).toEqual([ROLE, 60_000]);
});

test('no other refusal is', async () => {
  const other = Object.assign(new Error('Container port should be between 1 and 65535'), { name: 'InvalidParameterException' });
  expect(await create([other])).toEqual({ made: other, calls: 1, after: 0 });
});

test('not when another run took the pair meanwhile', async () => {
  const locked = new Error('locked');
  let looks = 0;
  expect(await create([ROLE], () => (++looks > 1 ? Promise.reject(locked) : Promise.resolve()))).toMatchObject({ made: locked, calls: 1 });
});
