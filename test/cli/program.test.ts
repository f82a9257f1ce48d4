/** The command line from outside: help, wrong usage, exit codes, what goes to which stream. Nothing here reaches AWS. */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { commands } from '../../src/cli/commands.ts';
import { globalOptions } from '../../src/cli/global-options.ts';
import { ALL_ATTEMPTS, faultyEndpoint } from '../faulty-endpoint.ts';
import { cli } from './spawn.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const SETTINGS = { PROJECT_NAME: 'echo', AWS_DEFAULT_REGION: 'eu-west-1', AWS_ACCOUNT_ID: '123456789012' };

describe('asked for help', () => {
  test('the program names its version and nothing else', async () => {
    expect(await cli(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('it names every command with what it does', async () => {
    const { code, stdout } = await cli(['--help']);
    expect(code).toBe(0);
    for (const [path, { summary }] of commands) {
      expect(stdout).toMatch(new RegExp(`^  ${path[0]}\\b`, 'm'));
      if (path.length === 1) expect(stdout.replaceAll(/\s+/g, ' ')).toContain(summary);
    }
  });

  test.each(commands.map(([path, command]) => [path.join(' '), command] as const))('%s names each of its options and an example', async (path, command) => {
    const { code, stdout, stderr } = await cli([...path.split(' '), '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const shown = stdout.replaceAll(/\s+/g, ' ');
    for (const { flags, description } of [...command.options, ...globalOptions()]) {
      expect(shown).toContain(flags);
      expect(shown).toContain(description.replaceAll(/\s+/g, ' '));
    }
    for (const example of command.examples) expect(stdout).toContain(`  $ ${example}`);
    expect(command.examples.length).toBeGreaterThan(0);
  });
});

describe('wrong usage ends 2 with one message on stderr, before any setting or AWS is asked:', () => {
  const ARN = 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/one/0123456789abcdef';
  test.each([
    ['an unknown command', ['sail'], /^Error: Unknown command 'sail'\.\nNext: ecs-canary --help\n$/],
    ['a misspelt command', ['rolout'], /Did you mean rollout\?/],
    ['an unknown option', ['status', '--anchor'], /^Error: Unknown option '--anchor'\.\nNext: ecs-canary status --help\n$/],
    ['a switch with a value', ['build-infra', '--self-signed=maybe'], /^Error: --self-signed takes no value\.\nNext: ecs-canary build-infra --help\n$/],
    ['an option without its value', ['route', '--canary'], /'--canary <percent>' argument missing/],
    ['an argument too many', ['promote', 'now'], /[Tt]oo many arguments/],
    ['a percentage beyond 100', ['route', '--canary', '150'], /--canary is "150": it should be a whole number from 0 to 100/],
    ['no number', ['route', '--canary', 'abc'], /--canary is "abc"/],
    ['a negative number', ['route', '--primary=-1'], /--primary is "-1"/],
    ['a fraction', ['route', '--canary', '0.5'], /--canary is "0.5"/],
    ['no percentage', ['route'], /--canary is missing/],
    ['both percentages', ['route', '--canary', '50', '--primary', '50'], /say the same thing/],
    ['one target group of two', ['route', '--canary', '5', '--canary-target-group', ARN], /go together/],
    ['the same target group twice', ['route', '--canary', '5', '--canary-target-group', ARN, '--primary-target-group', ARN], /are the same group/],
    ['something else than a target group', ['route', '--canary', '5', '--canary-target-group', ARN, '--primary-target-group', 'blue'], /"blue" is not the ARN of a target group/],
    ['something else after an interruption', ['promote', '--on-interrupt', 'cry'], /--on-interrupt is "cry": it should be stop or rollback\./],
    ['update without a tag', ['update'], /--tag is missing/],
    ['a bound that may be a share or a percentage', ['update', '--tag', '1', '--max-5xx', '1'], /--max-5xx is "1": it should be a percentage from 0% to below 100%, such as 1% or 0\.5%, or none\.\nNext: ecs-canary update --help/],
    ['a bound that is an empty variable', ['update', '--tag', '1', '--max-5xx='], /--max-5xx is "": it should be a percentage/],
    ['a statistic that nobody reports', ['update', '--tag', '1', '--max-latency', 'p42=1s'], /--max-latency is "p42=1s": it should be a statistic \(avg, p50, p90, p95, p99, p99\.9\) and a time, such as p99=500ms or avg=0\.2s, or none\./],
    ['a tag that no registry takes', ['push', '--tag', 'a/b'], /--tag is "a\/b"/],
    ['a task definition that is not there', ['rollout', '--task-definition', '/nowhere.json'], /\/nowhere\.json cannot be read: ENOENT/],
    ['a malformed --timeout', ['status', '--timeout', 'soon'], /--timeout is "soon": it should be a duration such as 90s or 10m/],
    ['--dry-run of what is no command to AWS', ['sandbox', 'stop', '--dry-run'], /sandbox stop takes no --dry-run/],
    ['probe without a URL', ['probe'], /--url is missing/],
    ['probe of no web address', ['probe', '--url', 'ftp://127.0.0.1/'], /--url is "ftp:\/\/127\.0\.0\.1\/": it should begin with http:\/\/ or https:\/\//],
    ['probe without requests', ['probe', '--url', 'http://127.0.0.1', '-n', '0'], /--requests is "0"/],
    ['a pattern without a group', ['probe', '--url', 'http://127.0.0.1', '--pattern', 'Version'], /--pattern has 0 groups/],
    ['a pattern that is none', ['probe', '--url', 'http://127.0.0.1', '--pattern', '('], /--pattern is "\("/],
    ['a malformed port', ['sandbox', 'start', '--port', '65536'], /--port is "65536"/],
    ['an unknown runner', ['sandbox', 'start', '--runner', 'lxc'], /--runner is "lxc": it should be process, docker or podman/],
    ['no settings', ['build-infra'], /PROJECT_NAME is missing/],
    ['malformed --steps', ['update', '--tag', '1.0', '--steps', 'fifty,100'], /STEPS is "fifty,100": it should be rising percentages/],
  ] as const)('%s', async (_what, args, message) => {
    const { code, stdout, stderr } = await cli(args, { env: args[0] === 'update' ? SETTINGS : {} });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^Error: [^\n]*[.?]\n/);
    expect(stderr.match(/Error:/g)).toHaveLength(1);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

test('without a command it shows its help, and that it lacks one: exit 2', async () => {
  const { code, stdout, stderr } = await cli([]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^Usage: ecs-canary[\s\S]*\nError: No command was given\.\nNext: ecs-canary --help\n$/);
});

describe('with --json', () => {
  test.each([
    ['an error of usage', ['route', '--canary', '150', '--json'], {}],
    ['an error of the command line', ['status', '--anchor', '--json'], {}],
    ['an error of settings, asked for by the variable', ['status'], { ECS_CANARY_JSON: '1' }],
    ['an error of the command line, asked for by the variable', ['status', '--anchor'], { ECS_CANARY_JSON: '1' }],
  ])('%s is one object on stdout, and words on stderr', async (_what, args, env) => {
    const { code, stdout, stderr } = await cli(args, { env });
    expect(code).toBe(2);
    const answer = JSON.parse(stdout);
    expect(answer).toEqual({ schemaVersion: 1, error: { code: 'usage', message: expect.any(String), usersAre: null, next: expect.any(String) } });
    expect(stderr).toContain(answer.error.message);
    expect(stdout.trimEnd()).not.toContain('\n');
  });

  test('an answer is one object on stdout and nothing else', async () => {
    const { code, stdout, stderr } = await cli(['sandbox', 'status', '--dir', '/nowhere', '--json']);
    expect({ code, answer: JSON.parse(stdout) }).toEqual({ code: 0, answer: { schemaVersion: 1, running: false } });
    expect(stderr).not.toBe('');
  });
});

describe('a switch by its variable', () => {
  const stdoutOf = async (value: string) => (await cli(['status'], { env: { ECS_CANARY_JSON: value } })).stdout;

  test.each(['1', 'true', 'yes'])('is on with %s', async (value) => {
    expect(await stdoutOf(value)).toMatch(/^\{/);
  });

  test.each(['0', 'false', 'no', ''])('is off with "%s"', async (value) => {
    expect(await stdoutOf(value)).toBe('');
  });

  test('that is off is no consent', async () => {
    expect(await cli(['sandbox', 'reset', '--dir', '/nowhere'], { env: { ECS_CANARY_YES: '0' } })).toMatchObject({ code: 2, stderr: expect.stringContaining('needs --yes') });
  });
});

test('an option with a value has its variable, and the flag beats it', async () => {
  const env = { ECS_CANARY_CANARY: '150' };
  expect((await cli(['route'], { env })).stderr).toContain('--canary is "150"');
  expect((await cli(['route', '--canary', '200'], { env })).stderr).toContain('--canary is "200"');
});

test('consent cannot be asked for without a terminal: the command to type is named', async () => {
  expect(await cli(['sandbox', 'reset', '--dir', '/nowhere'])).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('Next: ecs-canary sandbox reset --dir /nowhere --yes'),
  });
});

test('where an error comes from is shown with --verbose only', async () => {
  expect((await cli(['route', '--canary', '150'])).stderr).not.toMatch(/^\s+at /m);
  expect((await cli(['route', '--canary', '150', '--verbose'])).stderr).toMatch(/^\s+at /m);
});

test('a reader that has gone is no error', async () => {
  expect(await cli(['--help'], { closedStdout: true })).toMatchObject({ code: 0, stderr: '' });
});

describe('AWS that does not answer as hoped:', () => {
  const KEYS = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };

  test('nobody listens: exit 1, with the call that could not be made', async () => {
    expect(await cli(['status'], { env: { ...SETTINGS, ...KEYS, AWS_ENDPOINT_URL: 'http://127.0.0.1:1' } })).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^Error: AWS could not be reached for sts:GetCallerIdentity: .*ECONNREFUSED.*\nNext: check the network/),
    });
  });

  test('its connections keep breaking: exit 1, once the call was made as often as makes sense', async () => {
    const endpoint = await faultyEndpoint('http://127.0.0.1:1');
    endpoint.order('GetCallerIdentity', 'cut-before', { times: ALL_ATTEMPTS });
    try {
      const { code, stderr } = await cli(['status'], { env: { ...SETTINGS, ...KEYS, AWS_ENDPOINT_URL: endpoint.url } });
      expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Error: AWS could not be reached for sts:GetCallerIdentity: socket hang up/) });
      expect(endpoint.calls).toHaveLength(ALL_ATTEMPTS);
    } finally {
      await endpoint.close();
    }
  });

  // Linux has a device for just that.
  (existsSync('/dev/full') ? test : test.skip)('a disk that is full under its output stops nothing, and is no stack trace', () => {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, ['bin/ecs-canary.js', '--help'], { stdio: ['ignore', full, 'pipe'], encoding: 'utf8' });
    closeSync(full);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test('no credentials: exit 2, with what to set', async () => {
    expect(await cli(['status'], { env: SETTINGS })).toMatchObject({ code: 2, stderr: expect.stringMatching(/^Error: No AWS credentials were found[\s\S]*AWS_ACCESS_KEY_ID/) });
  });
});
