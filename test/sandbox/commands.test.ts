/** `sandbox fault` and `sandbox faults`, and what `sandbox start` refuses, as somebody types them. */
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

  test('need a sandbox that runs', async () => {
    const dir = newFolder();
    for (const args of [['faults'], ['faults', '--clear'], ['fault', 'ModifyRule', '--throttle']]) {
      const { code, err } = await type(...args, '--dir', dir);
      expect([code, err]).toEqual([1, expect.stringContaining(`No sandbox runs in ${dir}.`)]);
      expect(err).toContain(`ecs-canary sandbox start --detach --dir ${dir}`);
    }
  });
});

test('start --detach hands page size, quotas and switches on', async () => {
  const dir = newFolder();
  const quotas = ['--quota', 'target-groups=3', '--quota', 'rules-per-application-load-balancer=200'];
  const started = await cli(['sandbox', 'start', '--detach', '--port', '0', '--page-size', '4', ...quotas, '--throttle', '--speed', '0.01', '--dir', dir, '--json']);
  try {
    const elb = new ElasticLoadBalancingV2(clientOf(JSON.parse(started.stdout)));
    const { Limits, NextMarker } = await elb.describeAccountLimits({});
    expect([Limits?.length, NextMarker]).toEqual([4, expect.any(String)]);
    expect(Limits).toContainEqual({ Name: 'rules-per-application-load-balancer', Max: '200' });
    expect((await elb.describeAccountLimits({ Marker: NextMarker })).Limits).toContainEqual({ Name: 'target-groups', Max: '3' });
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
])('start %j is exit 2', async (options, message) => {
  const { code, out, err } = await type('start', ...options, '--dir', newFolder());
  expect([code, out, err]).toEqual([2, '', expect.stringContaining(message)]);
});
