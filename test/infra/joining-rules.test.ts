/** A further rule for a pair that has users: it gets their weights, whoever else is at work on them. */
import { connectAws } from '../../src/aws/aws.ts';
import type { ListenerRule } from '../../src/aws/elbv2.ts';
import { buildInfra, planInfra } from '../../src/infra/build-infra.ts';
import { describePlace } from '../../src/infra/describe-infra.ts';
import type { InfraSession } from '../../src/infra/session.ts';
import { type LogEntry, serialize } from '../../src/release/log-entry.ts';
import { logPath } from '../../src/release/log.ts';
import { type Pair, pairAt, weightIn } from '../../src/release/model.ts';
import { observeTraffic } from '../../src/release/observe.ts';
import { prepareRouteGroups } from '../../src/release/operations.ts';
import { drift } from '../../src/release/roles.ts';
import { fakeClock } from '../fake-clock.ts';
import { type FaultyEndpoint, faultyEndpoint } from '../faulty-endpoint.ts';
import { type Project, REGION, withProject } from './project.ts';

const SECOND = { PATH_PATTERN: '/v2/*', SETTLE: '0' };

test('while another run has the pair no rule joins it: exit 6, and who it is', () =>
  withPair(async ({ project, pair, rules, writes }) => {
    const now = new Date().toISOString();
    await record(project, pair, { number: 2, by: 'somebody@here', command: 'update', renewed: now, ended: undefined, holder: { host: 'here', pid: process.pid } });
    const before = await writes();
    await expect(buildInfra(project.session(SECOND).session)).rejects.toMatchObject({ exitCode: 6, message: expect.stringContaining('somebody@here holds this pair with "update"') });
    expect(await writes()).toEqual(before);
    expect(await rules()).toEqual([['/*', 50, 50]]);

    // The run ends with other weights: they count.
    await record(project, pair, { number: 2, ended: now });
    await setAll(project, [0, 100]);
    await buildInfra(project.session(SECOND).session);
    expect(await rules()).toEqual([['/v2/*', 0, 100], ['/*', 0, 100]]);
    const log = await project.aws.parameters.get([`${logPath(pair)}/3`]);
    expect(JSON.parse(log[0]?.value ?? '{}')).toMatchObject({ command: 'build-infra', ended: expect.any(String), primary: pair.primary });
  }));

test('a rule that joins after a change that was undone is no drift to the next run', () =>
  withPair(async ({ project, pair, rules }) => {
    await setAll(project, [100, 0]);
    const [first] = await ownRules(project);
    await record(project, pair, { percent: 50, before: { [first?.arn ?? '']: [100, 0] } });
    await buildInfra(project.session(SECOND).session);
    expect(await rules()).toEqual([['/v2/*', 100, 0], ['/*', 100, 0]]);
    expect(drift(await observeTraffic(project.aws, pair))).toBeUndefined();
  }));

test('a further rule keeps clients with their version as its siblings do', () =>
  withPair(async ({ project }) => {
    const [first] = await ownRules(project);
    if (first) await project.aws.loadBalancing.setStickiness(first, 600);
    await buildInfra(project.session(SECOND).session);
    expect((await ownRules(project)).map(({ conditions, stickiness }) => [conditions[0]?.values[0], stickiness])).toEqual([['/v2/*', 600], ['/*', 600]]);
  }));

test('weights that somebody changes in the moment before the rule is made are followed', () =>
  withPair(async ({ project, rules, through, endpoint }) => {
    endpoint.order('CreateRule', () => setAll(project, [20, 80]));
    await buildInfra(through(SECOND));
    expect(await rules()).toEqual([['/v2/*', 20, 80], ['/*', 20, 80]]);
  }));

test.each(['before', 'after'] as const)('an emergency exit that comes just %s the rule is made has its way there, too', (when) =>
  withPair(async ({ project, pair, rules, through, endpoint }) => {
    const exit = async () => {
      const { session } = project.session();
      const clock = fakeClock();
      const wait = () => ({ ...session.wait(), clock, deadline: clock.now() + 60_000, pollInterval: 2_000 });
      const prepared = await prepareRouteGroups({ ...session, wait, author: { ...session.author, by: 'rescuer@here' }, dryRun: false }, pair, { percent: 0, force: true, settle: 0, acceptDrift: false });
      await prepared.run();
    };
    if (when === 'before') endpoint.order('CreateRule', exit);
    else endpoint.order('DescribeRules', exit, { about: 'RuleArns', from: 2 });
    await expect(buildInfra(through(SECOND))).rejects.toMatchObject({ exitCode: 6, message: expect.stringContaining('rescuer@here') });
    expect(await rules()).toEqual([['/v2/*', 100, 0], ['/*', 100, 0]]);
    expect((await buildInfra(project.session(SECOND).session)).changed).toBe(false);
  }));

test('a service that is taken out of SERVICES is named, and left as it is', () =>
  withProject(async ({ session, writes, aws, ports }) => {
    const both = { SERVICES: 'client,server', SERVER_EXPOSE: 'public', CLIENT_PATH_PATTERN: '/shop/*', CLIENT_DEREGISTRATION_DELAY: '7', SETTLE: '0' };
    await buildInfra(session(both).session);
    const stack = await aws.stacks.describe('fleet-client');
    expect([stack?.parameters['DeregistrationDelay'], (await aws.stacks.describe('fleet-server'))?.parameters['DeregistrationDelay']]).toEqual(['7', '30']);
    const base = await aws.stacks.describe('fleet');
    const rules = () => aws.loadBalancing.rules([base?.outputs['PublicListenerArn'] ?? '']);
    expect((await rules()).map(({ conditions }) => conditions[0]?.values[0])).toEqual(['/shop/*', '/*', undefined]);
    expect((await fetch(`http://127.0.0.1:${ports[0]}/shop/1`)).status).toBe(503);
    const [found, before] = [await rules(), await writes()];

    const { session: alone, events } = session({ SERVICES: 'server' });
    expect((await buildInfra(alone)).changed).toBe(false);
    expect(events).toContainEqual({ type: 'warning', text: expect.stringMatching(/^Service client is not in SERVICES any more.*stack fleet-client.*arn:/) });
    expect([await rules(), await writes()]).toEqual([found, before]);

    // What it still takes is nothing to give to another one.
    const { session: other } = session({ SERVICES: 'server,shop', SHOP_EXPOSE: 'public', SHOP_PATH_PATTERN: '/shop/*' });
    await expect(planInfra(other)).rejects.toMatchObject({ code: 'rule-conflict' });
    // And it comes back as it was.
    expect((await buildInfra(session(both).session)).changed).toBe(false);
  }));


interface Joining {
  readonly project: Project;
  readonly pair: Pair;
  readonly endpoint: FaultyEndpoint;
  /** Path, and weights of blue and green, in the order in which they are asked. */
  readonly rules: () => Promise<(readonly [path: string, blue: number, green: number])[]>;
  readonly writes: () => Promise<string[]>;
  /** A session whose calls go through the endpoint. */
  readonly through: (variables: Record<string, string>) => InfraSession;
}

/** A pair with one rule at 50 to 50, and a release log. */
async function withPair(action: (joining: Joining) => Promise<void>): Promise<void> {
  await withProject(async (project) => {
    const { session, settings } = project.session();
    await buildInfra(session);
    const pair = pairAt(await describePlace(project.aws, settings, 'server'));
    await record(project, pair, {});
    await setAll(project, [50, 50]);
    const endpoint = await faultyEndpoint(project.sandbox.url);
    try {
      await action({
        project,
        pair,
        endpoint,
        rules: async () => (await ownRules(project)).map((rule) => [rule.conditions[0]?.values[0] ?? '', weightIn(rule, pair.primary), weightIn(rule, pair.canary)]),
        writes: project.writes,
        through: (variables) => ({ ...project.session(variables).session, aws: connectAws({ region: REGION, endpointUrl: endpoint.url }) }),
      });
    } finally {
      await endpoint.close();
    }
  });
}

async function ownRules({ aws }: Project): Promise<ListenerRule[]> {
  const base = await aws.stacks.describe('fleet');
  return (await aws.loadBalancing.rules([base?.outputs['PublicListenerArn'] ?? ''])).filter(({ isDefault }) => !isDefault);
}

/** As somebody does who does not ask anybody. */
async function setAll(project: Project, weights: readonly [blue: number, green: number]): Promise<void> {
  for (const rule of await ownRules(project)) {
    const groups = rule.forward ?? [];
    await project.aws.loadBalancing.setWeights(rule, new Map(groups.map(({ arn }, index) => [arn, weights[index] ?? 0])));
  }
}

async function record({ aws }: Project, { primary, canary }: Pair, facts: Partial<LogEntry>): Promise<void> {
  const at = new Date().toISOString();
  const entry: LogEntry = {
    number: 1, at, by: 'someone@here', command: 'route', ended: at, primary, other: { targetGroup: canary, role: 'canary' }, percent: 50, tasks: 1, before: {}, ...facts,
  };
  await aws.parameters.overwrite(`${logPath({ primary, canary })}/${entry.number}`, serialize(entry), '');
}
