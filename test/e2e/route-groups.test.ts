/** `route` on two target groups of somebody else's, as the built program runs it: with nothing but a region and credentials. */
import { cli } from '../cli/spawn.ts';
import { openTraffic, type TrafficLab } from '../release/traffic-lab.ts';
import { type Lab, openLab } from '../sandbox/load-balancing.ts';

let lab: Lab;
let traffic: TrafficLab;

beforeAll(async () => {
  lab = await openLab({ speed: 200 });
});
afterAll(() => lab.end());
beforeEach(async () => {
  traffic = await openTraffic(lab);
});
afterEach(() => traffic.end());

function route(...args: string[]) {
  const groups = ['--primary-target-group', traffic.pair.primary, '--canary-target-group', traffic.pair.canary];
  const keys = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
  const env = { ...keys, AWS_REGION: 'eu-central-1', AWS_ENDPOINT_URL: traffic.endpoint.url, SETTLE: '0', POLL_INTERVAL: '20ms' };
  return cli(['route', ...groups, ...args], { env });
}

/** A rule of the pair as its change is shown. */
const shown = (name: keyof TrafficLab['paired'], known: string) => `${traffic.paired[name]} (${known}): 0% -> 40%`;

test('says what scripts look for, with the rules, on stdout, and where it works and what hurts on stderr', async () => {
  const { code, stdout, stderr } = await route('--canary', '40');
  const rules = [shown('signed-in', 'priority 10, path-pattern /10/*'), shown('default', 'default'), shown('plain', 'priority 30, path-pattern /30/*')];
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: ['Updating traffic route', 'Routing 40% of traffic to the new service', 'Modified 3 listener rules', ...rules.map((rule) => `  ${rule}`), ''].join('\n'),
  });
  const [where, hazard, ...rest] = stderr.split('\n');
  expect(where).toBe(`Region eu-central-1, endpoint ${traffic.endpoint.url}`);
  expect(hazard).toMatch(new RegExp(`^warning: Listener rule ${traffic.paired['signed-in']} .* is sticky: .* until they have not asked for 12m 57s, whatever the weights\\.$`));
  expect(rest).toEqual(['']);
  expect(await traffic.canary()).toEqual([40, 40, 40]);
  expect(await route('--primary', '60')).toMatchObject({ code: 0, stdout: 'Modified 0 listener rules\n' });
});

test('with --json stdout is the rules by what became of them', async () => {
  await traffic.meddle('plain', 40);
  const { code, stdout } = await route('--canary', '40', '--json');
  const { 'signed-in': signedIn, default: byDefault, plain } = traffic.paired;
  expect({ code, ...JSON.parse(stdout) }).toEqual({ code: 0, schemaVersion: 1, canary: 40, primary: 60, modified: [signedIn, byDefault], unchanged: [plain] });
});

test('with --dry-run the steps are shown, and nothing is written', async () => {
  const { code, stdout } = await route('--canary', '40', '--dry-run');
  expect(code).toBe(0);
  for (const arn of Object.values(traffic.paired)) expect(stdout).toMatch(new RegExp(`^ +${arn} \\(.*\\): 0% -> 40%$`, 'm'));
  for (const arn of Object.values(traffic.others)) expect(stdout).not.toContain(arn);
  expect(traffic.writes()).toEqual([]);
});

test('a write that fails is undone: exit 3, with what users are on, and no stack trace', async () => {
  traffic.endpoint.order('ModifyRule', { error: 'AccessDenied' }, { about: traffic.paired.plain });
  const { code, stdout, stderr } = await route('--canary', '40', '--json');
  expect(code).toBe(3);
  expect(JSON.parse(stdout)).toEqual({
    schemaVersion: 1,
    error: {
      code: 'undone',
      message: expect.stringContaining('AWS denied elasticloadbalancing:ModifyRule'),
      usersAre: 'on the weights they had before: what was written was put back.',
      next: expect.stringContaining('allow elasticloadbalancing:ModifyRule'),
    },
  });
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(await traffic.canary()).toEqual([0, 0, 0]);
});

test('a group that does not exist is named: exit 1, and nothing is written', async () => {
  const nowhere = `${traffic.pair.canary}0`;
  expect(await route('--canary', '40', '--canary-target-group', nowhere)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(`There is no target group ${nowhere}`) });
  expect(traffic.writes()).toEqual([]);
});
