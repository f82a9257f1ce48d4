/** What AWS says of things that it does not read back yet. */
import { connectAws } from '../../src/aws/aws.ts';
import { clientOf, start } from '../sandbox/running.ts';

test('a service that was just made and is not read back yet has no tasks', async () => {
  const sandbox = await start();
  const { ECS } = await import('@aws-sdk/client-ecs');
  await new ECS(clientOf(sandbox)).createCluster({ clusterName: 'echo' });
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  const aws = connectAws({ region: 'eu-central-1', endpointUrl: sandbox.url });
  for (const status of ['RUNNING', 'STOPPED'] as const) expect(await aws.containers.tasks('echo', 'server-blue', status)).toEqual([]);
  expect(await aws.containers.describeServices('echo', ['server-blue'])).toEqual([]);
});
