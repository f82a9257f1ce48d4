/** A build-infra or destroy-infra that is cut off before or after any of its writes is completed by the same command. */
import { connectAws } from '../../src/aws/aws.ts';
import { buildInfra } from '../../src/infra/build-infra.ts';
import type { InfraSession } from '../../src/infra/session.ts';
import { type Fault, faultyEndpoint } from '../faulty-endpoint.ts';
import { destroyAll, REGION, withProject } from './project.ts';

type Call = readonly [operation: string, nth: number];

/** Those that write, in order, and of those that read one of each kind; in both commands as many. */
const BUILDING: readonly Call[] = [['CreateStack', 1], ['DescribeStackEvents', 2], ['CreateStack', 2], ['CreateRule', 1], ['DescribeRules', 1], ['GetTemplate', 1]];
const DESTROYING: readonly Call[] = [['ModifyRule', 1], ['DeleteRule', 1], ['DeleteStack', 1], ['UpdateTerminationProtection', 1], ['DeleteStack', 2], ['ListImages', 1]];

test.each<[string, Fault]>([
  ['before it takes effect', { error: 'AccessDenied' }],
  ['after it took effect', 'cut-after'],
])('cut off at a call, %s', (_, fault) =>
  withProject(async ({ session, aws, sandbox, writes }) => {
    const endpoint = await faultyEndpoint(sandbox.url);
    /** @returns whether the command failed with the call. */
    const cutOff = async ([operation, from]: Call, command: (cut: InfraSession) => Promise<unknown>) => {
      endpoint.order(operation, fault, { from, repetitions: true });
      const through = { ...session().session, aws: connectAws({ region: REGION, endpointUrl: endpoint.url }) };
      const failed = await command(through).then(() => false, () => true);
      endpoint.forget();
      return failed;
    };
    try {
      for (const [index, call] of BUILDING.entries()) {
        expect([call, await cutOff(call, buildInfra)]).toEqual([call, true]);
        await buildInfra(session().session);
        const before = await writes();
        expect((await buildInfra(session().session)).changed).toBe(false);
        expect(await writes()).toEqual(before);
        const other = DESTROYING[index] ?? call;
        expect([other, await cutOff(other, destroyAll)]).toEqual([other, true]);
        await destroyAll(session().session);
        expect(await destroyAll(session().session)).toBe(false);
        expect(await aws.stacks.all()).toEqual([]);
      }
    } finally {
      await endpoint.close();
    }
  }), 300_000);
