/** Updates by change set: what is shown, what is asked, and that none is left lying about. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Aws } from '../../src/aws/aws.ts';
import type { ChangeSetKey } from '../../src/aws/cloudformation.ts';
import { runProgram } from '../../src/cli/program.ts';
import { buildInfra, planInfra } from '../../src/infra/build-infra.ts';
import { previewInfra } from '../../src/infra/preview-infra.ts';
import type { InfraSession } from '../../src/infra/session.ts';
import { followStack } from '../../src/infra/stack-operation.ts';
import { baseRequest, serviceRequest } from '../../src/infra/stack-requests.ts';
import { freePort } from '../../src/sandbox/dataplane/free-port.ts';
import { withProject } from './project.ts';

const bastion = { KEY_PAIR: 'harbour', BASTION_CIDR: '192.0.2.0/24' };

/** Runs the program with nobody at a terminal, or with somebody who types `keys`. */
async function run(args: readonly string[], env: Record<string, string>, keys?: string) {
  const stream = () => Object.assign(new PassThrough(), { isTTY: keys !== undefined });
  const [stdin, stdout, stderr] = [stream(), stream(), stream()];
  if (keys !== undefined) stdin.write(keys);
  const code = await runProgram(args, { stdin, stdout, stderr, env: { POLL_INTERVAL: '0.1', TERM: 'dumb', ...env } }, '0');
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

async function changeSetsOf(aws: Aws): Promise<string[]> {
  const found = await Promise.all((await aws.stacks.all()).map(({ id }) => aws.stacks.changeSets(id)));
  return found.flat().map(({ name }) => name);
}

test('before anything is there, --change-set shows what would be made, and leaves nothing', () =>
  withProject(async ({ variables, aws }) => {
    const { code, stdout } = await run(['build-infra', '--change-set'], variables());
    expect(code).toBe(0);
    const lines = stdout.split('\n');
    expect(lines).toContain('fleet:');
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}added {2}Cluster +AWS::ECS::Cluster$/));
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}added {2}PublicLoadBalancer +(AWS::)?ElasticLoadBalancingV2::LoadBalancer$/));
    expect(lines).toContain('fleet-server: made once the base is there; what it is made of comes from it.');
    expect(Math.max(...lines.filter((line) => /^ {2}added/.test(line)).map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(await aws.stacks.all()).toEqual([]);
  }));

test('--change-set tells a change from a removal and a new rule, as JSON too, and does none of it', () =>
  withProject(async ({ session, variables, aws, writes }) => {
    await buildInfra(session(bastion).session);
    const changed = { DEREGISTRATION_DELAY: '12', PATH_PATTERN: '/v2/*' };
    const before = await writes();
    const shown = await run(['build-infra', '--change-set', '--json'], variables(changed));
    expect(shown.code).toBe(0);
    expect(JSON.parse(shown.stdout)).toEqual({
      schemaVersion: 1,
      changeSets: [
        { stack: 'fleet', note: null, changes: expect.arrayContaining([{ change: 'removed', resource: 'Bastion', type: 'AWS::EC2::Instance' }]) },
        {
          stack: 'fleet-server',
          note: null,
          changes: ['BlueTargetGroup', 'GreenTargetGroup'].map((resource) => ({ change: 'changed', resource, type: 'AWS::ElasticLoadBalancingV2::TargetGroup' })),
        },
      ],
      steps: ['create the listener rule of server for path-pattern /v2/*, weights 100/0'],
    });
    const own = ['CreateChangeSet', 'DeleteChangeSet'].map((operation) => `cloudformation:${operation}`);
    expect((await writes()).slice(before.length)).toEqual([...own, ...own]);
    expect(await changeSetsOf(aws)).toEqual([]);
    expect((await aws.stacks.describe('fleet-server'))?.status).toBe('CREATE_COMPLETE');
  }));

test('--dry-run shows the difference to what is deployed, and writes nothing', () =>
  withProject(async ({ session, variables, aws, writes }) => {
    const { settings } = session();
    const base = baseRequest(settings, undefined);
    await make(aws, session().session, { ...base, template: base.template.replace("StatusCode: '503'", "StatusCode: '404'") });
    const before = await writes();
    const { code, stdout } = await run(['build-infra', '--dry-run'], variables({ LISTENER_PORT: '81' }));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}1\. update stack fleet\n {7}parameter ListenerPort: \d+ -> 81\n {7}template, Resources\.PublicListener\.Properties[.\w]*:\n/m);
    expect(stdout).toMatch(/^ +- +StatusCode: '404'\n +\+ +StatusCode: '503'$/m);
    expect(await writes()).toEqual(before);
  }));

test('an update that removes something is made with consent only', () =>
  withProject(async ({ session, variables, aws }) => {
    await buildInfra(session(bastion).session);
    const refused = await run(['build-infra'], variables());
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/removed +Bastion +AWS::EC2::Instance\n[\s\S]*ecs-canary build-infra --yes/) });
    expect(await run(['build-infra'], variables(), 'n\n')).toMatchObject({ code: 1, stderr: expect.stringContaining('Update fleet? [y/N]') });
    expect(await changeSetsOf(aws)).toEqual([]);
    expect((await aws.stacks.describe('fleet'))?.outputs['BastionEndpoint']).toBeDefined();

    expect(await run(['build-infra', '--yes'], variables())).toMatchObject({ code: 0, stdout: expect.not.stringContaining('Bastion endpoint') });
    expect((await aws.stacks.describe('fleet'))?.outputs['BastionEndpoint']).toBeUndefined();
  }));

test('who refuses one update finds the others not begun', () =>
  withProject(async ({ session, variables, aws, writes }) => {
    await buildInfra(session(bastion).session);
    const before = await writes();
    const changed = variables({ TERMINATION_PROTECTION: 'false', DEREGISTRATION_DELAY: '12' });
    expect(await run(['build-infra'], changed)).toMatchObject({ code: 2, stderr: expect.stringContaining('Update fleet?') });
    expect(new Set((await writes()).slice(before.length))).toEqual(new Set(['cloudformation:CreateChangeSet', 'cloudformation:DeleteChangeSet']));
    expect(await changeSetsOf(aws)).toEqual([]);

    expect(await run(['build-infra'], changed, 'y\n')).toMatchObject({ code: 0, stderr: expect.stringMatching(/^(?!.*\[y\/N\].*\[y\/N\])/s) });
    expect(await aws.stacks.describe('fleet')).toMatchObject({ isProtected: false, status: 'UPDATE_COMPLETE' });
  }));

test('an update that only adds and changes asks nobody', () =>
  withProject(async ({ session }) => {
    await buildInfra(session().session);
    const consent = () => Promise.reject(new Error('asked'));
    expect((await buildInfra(session({ ...bastion, DEREGISTRATION_DELAY: '12' }).session, consent)).changed).toBe(true);
  }));

test('a template that comes to the same is nothing to do, and leaves no change set', () =>
  withProject(async ({ session, aws }) => {
    const { session: mine, settings } = session();
    const base = baseRequest(settings, undefined);
    await make(aws, mine, { ...base, template: `${base.template}\n# of an older version` });
    await buildInfra(mine);
    expect(await planInfra(mine)).toEqual([expect.stringMatching(/^update stack fleet\n.*\n[\s\S]*- ?# of an older version/)]);
    expect((await buildInfra(mine)).changed).toBe(false);
    expect(await changeSetsOf(aws)).toEqual([]);
  }));

test('what killed runs left is cleared away: change sets, and stacks that only had one', () =>
  withProject(async ({ session, aws }) => {
    const { session: mine, settings } = session();
    await aws.stacks.createChangeSet(baseRequest(settings, undefined), 'CREATE', 'ecs-canary-look-1');
    expect((await planInfra(mine))[0]).toBe('delete stack fleet, which is REVIEW_IN_PROGRESS and can only be deleted');
    await buildInfra(mine);

    const base = await aws.stacks.describe('fleet');
    const request = { ...baseRequest(settings, base), tags: { other: 'yes' } };
    await aws.stacks.createChangeSet(request, 'UPDATE', 'ecs-canary-1');
    await aws.stacks.createChangeSet(request, 'UPDATE', 'of-somebody');
    expect(await planInfra(mine)).toEqual(['delete change set ecs-canary-1 of stack fleet, which a run has left']);
    expect((await buildInfra(mine)).changed).toBe(false);
    expect(await changeSetsOf(aws)).toEqual(['of-somebody']);
  }));

test("a stack that only has somebody else's change set is not touched", () =>
  withProject(async ({ session, aws }) => {
    const { session: mine, settings } = session();
    await aws.stacks.createChangeSet({ ...baseRequest(settings, undefined), tags: {} }, 'CREATE', 'of-somebody');
    await expect(buildInfra(mine)).rejects.toMatchObject({
      code: 'not-ours',
      message: expect.stringContaining('of-somebody'),
      next: expect.stringContaining('aws cloudformation delete-stack --stack-name fleet'),
    });
    expect(await changeSetsOf(aws)).toEqual(['of-somebody']);
  }));

test('Ctrl-C while CloudFormation looks for changes leaves no change set', () =>
  withProject(async ({ session, aws }) => {
    await buildInfra(session().session);
    const { session: mine } = session({ DEREGISTRATION_DELAY: '12' });
    const controller = new AbortController();
    const changeSet = async (key: ChangeSetKey) => {
      controller.abort(new Error('Ctrl-C'));
      return aws.stacks.changeSet(key);
    };
    const interrupted: InfraSession = {
      ...mine,
      aws: { ...aws, stacks: { ...aws.stacks, changeSet } },
      wait: () => ({ ...mine.wait(), signal: controller.signal }),
    };
    await expect(buildInfra(interrupted)).rejects.toThrow('Ctrl-C');
    expect(await changeSetsOf(aws)).toEqual([]);
    expect((await aws.stacks.describe('fleet-server'))?.status).toBe('CREATE_COMPLETE');
  }));

test('a change set that somebody else deletes or overtakes is made again', () =>
  withProject(async ({ session, aws }) => {
    await buildInfra(session().session);
    const { session: mine } = session({ DEREGISTRATION_DELAY: '12' });
    let executions = 0;
    const executeChangeSet = async (key: ChangeSetKey, operation: string) => {
      executions += 1;
      if (executions === 1) await aws.stacks.deleteChangeSet(key);
      return aws.stacks.executeChangeSet(key, operation);
    };
    const raced = { ...mine, aws: { ...aws, stacks: { ...aws.stacks, executeChangeSet } } };
    expect((await buildInfra(raced)).changed).toBe(true);
    expect(executions).toBe(2);
    expect((await aws.stacks.describe('fleet-server'))?.parameters).toMatchObject({ DeregistrationDelay: '12' });
  }));

test.each(['CreateChangeSet', 'ExecuteChangeSet', 'UpdateTerminationProtection'])('a lost answer to %s is looked up', (operation) =>
  withProject(async ({ session, aws, sandbox }) => {
    await buildInfra(session().session);
    await sandbox.faults.order({ operation, fault: 'cut-after' });
    const { session: mine } = session({ DEREGISTRATION_DELAY: '12', TERMINATION_PROTECTION: 'false' });
    expect((await buildInfra(mine)).changed).toBe(true);
    expect(sandbox.faults.list()[0]?.hits).toBe(1);
    expect((await buildInfra(mine)).changed).toBe(false);
    expect(await changeSetsOf(aws)).toEqual([]);
  }));

test.each(['CreateChangeSet', 'DeleteChangeSet', 'DeleteStack'])('a look leaves nothing where the answer to %s is lost', (operation) =>
  withProject(async ({ session, aws, sandbox }) => {
    const made = operation === 'DeleteStack' ? [] : ['fleet', 'fleet-server'];
    if (made.length > 0) await buildInfra(session().session);
    await sandbox.faults.order({ operation, fault: 'cut-after' });
    await previewInfra(session({ DEREGISTRATION_DELAY: '12' }).session);
    expect(sandbox.faults.list()[0]?.hits).toBe(1);
    expect((await aws.stacks.all()).map(({ name }) => name).toSorted()).toEqual(made);
    expect(await changeSetsOf(aws)).toEqual([]);
  }));

test('the base refuses to be deleted, unless TERMINATION_PROTECTION says otherwise', () =>
  withProject(async ({ session, aws }) => {
    await buildInfra(session().session);
    await expect(aws.stacks.delete('fleet', 'somebody')).rejects.toThrow(/TerminationProtection/);
    const free = session({ TERMINATION_PROTECTION: 'false' }).session;
    expect(await planInfra(free)).toEqual(['end the protection of stack fleet']);
    expect((await buildInfra(free)).changed).toBe(true);
    expect(await planInfra(session().session)).toEqual(['protect stack fleet from being deleted']);
    expect((await aws.stacks.describe('fleet-server'))?.isProtected).toBe(false);
  }));

test('CloudFormation that can not make a change set says why, and none is left', () =>
  withProject(async ({ session, aws }) => {
    const { session: mine } = session();
    await buildInfra(mine);
    const changeSet = async (key: ChangeSetKey) => {
      const found = await aws.stacks.changeSet(key);
      return found.status === 'CREATE_COMPLETE' ? { ...found, status: 'FAILED', reason: 'Transform failed.' } : found;
    };
    const failing = { ...session({ DEREGISTRATION_DELAY: '12' }).session, aws: { ...aws, stacks: { ...aws.stacks, changeSet } } };
    await expect(buildInfra(failing)).rejects.toMatchObject({ code: 'change-set-failed', message: expect.stringContaining('Transform failed.') });
    expect(await changeSetsOf(aws)).toEqual([]);
  }));

test('an update that fails names its cause, goes back, and can be made once the cause is gone', () =>
  withProject(async ({ session, aws }) => {
    await buildInfra(session().session);
    const port = await freePort();
    const holder = createServer().listen(port, '127.0.0.1');
    await once(holder, 'listening');
    const moved = session({ LISTENER_PORT: String(port) }).session;
    try {
      await expect(buildInfra(moved)).rejects.toMatchObject({
        code: 'stack-failed',
        message: expect.stringMatching(/^Stack fleet could not be updated: PublicListener \(AWS::ElasticLoadBalancingV2::Listener\): .* It is UPDATE_ROLLBACK_COMPLETE now\.$/),
      });
    } finally {
      holder.close();
      await once(holder, 'close');
    }
    expect((await buildInfra(moved)).publicEndpoint).toBe(`http://127.0.0.1:${port}`);
    expect(await changeSetsOf(aws)).toEqual([]);
  }));

test('an update that could not be taken back says what is left, and how a person mends it', () =>
  withProject(async ({ session, sandbox }) => {
    await buildInfra(session().session);
    await sandbox.faults.order({ resource: 'GreenTargetGroup', on: 'update', stack: 'fleet-server', reason: 'No.', times: 2 });
    const { session: changed } = session({ DEREGISTRATION_DELAY: '12' });
    const next = 'aws cloudformation continue-update-rollback --stack-name fleet-server --region eu-central-1, then: ecs-canary build-infra';
    await expect(buildInfra(changed)).rejects.toMatchObject({
      code: 'stack-failed', message: expect.stringContaining('UPDATE_ROLLBACK_FAILED'), usersAre: expect.stringContaining('could not be taken back'), next,
    });
    await expect(buildInfra(changed)).rejects.toMatchObject({ code: 'stack-broken', next });
  }));

test('killed after any call of an update, the next run completes it and nothing is left', () =>
  withProject(async ({ session, aws }) => {
    await buildInfra(session().session);
    let calls = 0;
    for (let call = 1; calls >= call - 1; call += 1) {
      const delay = String(100 + call);
      const changed = session({ DEREGISTRATION_DELAY: delay }).session;
      const mortal = dyingAfter(call, aws);
      await buildInfra({ ...changed, aws: mortal.aws }).catch(() => undefined);
      calls = mortal.calls();
      await buildInfra(changed);
      expect(await aws.stacks.describe('fleet-server')).toMatchObject({ status: 'UPDATE_COMPLETE', parameters: { DeregistrationDelay: delay } });
      expect([call, await changeSetsOf(aws)]).toEqual([call, []]);
    }
    expect(calls).toBeGreaterThan(10);
  }), 120_000);

test('a look that is killed after any call leaves nothing once it is run again', () =>
  withProject(async ({ session, aws }) => {
    const look = async (mine: InfraSession) => {
      let calls = 0;
      for (let call = 1; calls >= call - 1; call += 1) {
        const mortal = dyingAfter(call, aws);
        await previewInfra({ ...mine, aws: mortal.aws }).catch(() => undefined);
        calls = mortal.calls();
        await previewInfra(mine);
        expect([call, await changeSetsOf(aws)]).toEqual([call, []]);
        expect((await aws.stacks.all()).filter(({ status }) => status === 'REVIEW_IN_PROGRESS')).toEqual([]);
      }
      expect(calls).toBeGreaterThan(5);
    };
    await look(session().session);
    expect(await aws.stacks.all()).toEqual([]);
    await buildInfra(session().session);
    await look(session({ DEREGISTRATION_DELAY: '12' }).session);
  }), 120_000);

test('a look whose change set somebody else takes away says so at once', () =>
  withProject(async ({ session, aws }) => {
    const { session: mine } = session();
    const changeSet = async (key: ChangeSetKey) => {
      const found = await aws.stacks.changeSet(key);
      await aws.stacks.delete(found.stack, 'somebody');
      return found;
    };
    const raced = { ...mine, aws: { ...aws, stacks: { ...aws.stacks, changeSet } } };
    await expect(previewInfra(raced)).rejects.toMatchObject({ code: 'overtaken', next: 'ecs-canary build-infra --change-set' });
  }));

test('reads that lag behind an update are waited for, and it is made once', () =>
  withProject(async ({ session, writes }) => {
    await buildInfra(session().session);
    const changed = { DEREGISTRATION_DELAY: '12', TERMINATION_PROTECTION: 'false' };
    expect((await buildInfra(session(changed).session)).changed).toBe(true);
    expect((await writes()).filter((write) => write.endsWith(':ExecuteChangeSet'))).toHaveLength(1);
    expect((await buildInfra(session(changed).session)).changed).toBe(false);
  }, { lagMs: 10_000, seed: 3 }));

/** CloudFormation for a run that dies after one of its calls: nothing that it asks for afterwards is heard. */
function dyingAfter(call: number, aws: Aws): { aws: Aws; calls: () => number } {
  let calls = 0;
  const dead = () => new Error('killed');
  const stacks = new Proxy(aws.stacks, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver);
      if (typeof method !== 'function') return method;
      return async (...args: unknown[]) => {
        calls += 1;
        if (calls > call) throw dead();
        const answer: unknown = await Reflect.apply(method, target, args);
        if (calls === call) throw dead();
        return answer;
      };
    },
  });
  return { aws: { ...aws, stacks }, calls: () => calls };
}

/** A stack as somebody made it with another version of the program. */
async function make(aws: Aws, session: InfraSession, request: ReturnType<typeof serviceRequest>): Promise<void> {
  const stack = await aws.stacks.create(request, 'earlier');
  await followStack({ stack, operation: 'earlier', verb: 'made', usersAre: '', next: '' }, session, session.wait());
}
