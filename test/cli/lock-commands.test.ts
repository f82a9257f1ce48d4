/** `history`, `unlock` and what `status` says of the lock: run in this process, against a parameter store with a log in it. */
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { connectAws } from '../../src/aws/aws.ts';
import { author } from '../../src/cli/author.ts';
import { runProgram } from '../../src/cli/program.ts';
import { buildInfra } from '../../src/infra/build-infra.ts';
import { describePlace } from '../../src/infra/describe-infra.ts';
import { type Author, type LogWriter, logWriter, readLog } from '../../src/release/log.ts';
import type { NewEntry } from '../../src/release/log-entry.ts';
import type { Pair } from '../../src/release/model.ts';
import { fakeClock } from '../fake-clock.ts';
import { REGION, withProject } from '../infra/project.ts';
import { start } from '../sandbox/running.ts';

const arn = (name: string) => `arn:aws:elasticloadbalancing:${REGION}:000000000000:targetgroup/${name}/0123456789abcdef`;
const groups: Pair = { primary: arn('blue'), canary: arn('green') };
const byArn = ['--primary-target-group', groups.primary, '--canary-target-group', groups.canary];
const job: Author = { by: 'ci@runner-7 (https://ci.example/jobs/1)', command: `update --tag 1.1 --steps 1,2,3,4,5,10,20,50,100 --hold 10m`, host: 'runner-7', pid: 7 };

let endpoint: string;
beforeEach(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  endpoint = (await start()).url;
});

const parametersAt = (url: string) => connectAws({ region: REGION, endpointUrl: url }).parameters;
const writer = (newest: number, who: Author = job, pair = groups, url = endpoint): LogWriter => logWriter(parametersAt(url), pair, who, newest, fakeClock());
const log = () => readLog(parametersAt(endpoint), groups);

const entry = (percent: number, before: number, pair = groups): NewEntry => ({
  primary: pair.primary,
  other: { targetGroup: pair.canary, role: 'canary', version: '1.1' },
  percent,
  tasks: 2,
  before: { 'arn:rule/1': [100 - before, before], 'arn:rule/2': [100, 0] },
});

/** Somebody who types `keys` on a terminal; without keys there is no terminal. */
async function run(args: readonly string[], { keys, env = {} }: { keys?: string; env?: Record<string, string> } = {}) {
  const stream = () => Object.assign(new PassThrough(), { isTTY: keys !== undefined });
  const [stdin, stdout, stderr] = [stream(), stream(), stream()];
  stdin.write(keys ?? '');
  const code = await runProgram(args, { stdin, stdout, stderr, env: { AWS_DEFAULT_REGION: REGION, AWS_ENDPOINT_URL: endpoint, ...env } }, '0');
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

describe('history', () => {
  test('of nothing says so', async () => {
    expect(await run(['history', ...byArn])).toEqual({ code: 0, stdout: 'Nothing was done with this pair yet: its release log is empty.\n', stderr: '' });
    expect(JSON.parse((await run(['history', '--json', ...byArn])).stdout)).toEqual({ schemaVersion: 1, entries: [] });
  });

  test('is a table of at most 80 columns: who did what when, and how it ended', async () => {
    const first = writer(0);
    await first.append(entry(5, 0));
    await first.append(entry(50, 5));
    const emergency = writer(2, { ...job, by: 'operator-with-a-long-name@desk', command: 'rollback' });
    await emergency.takeOver(entry(0, 50));
    await emergency.release();
    await writer(3, { ...job, command: 'route --canary 100' }).append(entry(100, 0));
    const { stdout } = await run(['history', ...byArn]);
    const [heading, ...lines] = stdout.trimEnd().split('\n');
    expect(heading).toMatch(/^ +when \(UTC\) +by +command +share$/);
    const when = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d`;
    expect(lines).toEqual([
      expect.stringMatching(new RegExp(`^1  ${when}  ci@runner-7 +update --tag 1\\..*…  1.1 0% → 5% +carried on$`)),
      expect.stringMatching(new RegExp(`^2  ${when}  ci@runner-7 +update --tag 1\\..*…  1.1 5% → 50% +taken over$`)),
      expect.stringMatching(new RegExp(`^3  ${when}  operator-with…  rollback +1.1 50% → 0% +ended$`)),
      expect.stringMatching(new RegExp(`^4  ${when}  ci@runner-7 +route --canary.*…  1.1 0% → 100%  at work$`)),
    ]);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test('with --json is every entry with all it says, oldest first', async () => {
    await writer(0).append({ ...entry(5, 0), other: undefined, before: {} });
    await writer(1).append(entry(50, 5));
    const { entries } = JSON.parse((await run(['history', '--json', ...byArn])).stdout);
    expect(entries).toEqual([
      { number: 1, at: expect.stringMatching(/^\d{4}-/), by: job.by, command: job.command, primary: groups.primary, other: null, before: null, percent: 5, state: 'carried-on' },
      expect.objectContaining({ number: 2, other: { targetGroup: groups.canary, role: 'canary', version: '1.1' }, before: 5, percent: 50, state: 'at-work' }),
    ]);
  });
});

describe('unlock', () => {
  test('of a pair that nobody holds says so, and writes nothing', async () => {
    expect(await run(['unlock', ...byArn])).toEqual({ code: 0, stdout: 'Nobody holds this pair.\n', stderr: `Region ${REGION}, endpoint ${endpoint}\n` });
    expect(await log()).toEqual([]);
  });

  test('asks, and with consent the holder has lost the pair', async () => {
    const held = writer(0);
    await held.append(entry(50, 0));
    const { code, stdout, stderr } = await run(['unlock', ...byArn], { keys: 'y\n' });
    expect({ code, stdout }).toEqual({ code: 0, stdout: `Unlocked: "${job.command}" by ${job.by} stops before its next write, if it still runs.\n` });
    const since = (await log())[0]?.at;
    expect(stderr).toContain(`${job.by} holds this pair with "${job.command}" since ${since}, last heard of at ${since}. Take the pair from it? [y/N] `);
    await expect(held.ensureNewest()).rejects.toMatchObject({ code: 'locked' });
    expect(await log()).toMatchObject([{ number: 1 }, { number: 2, percent: 50, command: expect.stringMatching(/^unlock /) }]);
    expect(await run(['unlock', ...byArn])).toMatchObject({ code: 0, stdout: 'Nobody holds this pair.\n' });
  });

  test('says whether the holder’s process on this machine still runs', async () => {
    const { host } = author({}, 'promote');
    await writer(0, { ...job, host, pid: process.ppid }).append(entry(50, 0));
    expect(await run(['unlock', ...byArn], { keys: 'n\n' })).toMatchObject({ code: 1, stderr: expect.stringContaining(`its process ${process.ppid} on this machine still runs. Take`) });
  });

  test('without consent, without a terminal, or with --dry-run changes nothing', async () => {
    await writer(0).append(entry(50, 0));
    const before = await log();
    expect(await run(['unlock', ...byArn], { keys: 'n\n' })).toMatchObject({ code: 1, stdout: '' });
    expect(await run(['unlock', ...byArn])).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
    expect(await run(['unlock', '--dry-run', ...byArn])).toMatchObject({ code: 0, stdout: expect.stringContaining('  1. take the pair from ci@runner-7 ') });
    expect(await log()).toEqual(before);
  });

  test('with --yes and --json says whom the pair was taken from', async () => {
    await writer(0).append(entry(50, 0));
    const { code, stdout } = await run(['unlock', '--yes', '--json', ...byArn]);
    expect({ code, ...JSON.parse(stdout) }).toEqual({ code: 0, schemaVersion: 1, unlocked: { by: job.by, command: job.command, since: (await log())[0]?.at } });
    expect(JSON.parse((await run(['unlock', '--json', ...byArn])).stdout)).toEqual({ schemaVersion: 1, unlocked: null });
  });
});

test.each([
  ['one group alone', ['--canary-target-group', groups.canary], /go together/],
  ['the same group twice', ['--canary-target-group', groups.canary, '--primary-target-group', groups.canary], /are the same group/],
  ['something else than a group', ['--canary-target-group', 'green', '--primary-target-group', groups.primary], /"green" is not the ARN of a target group/],
])('%s is wrong usage: exit 2', async (_what, args, message) => {
  for (const command of ['history', 'unlock']) {
    expect(await run([command, ...args])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
  }
});

test('without groups they are about the project’s pair, and status names its holder', () =>
  withProject(async (project) => {
    const { session, settings } = project.session();
    await buildInfra(session);
    const { blue, green } = (await describePlace(project.aws, settings, settings.service.name)).targetGroups;
    const env = { PROJECT_NAME: 'fleet', AWS_ACCOUNT_ID: '000000000000', AWS_ENDPOINT_URL: project.sandbox.url };
    expect(JSON.parse((await run(['status', '--json'], { env })).stdout)).toMatchObject({ holder: null });

    const pair = { primary: blue, canary: green };
    const held = writer(0, job, pair, project.sandbox.url);
    await held.append(entry(0, 0, pair));
    const [first] = await readLog(project.aws.parameters, pair);
    expect(JSON.parse((await run(['status', '--json'], { env })).stdout)).toMatchObject({
      holder: { by: job.by, command: job.command, since: first?.at, renewed: first?.renewed },
    });
    expect((await run(['status'], { env })).stdout).toContain(`\nLocked: ${job.by} holds this pair with "${job.command}" since ${first?.at}, last heard of at ${first?.renewed}.\n`);
    expect(await run(['history'], { env })).toMatchObject({ code: 0, stdout: expect.stringContaining('at work') });
    expect(await run(['unlock', '--yes'], { env })).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Unlocked: /) });
    await expect(held.ensureNewest()).rejects.toMatchObject({ code: 'locked' });
  }));
