/** `sandbox fault` and `sandbox faults`, and what `sandbox start` refuses, as somebody types them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2';
import { SSM } from '@aws-sdk/client-ssm';
import { runProgram } from '../../src/cli/program.ts';
import { cli } from '../cli/spawn.ts';
import { clientOf, newFolder, start } from './running.ts';

interface Typed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Types a command; standard input, output and error are no terminals. */
async function type(...args: string[]): Promise<Typed> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await runProgram(['sandbox', ...args], { stdin: new PassThrough(), stdout, stderr, env: {} }, '0');
  stdout.end();
  stderr.end();
  return { code, out: await text(stdout), err: await text(stderr) };
}

describe('fault orders', () => {
  test('are made and listed, with how often they hit, and removed', async () => {
    const dir = newFolder();
    const sandbox = await start({ dir });
    const ssm = new SSM(clientOf(sandbox));
    expect(await type('fault', 'GetParameter', '--error', 'InternalServerError', '--nth', '2', '--times', '2', '--about', '/p', '--dir', dir)).toEqual({
      code: 0,
      out: 'GetParameter about /p, calls 2 to 3: fails with InternalServerError.\n',
      err: '',
    });
    await type('fault', '*', '--delay', '1500ms', '--times', 'always', '--nth', '9', '--dir', dir);
    for (const Name of ['/p', '/other', '/p']) await ssm.getParameter({ Name }).catch(() => undefined);
    expect((await type('faults', '--dir', dir)).out.split('\n')).toEqual([
      'GetParameter about /p, calls 2 to 3: fails with InternalServerError. So far 2 matched, 1 of them hit.',
      'Every operation, call 9 and all after it: delayed by 1.5s. So far 3 matched, 0 of them hit.',
      '',
    ]);
    const { faults } = JSON.parse((await type('faults', '--json', '--dir', dir)).out);
    expect(faults).toEqual(sandbox.faults.list());
    expect((await type('faults', '--clear', '--dir', dir)).out).toBe('Removed 2 faults.\n');
    expect((await type('faults', '--dir', dir)).out).toBe('No fault is ordered.\n');
  });

  test.each([
    [['--throttle'], 'throttle'],
    [['--stale'], 'stale'],
    [['--cut-before'], 'cut-before'],
    [['--cut-after', '--nth', '3'], 'cut-after'],
    [['--error', 'AccessDenied'], { error: 'AccessDenied' }],
    [['--delay', '2s'], { delayMs: 2_000 }],
  ])('%j', async (options, fault) => {
    const dir = newFolder();
    const sandbox = await start({ dir });
    const { code, out } = await type('fault', 'DescribeRules', ...options, '--json', '--dir', dir);
    expect([code, JSON.parse(out)]).toEqual([0, { schemaVersion: 1, ...sandbox.faults.list()[0] }]);
    expect(sandbox.faults.list()).toMatchObject([{ operation: 'DescribeRules', about: '', times: 1, fault }]);
  });

  test.each([
    ['ModifyRule', [], 'Exactly one of --error'],
    ['ModifyRule', ['--throttle', '--stale'], 'Exactly one of --error'],
    ['ModifyRule', ['--throttle', '--nth', '0'], '--nth is "0"'],
    ['ModifyRule', ['--throttle', '--times', 'twice'], '--times is "twice"'],
    ['ModifyRule', ['--delay', 'soon'], '--delay is "soon"'],
    ['ModifyRule', ['--stale'], 'ModifyRule changes something'],
    ['ModifyRul', ['--throttle'], 'no operation "ModifyRul"'],
  ])('%s %j is exit 2', async (operation, options, message) => {
    const dir = newFolder();
    const sandbox = await start({ dir });
    const { code, out, err } = await type('fault', operation, ...options, '--dir', dir);
    expect([code, out, err]).toEqual([2, '', expect.stringContaining(message)]);
    expect(sandbox.faults.list()).toEqual([]);
  });

  test.each([
    [['--crash'], 'crash', 'Tasks of 1.0: crash.'],
    [['--crash', '--after', '30s'], 'crash', 'Tasks of 1.0, after 30s: crash.'],
    [['--unhealthy', '--after-requests', '9'], 'unhealthy', 'Tasks of 1.0, from request 9 of each on: fail their health checks.'],
    [['--answer', '503', '--rate', '0.5%'], { answer: 503, rate: 0.005 }, 'Tasks of 1.0: answer 0.5% of their requests with 503.'],
    [['--slow', '800ms'], { slowMs: 800, rate: 1 }, 'Tasks of 1.0: answer every request 0.8s later.'],
  ])('for a version: %j', async (options, fault, sentence) => {
    const dir = newFolder();
    const sandbox = await start({ dir });
    expect(await type('fault', '--image', '1.0', ...options, '--dir', dir)).toEqual({ code: 0, out: `${sentence}\n`, err: '' });
    expect(sandbox.faults.list()).toMatchObject([{ image: '1.0', fault }]);
    expect((await type('faults', '--dir', dir)).out).toBe(`${sentence} So far 0 containers, 0 hits.\n`);
  });

  test.each([
    [['Cluster'], { resource: 'Cluster', on: 'create', stack: '', times: 1 }, /^Creating Cluster, try 1: fails with "This was made to fail .+"\.$/],
    [['AWS::ECS::Cluster', '--on', 'update', '--times', 'always'], { on: 'update', times: 'always' }, /^Updating AWS::ECS::Cluster, try 1 and all after it: /],
    [['Cluster', '--on', 'delete', '--stack', 'fleet', '--reason', 'No.', '--nth', '2', '--times', '2'], { nth: 2 }, /^Deleting Cluster of stack fleet, tries 2 to 3: fails with "No\."\.$/],
  ])('for a resource: %j', async (options, order, sentence) => {
    const dir = newFolder();
    const sandbox = await start({ dir });
    const { code, out } = await type('fault', '--resource', ...options, '--dir', dir);
    expect([code, out.trimEnd()]).toEqual([0, expect.stringMatching(sentence)]);
    expect(sandbox.faults.list()).toMatchObject([order]);
    expect((await type('faults', '--dir', dir)).out).toContain('So far 0 matched, 0 of them hit.');
  });

  test.each([
    [[], 'Either an operation is needed'],
    [['ModifyRule', '--image', '1.0', '--crash'], 'Either an operation is needed'],
    [['ModifyRule', '--crash'], '--crash is for the tasks of a version, not for a call.'],
    [['ModifyRule', '--throttle', '--after-requests', '2'], '--after-requests is for the tasks of a version'],
    [['--image', '1.0', '--cut-after'], '--cut-after is for a call, not for the tasks of a version.'],
    [['--image', '1.0'], 'Exactly one of --crash'],
    [['--image', '1.0', '--crash', '--unhealthy'], 'Exactly one of --crash'],
    [['--image', '1.0', '--crash', '--rate', '5%'], '--rate is for --answer and --slow'],
    [['--image', '1.0', '--answer', '99'], '--answer is "99"'],
    [['--image', '1.0', '--answer', '503', '--rate', '0'], '--rate is "0"'],
    [['--image', '1.0', '--answer', '503', '--rate', 'often'], '--rate is "often"'],
    [['--image', '1.0', '--slow', 'much'], '--slow is "much"'],
    [['--image', '1.0', '--crash', '--after', 'soon'], '--after is "soon"'],
    [['--image', '1 0', '--crash'], '"image" is "1 0"'],
    [['--image', '1.0', '--resource', 'Cluster'], 'Either an operation is needed'],
    [['--resource', 'Cluster', '--crash'], '--crash is for the tasks of a version, not for a resource of a stack.'],
    [['ModifyRule', '--throttle', '--stack', 'fleet'], '--stack is for a resource of a stack, not for a call.'],
    [['--resource', 'Cluster', '--on', 'look'], '--on is "look"'],
    [['--resource', 'AWS::Nope::Thing'], '"resource" is "AWS::Nope::Thing"'],
    [['--resource', 'Cluster', '--times', 'twice'], '--times is "twice"'],
  ])('%j is exit 2', async (options, message) => {
    const dir = newFolder();
    const sandbox = await start({ dir });
    const { code, out, err } = await type('fault', ...options, '--dir', dir);
    expect([code, out, err]).toEqual([2, '', expect.stringContaining(message)]);
    expect(sandbox.faults.list()).toEqual([]);
  });

  test('need a sandbox that runs', async () => {
    const dir = newFolder();
    for (const args of [['faults'], ['faults', '--clear'], ['fault', 'ModifyRule', '--throttle']]) {
      const { code, err } = await type(...args, '--dir', dir);
      expect([code, err]).toEqual([1, expect.stringContaining(`No sandbox runs in ${dir}.`)]);
      expect(err).toContain(`ecs-canary sandbox start --detach --dir ${dir}`);
    }
  });
});

test('start --detach hands page size, quotas, policies and switches on', async () => {
  const dir = newFolder();
  const policy = join(newFolder(), 'policy.json');
  writeFileSync(policy, JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 'elasticloadbalancing:*', Resource: '*' } }));
  const quotas = ['--quota', 'target-groups=3', '--quota', 'rules-per-application-load-balancer=200'];
  const started = await cli(['sandbox', 'start', '--detach', '--port', '0', '--page-size', '4', ...quotas, '--throttle', '--lag', '30s', '--speed', '0.01', '--policy', policy, '--dir', dir, '--json']);
  try {
    const elb = new ElasticLoadBalancingV2(clientOf(JSON.parse(started.stdout)));
    const { Limits, NextMarker } = await elb.describeAccountLimits({});
    expect([Limits?.length, NextMarker]).toEqual([4, expect.any(String)]);
    expect(Limits).toContainEqual({ Name: 'rules-per-application-load-balancer', Max: '200' });
    expect((await elb.describeAccountLimits({ Marker: NextMarker })).Limits).toContainEqual({ Name: 'target-groups', Max: '3' });
    await elb.createTargetGroup({ Name: 'a', Protocol: 'HTTP', Port: 80, VpcId: 'vpc-0a', TargetType: 'ip' });
    expect((await elb.describeTargetGroups({})).TargetGroups).toEqual([]);
    await expect(new SSM(clientOf(JSON.parse(started.stdout))).getParameter({ Name: '/p' })).rejects.toThrow('is not authorized to perform: ssm:GetParameter');
    const calls = await Promise.allSettled(Array.from({ length: 60 }, () => elb.describeAccountLimits({})));
    expect(calls.filter(({ status }) => status === 'rejected')).not.toEqual([]);
  } finally {
    expect((await type('stop', '--dir', dir)).out).toBe('The sandbox is stopped.\n');
  }
});

test.each([
  [['--page-size', '0'], '--page-size is "0"'],
  [['--quota', 'rules=5'], '--quota names "rules": it should be one of application-load-balancers, '],
  [['--quota', 'target-groups=many'], '--quota target-groups is "many"'],
  [['--quota', 'target-groups'], '--quota target-groups is ""'],
  [['--lag', 'long'], '--lag is "long"'],
  [['--lag', '2m'], '--lag is "2m"'],
])('start %j is exit 2', async (options, message) => {
  const { code, out, err } = await type('start', ...options, '--dir', newFolder());
  expect([code, out, err]).toEqual([2, '', expect.stringContaining(message)]);
});
