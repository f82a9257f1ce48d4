/** The built program goes back where it cannot ask what it usually asks first. */
import { cli } from '../cli/spawn.ts';
import type { Fault } from '../faulty-endpoint.ts';
import { withFleet } from '../release/fleet.ts';

const ALWAYS = Number.POSITIVE_INFINITY;
/** ms */
const SLOW_MACHINE = 120_000;

test('STS and CloudFormation, out of reach or denied, keep nobody from a rollback; a route upwards stops there', () =>
  withFleet('half', async ({ release, endpoint, env, green }) => {
    const order = (operation: string, fault: Fault) => endpoint.order(operation, fault, { times: ALWAYS });
    const run = (...args: string[]) => cli(args, { env });

    order('GetCallerIdentity', 'cut-before');
    expect(await run('route', '--canary', '60')).toMatchObject({ code: 1, stderr: expect.stringContaining('AWS could not be reached for sts:GetCallerIdentity') });
    expect(await run('rollback')).toMatchObject({ code: 0, stdout: expect.stringContaining('All traffic is on 0.9. 1.0 is rolled back') });
    expect(await green()).toEqual([0]);
    // Who somebody is says nothing about what the program is told to change.
    expect(await cli(['rollback'], { env: { ...env, AWS_ACCOUNT_ID: '000000000001' } })).toMatchObject({ code: 2, stderr: expect.stringContaining('belong to account 000000000000') });

    endpoint.forget();
    expect(await run('rollout', '--tag', '1.0')).toMatchObject({ code: 0 });
    expect(await run('route', '--canary', '50')).toMatchObject({ code: 0 });
    order('DescribeStacks', { error: 'AccessDenied' });
    const { code, stderr } = await run('rollback');
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('so the target groups are those of the ECS services: AWS denied cloudformation:DescribeStacks') });
    expect(await green()).toEqual([0]);

    order('DescribeServices', { error: 'AccessDeniedException' });
    const { targetGroups } = release.place;
    expect(await run('rollback')).toMatchObject({ code: 1, stderr: expect.stringContaining('ecs-canary route --canary 0 --primary-target-group <ARN>') });
    expect(await run('route', '--canary', '0', '--primary-target-group', targetGroups.blue, '--canary-target-group', targetGroups.green)).toMatchObject({ code: 0 });
  }), SLOW_MACHINE);
