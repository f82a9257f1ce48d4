/** Moving weight between two target groups of a real load balancer, also while AWS, or another run, gets in the way. */
import { CanaryError, ExitCode } from '../../src/errors.ts';
import { type Aws, connectAws } from '../../src/aws/aws.ts';
import { logPath, logWriter, readLog } from '../../src/release/log.ts';
import { ALL_ATTEMPTS } from '../faulty-endpoint.ts';
import { fakeClock } from '../fake-clock.ts';
import { type Lab, openLab } from '../sandbox/load-balancing.ts';
import { openTraffic, type TrafficLab } from './traffic-lab.ts';

const DENIED = { error: 'AccessDenied' };
const ALWAYS = Number.POSITIVE_INFINITY;

let lab: Lab;
let traffic: TrafficLab;
/** AWS, past the endpoint where it misbehaves. */
let aside: Aws;

beforeAll(async () => {
  lab = await openLab({ speed: 200 });
  aside = connectAws({ region: 'eu-central-1', endpointUrl: lab.sandbox.url });
});
afterAll(() => lab.end());
beforeEach(async () => {
  traffic = await openTraffic(lab);
});
afterEach(() => traffic.end());

const weightWrites = () => traffic.writes().filter(({ operation }) => operation.startsWith('Modify'));

describe('a route', () => {
  test('writes the weights of every rule that carries exactly the pair, and changes nothing else anywhere', async () => {
    const before = await traffic.rules();
    const result = await traffic.route(40);

    const { primary, canary } = traffic.pair;
    const weights = new Map([[primary, 60], [canary, 40]]);
    const paired = Object.values(traffic.paired);
    const expected = before.map((rule) => {
      if (!paired.includes(rule.RuleArn ?? '')) return rule;
      const Actions = rule.Actions?.map((action) => {
        if (!action.ForwardConfig) return action;
        const TargetGroups = action.ForwardConfig.TargetGroups?.map((group) => ({ ...group, Weight: weights.get(group.TargetGroupArn ?? '') }));
        return { ...action, ForwardConfig: { ...action.ForwardConfig, TargetGroups } };
      });
      return { ...rule, Actions };
    });
    expect(await traffic.rules()).toEqual(expected);
    expect(result).toMatchObject({ canary: 40, primary: 60, unchanged: [] });
    expect(result.modified.toSorted()).toEqual(paired.toSorted());
  });

  test('keeps who has to sign in, the client secret, who stays with which group, and the order of the groups', async () => {
    await traffic.route(40);
    const rule = (await traffic.rules()).find(({ RuleArn }) => RuleArn === traffic.paired['signed-in']);
    expect(rule?.Actions).toMatchObject([
      { Type: 'authenticate-oidc', Order: 1, AuthenticateOidcConfig: { ClientId: 'harbour', SessionTimeout: 3_600 } },
      {
        Type: 'forward',
        Order: 2,
        ForwardConfig: {
          TargetGroups: [{ TargetGroupArn: traffic.pair.canary, Weight: 40 }, { TargetGroupArn: traffic.pair.primary, Weight: 60 }],
          TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 777 },
        },
      },
    ]);
    expect(traffic.endpoint.calls.find(({ body }) => body.includes('UseExistingClientSecret=true'))?.status).toBe(200);
  });

  test('has what a rollback needs on record before it writes the first rule', async () => {
    traffic.endpoint.order('ModifyRule', async () => {
      const [entry] = await readLog(aside.parameters, traffic.pair);
      const before = Object.fromEntries(Object.values(traffic.paired).map((arn) => [arn, [100, 0]]));
      expect(entry).toMatchObject({ number: 1, by: 'someone@here', primary: traffic.pair.primary, percent: 40, tasks: 1, before });
    });
    await traffic.route(40);
    expect(traffic.writes().map(({ operation }) => operation)).toEqual(['PutParameter', 'ModifyRule', 'ModifyListener', 'ModifyRule', 'PutParameter', 'PutParameter']);
  });

  test('says when it begins, and what AWS confirmed', async () => {
    await traffic.route(40);
    const changes = Object.values(traffic.paired).map((arn) => ({ rule: expect.stringContaining(arn), before: 0, after: 40 }));
    const events = traffic.events.filter(({ type }) => type !== 'hazard');
    expect(events).toEqual([{ type: 'route-updating' }, { type: 'route-updated', percent: 40 }, { type: 'rules-modified', changes: expect.arrayContaining(changes) }]);
  });

  test('writes only the rules whose weights differ', async () => {
    await traffic.meddle('plain', 40);
    const { modified, unchanged } = await traffic.route(40);
    expect(unchanged).toEqual([traffic.paired.plain]);
    expect(modified).toHaveLength(2);
    expect(weightWrites().some(({ body }) => body.includes(traffic.paired.plain))).toBe(false);
  });

  test('writes nothing, not even the log, where all weights are right already', async () => {
    await traffic.route(40);
    const writes = traffic.writes().length;
    expect(await traffic.route(40)).toMatchObject({ modified: [], unchanged: expect.arrayContaining(Object.values(traffic.paired)) });
    expect(traffic.writes()).toHaveLength(writes);
    expect(traffic.events.at(-1)).toEqual({ type: 'rules-modified', changes: [] });
  });

  test('that loses a rule, or its weights, to somebody else while they settle stops, with what is there instead', async () => {
    const clock = fakeClock(async () => {
      if (!traffic.events.some(({ type }) => type === 'rules-modified')) return;
      await traffic.meddle('plain', 70);
      await lab.elb.modifyRule({ RuleArn: traffic.paired['signed-in'], Actions: [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '404' } }] });
    });
    const error = await traffic.failure(40, { settle: 15_000, clock });
    expect(error).toMatchObject({ code: 'drift', exitCode: ExitCode.paused, next: expect.stringMatching(/route --canary 0 .*\n.*--accept-drift/) });
    expect(error?.message).toMatch(new RegExp(`${traffic.paired.plain} .*: 70% instead of 40%`));
    expect(error?.message).toMatch(new RegExp(`${traffic.paired['signed-in']} .*: does not carry the pair any more`));
  });

  test('that finds weights somebody else changed stops, and a route to 0 does not', async () => {
    await traffic.route(40);
    await traffic.meddle('plain', 70);
    expect(await traffic.failure(50)).toMatchObject({ code: 'drift', message: expect.stringContaining(traffic.paired.plain) });
    expect(await traffic.canary()).toEqual([40, 40, 70]);
    await traffic.route(0);
    expect(await traffic.canary()).toEqual([0, 0, 0]);
  });

  test('is refused for a pair that no rule carries, with every rule looked at and why it was passed over', async () => {
    for (const name of ['signed-in', 'plain'] as const) await lab.elb.deleteRule({ RuleArn: traffic.paired[name] });
    await lab.elb.modifyListener({ ListenerArn: (await listeners())[0], DefaultActions: [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '404' } }] });
    const { message } = (await traffic.failure(40)) ?? {};
    const { oneGroup, threeGroups, fixed } = traffic.others;
    for (const line of [
      `${oneGroup} (priority 20, path-pattern /20/*): forwards to one group of the pair only, ${traffic.pair.primary}`,
      `${threeGroups} (priority 10, path-pattern /10/*): forwards to further groups beside the pair`,
      `${fixed} (priority 20, path-pattern /20/*): does not forward`,
      `${traffic.paired.default} (default): does not forward`,
    ]) {
      expect(message).toContain(line);
    }
    expect(traffic.writes()).toEqual([]);
  });

  test('that loses the canary’s health between plan and write writes no rule', async () => {
    const prepared = await traffic.prepare(40);
    const { TargetHealthDescriptions = [] } = await lab.elb.describeTargetHealth({ TargetGroupArn: traffic.pair.canary });
    await lab.elb.deregisterTargets({ TargetGroupArn: traffic.pair.canary, Targets: TargetHealthDescriptions.flatMap(({ Target }) => Target ?? []) });
    await expect(prepared.run()).rejects.toMatchObject({ code: 'not-safe', exitCode: ExitCode.failed, message: expect.stringMatching(/40% needs 1 healthy target, and there are 0/) });
    expect(weightWrites()).toEqual([]);
  });

  test('that would give any rule’s canary more needs the health for it, although another rule gets less', async () => {
    const uneven = await openTraffic(lab, { primary: 4, canary: 1 });
    try {
      await uneven.meddle('plain', 60);
      expect(await uneven.failure(40)).toMatchObject({ code: 'no-health', message: expect.stringMatching(/40% needs 2 healthy targets, and there is 1/) });
      expect(uneven.writes()).toEqual([]);
    } finally {
      await uneven.end();
    }
  });

  test('is refused while nobody can read what the last run left, and a route to 0 is not', async () => {
    await traffic.route(40);
    await aside.parameters.create(`${logPath(traffic.pair)}/2`, 'damaged', '');
    expect(await traffic.failure(60)).toMatchObject({ code: 'drift', message: expect.stringContaining('the release log cannot be read') });
    expect(await traffic.canary()).toEqual([40, 40, 40]);
    await traffic.route(0);
    expect(await traffic.canary()).toEqual([0, 0, 0]);
    await traffic.route(20);
    expect(await traffic.canary()).toEqual([20, 20, 20]);
  });

  async function listeners(): Promise<string[]> {
    const rules = await traffic.rules();
    return [...new Set(rules.map(({ RuleArn = '' }) => RuleArn.replace(':listener-rule/', ':listener/').replace(/\/[^/]+$/, '')))];
  }
});

describe('on the way up', () => {
  test('a rule that cannot be written takes those before it back: exit 3', async () => {
    traffic.endpoint.order('ModifyRule', DENIED, { from: 2 });
    expect(await traffic.failure(40)).toMatchObject({ code: 'undone', exitCode: ExitCode.rolledBack, message: expect.stringContaining('elasticloadbalancing:ModifyRule') });
    expect(await traffic.canary()).toEqual([0, 0, 0]);
  });

  test('a first rule that cannot be written leaves everything as it was: exit 1', async () => {
    traffic.endpoint.order('ModifyRule', DENIED);
    expect(await traffic.failure(40)).toMatchObject({ code: 'not-written', exitCode: ExitCode.failed });
    expect(await traffic.canary()).toEqual([0, 0, 0]);
    expect(weightWrites()).toHaveLength(1);
  });

  test('weights go back to exactly what they were, not only to the same share', async () => {
    await lab.elb.modifyRule({ RuleArn: traffic.paired.plain, Actions: [{ Type: 'forward', ForwardConfig: { TargetGroups: [{ TargetGroupArn: traffic.pair.primary, Weight: 999 }, { TargetGroupArn: traffic.pair.canary, Weight: 0 }] } }] });
    const before = await traffic.rules();
    traffic.endpoint.order('DescribeRules', DENIED, { about: traffic.paired.plain, from: 2 });
    expect(await traffic.failure(40)).toMatchObject({ code: 'undone' });
    expect(await traffic.rules()).toEqual(before);
  });

  test('a write that AWS does not read back yet is undone all the same', async () => {
    traffic.endpoint.order('DescribeRules', 'stale', { about: traffic.paired['signed-in'], from: 2, times: 2 });
    traffic.endpoint.order('ModifyRule', DENIED, { about: traffic.paired.plain });
    expect(await traffic.failure(40)).toMatchObject({ code: 'undone', exitCode: ExitCode.rolledBack });
    expect(await traffic.canary()).toEqual([0, 0, 0]);
  });

  test('an answer that is lost once is asked for again, and the change stands', async () => {
    traffic.endpoint.order('ModifyRule', 'cut-after');
    await traffic.route(40);
    expect(await traffic.canary()).toEqual([40, 40, 40]);
  });

  test('an answer that stays lost is undone, although the write took effect', async () => {
    traffic.endpoint.order('ModifyRule', 'cut-after', { about: traffic.paired.plain, times: ALL_ATTEMPTS });
    expect(await traffic.failure(40)).toMatchObject({ code: 'undone', exitCode: ExitCode.rolledBack });
    expect(await traffic.canary()).toEqual([0, 0, 0]);
  });

  test('what can neither be set nor undone is named with its weight: exit 5', async () => {
    traffic.endpoint.order('ModifyRule', DENIED, { from: 2, times: ALWAYS });
    const error = await traffic.failure(40);
    expect(error).toMatchObject({ code: 'stuck', exitCode: ExitCode.stuck });
    expect(error?.message).toContain(`${traffic.paired['signed-in']} (priority 10, path-pattern /10/*): 40% to ${traffic.pair.canary}`);
    expect(error?.message).not.toContain(traffic.paired.default);
    expect(await traffic.canary()).toEqual([40, 0, 0]);
  });

  test('a run that another one overtook stops before its next write, and does not undo the other’s work: exit 6', async () => {
    traffic.endpoint.order('ModifyRule', rollBackElsewhere);
    expect(await traffic.failure(40)).toMatchObject({ code: 'locked', exitCode: ExitCode.locked, message: expect.stringContaining('emergency@elsewhere') });
    // Its own last write may have come after the other's: it puts that one right, and touches nothing else.
    expect(weightWrites()).toHaveLength(2);
    expect(await traffic.canary()).toEqual([0, 0, 0]);
  });

  test('the second of two runs is told who holds the pair, and writes no rule: exit 6', async () => {
    const second = await traffic.prepare(60, { by: 'second@there' });
    await traffic.route(40, { by: 'first@here' });
    const writes = weightWrites().length;
    await expect(second.run()).rejects.toMatchObject({ code: 'locked', exitCode: ExitCode.locked, message: expect.stringMatching(/first@here with "route" at \d{4}-/) });
    expect(weightWrites()).toHaveLength(writes);
  });

  test('a log that cannot be written leaves the load balancer untouched: exit 1', async () => {
    traffic.endpoint.order('PutParameter', { error: 'AccessDeniedException' });
    expect(await traffic.failure(40)).toMatchObject({ code: 'access-denied', exitCode: ExitCode.failed, message: expect.stringContaining('ssm:PutParameter') });
    expect(weightWrites()).toEqual([]);
  });

  test('a log that becomes unreadable after the first write takes that back: exit 3', async () => {
    traffic.endpoint.order('ModifyRule', async () => {
      traffic.endpoint.order('GetParameters', { error: 'AccessDeniedException' }, { times: ALWAYS });
    });
    expect(await traffic.failure(40)).toMatchObject({ code: 'undone', exitCode: ExitCode.rolledBack });
    expect(await traffic.canary()).toEqual([0, 0, 0]);
  });

  test('an interruption says what has which weight, and how to go on and back: exit 130', async () => {
    const controller = new AbortController();
    const interruption = new CanaryError({ code: 'interrupted', message: 'Interrupted.', exitCode: ExitCode.interrupted });
    traffic.endpoint.order('ModifyRule', () => Promise.resolve(controller.abort(interruption)));
    const { primary, canary } = traffic.pair;
    expect(await traffic.failure(40, { signal: controller.signal, settle: 15_000 })).toMatchObject({
      exitCode: ExitCode.interrupted,
      usersAre: `on ${primary} with 60% of the traffic and on ${canary} with 40% of the traffic.`,
      next: expect.stringMatching(/^ecs-canary route {3}\(goes on\)\n +ecs-canary route --canary 0 --primary-target-group \S+ --canary-target-group \S+ {3}\(goes back\)$/),
    });
    expect(await traffic.canary()).toEqual([40, 40, 40]);
  });

  test('a run does not take its own entry for another run’s when the answer to it is lost', async () => {
    traffic.endpoint.order('PutParameter', 'cut-after');
    await traffic.route(40);
    expect(await traffic.canary()).toEqual([40, 40, 40]);
  });

  /** Another run takes the pair while a write of this one is on its way. */
  async function rollBackElsewhere(): Promise<void> {
    const log = logWriter(aside.parameters, traffic.pair, { by: 'emergency@elsewhere', command: 'rollback', host: 'elsewhere', pid: 1 }, 0, fakeClock());
    const { primary, canary } = traffic.pair;
    await log.takeOver({ primary, other: { targetGroup: canary, role: 'rolled-back' }, percent: 0, tasks: 1, before: {} });
  }
});

describe('on the way to 0', () => {
  beforeEach(async () => {
    await traffic.route(40);
    traffic.endpoint.calls.length = 0;
    traffic.events.length = 0;
  });

  test('a write that fails is tried again, and no other is undone', async () => {
    traffic.endpoint.order('ModifyRule', DENIED, { times: 3 });
    const { modified } = await traffic.route(0);
    expect(modified).toHaveLength(3);
    expect(await traffic.canary()).toEqual([0, 0, 0]);
    expect(weightWrites().filter(({ body }) => !body.includes('Weight=0'))).toEqual([]);
  });

  test('a rule that can never be written holds up no other, and is named at the end: exit 5', async () => {
    let movedAt: number | undefined;
    const clock = fakeClock(async (now) => {
      const [first, ...rest] = await traffic.canary();
      if (first === 40 && rest.every((weight) => weight === 0)) movedAt ??= now;
    });
    traffic.endpoint.order('ModifyRule', DENIED, { about: traffic.paired['signed-in'], times: ALWAYS });
    const error = await traffic.failure(0, { clock });
    expect(error).toMatchObject({ code: 'stuck', exitCode: ExitCode.stuck });
    expect(error?.message).toContain(`${traffic.paired['signed-in']} (priority 10, path-pattern /10/*): 40% to ${traffic.pair.canary}`);
    expect(error?.message).not.toContain(traffic.paired.plain);
    expect(movedAt).toBeLessThan(2_000);
  });

  test('a log that cannot be written is a warning and no obstacle', async () => {
    traffic.endpoint.order('PutParameter', { error: 'AccessDeniedException' }, { times: ALWAYS });
    await traffic.route(0);
    expect(await traffic.canary()).toEqual([0, 0, 0]);
    expect(traffic.events).toContainEqual({ type: 'warning', text: expect.stringMatching(/release log could not be written: AWS denied ssm:PutParameter/) });
  });

  test('a log that cannot even be read is no obstacle', async () => {
    traffic.endpoint.order('GetParametersByPath', { error: 'AccessDeniedException' }, { times: ALWAYS });
    await traffic.route(0);
    expect(await traffic.canary()).toEqual([0, 0, 0]);
  });

  test('the pair is taken over from another run instead of waiting for it', async () => {
    const emergency = await traffic.prepare(0);
    await traffic.route(60, { by: 'other@there' });
    await emergency.run();
    expect(await traffic.canary()).toEqual([0, 0, 0]);
  });

  test('a last write of the run that was taken over is put right again', async () => {
    let late = false;
    const clock = fakeClock(async () => {
      if (!traffic.events.some(({ type }) => type === 'rules-modified') || late) return;
      late = true;
      await traffic.meddle('plain', 70);
    });
    await traffic.route(0, { settle: 15_000, clock });
    expect(late).toBe(true);
    expect(await traffic.canary()).toEqual([0, 0, 0]);
    expect(traffic.events).toContainEqual({ type: 'warning', text: expect.stringContaining(traffic.paired.plain) });
  });

  test('what a new run sets meanwhile is left alone', async () => {
    let begun = false;
    const clock = fakeClock(async () => {
      if (!traffic.events.some(({ type }) => type === 'rules-modified') || begun) return;
      begun = true;
      await traffic.route(20, { by: 'next@there' });
    });
    await traffic.route(0, { settle: 15_000, clock });
    expect(await traffic.canary()).toEqual([20, 20, 20]);
    expect(traffic.events).toContainEqual({ type: 'warning', text: expect.stringContaining('next@there') });
  });

  test('a look that fails while the weights settle does not make a failure of what is done', async () => {
    const clock = fakeClock(() => {
      if (traffic.events.some(({ type }) => type === 'rules-modified')) traffic.endpoint.order('DescribeTargetGroups', DENIED);
    });
    expect(await traffic.route(0, { settle: 15_000, clock })).toMatchObject({ canary: 0 });
    expect(await traffic.canary()).toEqual([0, 0, 0]);
  });

  test('without a healthy target to go back to it needs --force', async () => {
    const { TargetHealthDescriptions = [] } = await lab.elb.describeTargetHealth({ TargetGroupArn: traffic.pair.primary });
    await lab.elb.deregisterTargets({ TargetGroupArn: traffic.pair.primary, Targets: TargetHealthDescriptions.flatMap(({ Target }) => Target ?? []) });
    expect(await traffic.failure(0)).toMatchObject({ code: 'no-health', next: expect.stringContaining('--force') });
    expect(weightWrites()).toEqual([]);
    await traffic.route(0, { force: true });
    expect(await traffic.canary()).toEqual([0, 0, 0]);
  });
});
