/** What somebody reads to whom AWS denied something. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { runProgram } from '../../src/cli/program.ts';
import { withFolder } from '../folder.ts';
import { withProject } from '../infra/project.ts';
import { filesOf } from '../release/deployment.ts';
import { newFolder } from '../sandbox/running.ts';

/** Types a command as the user of that access key. */
async function type(user: string, args: readonly string[], env: Record<string, string>): Promise<{ code: number; err: string }> {
  process.env['AWS_ACCESS_KEY_ID'] = user;
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await runProgram(args, { stdin: new PassThrough(), stdout, stderr, env }, '0');
  stdout.end();
  stderr.end();
  await text(stdout);
  return { code, err: await text(stderr) };
}

function mayOnly(user: string, ...actions: string[]): string {
  const file = join(newFolder(), `${user}.json`);
  writeFileSync(file, JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }] }));
  return `${user}=${file}`;
}

const READS = ['cloudformation:Describe*', 'ecr:Describe*', 'ecr:GetAuthorizationToken'];

test('a call, a resource of a stack and a request of a push that are denied name the action, and the policy to look at', async () => {
  const policies = [mayOnly('guest', 'sts:*'), mayOnly('stacker', 'cloudformation:*'), mayOnly('reader', ...READS), mayOnly('asker', ...READS, 'ecr:Batch*')];
  await withProject(async ({ variables }) => {
    const guest = await type('guest', ['--verbose', 'build-infra'], variables());
    expect(guest.code).toBe(1);
    expect(guest.err).toContain('AWS denied cloudformation:DescribeStacks: User: arn:aws:iam::000000000000:user/guest is not authorized to perform: cloudformation:DescribeStacks on resource: ');
    expect(guest.err).toContain('Next: allow cloudformation:DescribeStacks for this identity, then run the same command again\nPermissions: docs/iam/infra.json has those that this command needs.\n');

    const stacker = await type('stacker', ['build-infra'], variables());
    expect(stacker.code).toBe(1);
    expect(stacker.err).toMatch(/Error: Stack fleet could not be made: .*user\/stacker is not authorized to perform: \S+ on resource: .*\n(.*\n)*Permissions: docs\/iam\/infra\.json/);

    await type('admin', ['destroy-infra', '--yes'], variables());
    expect((await type('admin', ['build-infra'], variables())).code).toBe(0);
    const push = (user: string) => withFolder(filesOf('1', ''), (path) => type(user, ['push', path, '--tag', '1'], variables()));
    expect((await push('reader')).err).toMatch(/answered 403 while looking for the tag\n(.*\n)*Permissions: docs\/iam\/deploy\.json/);
    const asker = await push('asker');
    expect(asker.code).toBe(1);
    expect(asker.err).toMatch(/Error: .*answered 403 while .*: DENIED User: .* is not authorized to perform: ecr:\w+ on resource: .*repository\/fleet\/server because .*\n(.*\n)*Permissions: docs\/iam\/deploy\.json/);

    expect((await type('guest', ['status'], variables())).err).toContain('Permissions: docs/iam/read-only.json');
  }, { policies });
}, 120_000);
