/** Group stickiness: who stays with which target group, and for how long. */
import type { Action } from '@aws-sdk/client-elastic-load-balancing-v2';
import { ask, blueAndGreen, eventually, forward, HEALTHY, type Lab, openLab, says, tally } from './load-balancing.ts';

let lab: Lab;

const WEEK_MS = 7 * 24 * 3_600_000;

beforeEach(async () => {
  lab = await openLab({ speed: 50, seed: 7 });
});
afterEach(() => lab.end());

function sticky(DurationSeconds: number, ...groups: [arn: string, weight: number][]): Action {
  const action = forward(...groups);
  return { ...action, ForwardConfig: { ...action.ForwardConfig, TargetGroupStickinessConfig: { Enabled: true, DurationSeconds } } };
}

/** Blue has all the weight, and clients stay for so many seconds of AWS's. */
async function stickyGroups(seconds: number) {
  const { blue, green, listener } = await blueAndGreen(lab, 1, 0);
  const weigh = (blueWeight: number, greenWeight: number, duration = seconds) =>
    lab.elb.modifyListener({ ListenerArn: listener, DefaultActions: [sticky(duration, [blue, blueWeight], [green, greenWeight])] });
  await weigh(1, 0);
  return { blue, green, listener, weigh };
}

/** Asks as a client that keeps its cookies. */
function client() {
  let Cookie: string | undefined;
  return async () => {
    const { status, body, headers } = await ask(lab.url, { headers: Cookie === undefined ? {} : { Cookie } });
    const set = headers['set-cookie'];
    if (set) Cookie = set.map((cookie) => cookie.split(';')[0]).join('; ');
    return { status, body, cookies: set ?? [] };
  };
}

test('the cookie beats the weights, weight 0 too; who has none goes by weight', async () => {
  const { weigh } = await stickyGroups(10_000);
  const old = client();
  expect((await old()).body).toBe('blue');
  await weigh(0, 1);
  expect([(await old()).body, (await old()).body]).toEqual(['blue', 'blue']);
  expect(await tally(lab.url, 20)).toEqual({ green: 20 });
});

test('two cookies come with every answer, for a week, the second one for other sites', async () => {
  await stickyGroups(60);
  const asking = client();
  for (const { cookies } of [await asking(), await asking()]) {
    const [, value, expires] = /^AWSALBTG=([\w+/=]+); Expires=([^;]+); Path=\/$/.exec(cookies[0] ?? '') ?? [];
    expect(cookies).toEqual([expect.any(String), `AWSALBTGCORS=${value}; Expires=${expires}; Path=/; SameSite=None; Secure`]);
    expect(Math.abs(Date.parse(expires ?? '') - Date.now() - WEEK_MS)).toBeLessThan(5_000);
    expect(value).not.toContain('targetgroup');
  }
});

test('the second cookie alone is enough', async () => {
  const { weigh } = await stickyGroups(10_000);
  const cors = (await ask(lab.url)).headers['set-cookie']?.[1]?.split(';')[0];
  await weigh(0, 1);
  expect((await ask(lab.url, { headers: { Cookie: `other=1; ${cors}` } })).body).toBe('blue');
});

test('cookies of the target are passed on beside the load balancer’s', async () => {
  const { blue } = await stickyGroups(60);
  const own = await lab.target(blue, (_request, response) => response.setHeader('Set-Cookie', ['a=1', 'b=2']).end('own'));
  await eventually(() => lab.health(blue, own), HEALTHY);
  const answers = [await ask(lab.url), await ask(lab.url)];
  const cookies = answers.find(({ body }) => body === 'own')?.headers['set-cookie'] ?? [];
  expect(cookies.map((cookie) => cookie.split('=')[0])).toEqual(['a', 'b', 'AWSALBTG', 'AWSALBTGCORS']);
});

test('it ends the duration after the last answer, in AWS’s time', async () => {
  const { weigh } = await stickyGroups(50);
  const [busy, idle] = [client(), client()];
  await Promise.all([busy(), idle()]);
  await weigh(0, 1);
  const started = performance.now();
  // A second here is 50 s of AWS's: whoever asks in between stays, whoever does not has left by then.
  while (performance.now() - started < 1_100) expect((await busy()).body).toBe('blue');
  expect((await idle()).body).toBe('green');
});

test('a group without usable targets: 503, and no way out', async () => {
  const { blue, weigh } = await stickyGroups(10_000);
  const stuck = client();
  await stuck();
  await weigh(0, 1);
  const { TargetHealthDescriptions = [] } = await lab.elb.describeTargetHealth({ TargetGroupArn: blue });
  await lab.elb.deregisterTargets({ TargetGroupArn: blue, Targets: TargetHealthDescriptions.flatMap(({ Target }) => Target ?? []) });
  expect(await stuck()).toEqual({ status: 503, body: expect.any(String), cookies: [] });
  expect((await ask(lab.url)).body).toBe('green');
});

test('a group that left the rule: the client goes by weight, and stays there', async () => {
  const { green, listener, weigh } = await stickyGroups(10_000);
  const moved = client();
  await moved();
  await lab.elb.modifyListener({ ListenerArn: listener, DefaultActions: [sticky(10_000, [green, 1])] });
  expect((await moved()).body).toBe('green');
  await weigh(1, 0);
  expect((await moved()).body).toBe('green');
});

test('switched off, cookies count no more and none are set', async () => {
  const { blue, green, listener } = await stickyGroups(10_000);
  const freed = client();
  await freed();
  await lab.elb.modifyListener({ ListenerArn: listener, DefaultActions: [forward([blue, 0], [green, 1])] });
  expect(await freed()).toEqual({ status: 200, body: 'green', cookies: [] });
});

test.each([
  ['empty', ''],
  ['no base64', '%%%'],
  ['something else', 'bnVsbA=='],
  ['very long', 'A'.repeat(4_000)],
])('a cookie that is none of ours (%s) does not matter', async (_what, value) => {
  await stickyGroups(60);
  expect((await ask(lab.url, { headers: { Cookie: `AWSALBTG=${value}; AWSALBTGCORS=${value}` } })).body).toBe('blue');
});

describe('AWS’s refusals', () => {
  const attribute = (TargetGroupArn: string, Key: string, Value: string) =>
    lab.elb.modifyTargetGroupAttributes({ TargetGroupArn, Attributes: [{ Key, Value }] });

  test.each([0, 604_801])('a duration of %d s', async (seconds) => {
    const group = await lab.targetGroup();
    await expect(lab.quietListener(await lab.loadBalancer(), [sticky(seconds, [group, 1])])).rejects.toMatchObject({
      name: 'ValidationError',
      message: 'Target group stickiness duration must be between 1 and 604800 seconds',
    });
    const listener = await lab.quietListener(await lab.loadBalancer(), [sticky(604_800, [group, 1])]);
    await lab.elb.modifyListener({ ListenerArn: listener, DefaultActions: [sticky(1, [group, 1])] });
  });

  test('target stickiness in a rule with several groups and no group stickiness, from either side', async () => {
    const [one, two, three] = [await lab.targetGroup(), await lab.targetGroup(), await lab.targetGroup()];
    const loadBalancer = await lab.loadBalancer();
    await attribute(one, 'stickiness.enabled', 'true');
    await expect(lab.quietListener(loadBalancer, [forward([one, 1], [two, 1])])).rejects.toMatchObject({
      name: 'InvalidConfigurationRequestException',
      message: expect.stringContaining('You must enable group stickiness on a rule if you enabled target stickiness'),
    });
    await lab.quietListener(loadBalancer, [sticky(60, [one, 1], [two, 1])]);
    await attribute(two, 'stickiness.enabled', 'true');
    await attribute(two, 'stickiness.enabled', 'false');
    await lab.quietListener(loadBalancer, [forward([two, 1], [three, 1])], 8443);
    await expect(attribute(three, 'stickiness.enabled', 'true')).rejects.toMatchObject({
      name: 'InvalidConfigurationRequestException',
      message: expect.stringContaining('appears behind a rule with group stickiness disabled'),
    });
  });

  test('target stickiness with cross-zone balancing off', async () => {
    const group = await lab.targetGroup();
    await attribute(group, 'load_balancing.cross_zone.enabled', 'false');
    await expect(attribute(group, 'stickiness.enabled', 'true')).rejects.toMatchObject({ name: 'InvalidConfigurationRequestException' });
  });
});

describe('cross-zone balancing off', () => {
  /** A group in which the target of each zone answers the zone's name; the load balancer has zones a and b. */
  async function zonedGroup(...zones: string[]) {
    const group = await lab.targetGroup();
    await lab.elb.modifyTargetGroupAttributes({ TargetGroupArn: group, Attributes: [{ Key: 'load_balancing.cross_zone.enabled', Value: 'false' }] });
    await lab.listener(await lab.loadBalancer(), [forward([group, 1])]);
    for (const zone of zones) {
      const target = await lab.target(group, says(zone), `eu-central-1${zone}`);
      await eventually(() => lab.health(group, target), HEALTHY);
    }
    return group;
  }

  test('each zone has its own targets only, and a zone without any answers 503', async () => {
    const group = await zonedGroup('a');
    const seen = await tally(lab.url, 400);
    // Half of the requests arrive in zone b: 139 to 261 of 400, all but once in 1e9 runs.
    expect(seen[503]).toBeGreaterThan(138);
    expect(seen[503]).toBeLessThan(262);
    expect((seen[503] ?? 0) + (seen['a'] ?? 0)).toBe(400);
    const { TargetHealthDescriptions } = await lab.elb.describeTargetHealth({ TargetGroupArn: group });
    expect(TargetHealthDescriptions?.map(({ Target }) => Target?.AvailabilityZone)).toEqual(['eu-central-1a']);
  });

  test('a zone with several takes turns; on again, every zone reaches all of them', async () => {
    const group = await zonedGroup('a', 'a', 'b');
    const seen = await tally(lab.url, 400);
    expect(Object.keys(seen).toSorted()).toEqual(['a', 'b']);
    expect(seen['b']).toBeGreaterThan(138);
    await lab.elb.modifyTargetGroupAttributes({ TargetGroupArn: group, Attributes: [{ Key: 'load_balancing.cross_zone.enabled', Value: 'true' }] });
    expect(await tally(lab.url, 30)).toEqual({ a: 20, b: 10 });
  });
});
