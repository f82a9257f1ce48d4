/** Names of private hosted zones in tasks that are processes. */
import { Route53 } from '@aws-sdk/client-route-53';
import { type EcsLab, openEcsLab } from './ecs-lab.ts';
import { clientOf } from './running.ts';

let lab: EcsLab;
beforeAll(async () => {
  lab = await openEcsLab();
});
afterAll(() => lab.end());

test('a task finds a name of a private zone', async () => {
  const route53 = new Route53(clientOf(lab.sandbox, 'us-east-1'));
  const { HostedZone } = await route53.createHostedZone({ Name: 'echo.internal', CallerReference: '1', VPC: { VPCId: 'vpc-1', VPCRegion: 'eu-central-1' } });
  const record = { Name: 'server.echo.internal', Type: 'A', AliasTarget: { HostedZoneId: 'Z35SXDOTRQ7X7K', DNSName: '127.0.0.1', EvaluateTargetHealth: false } } as const;
  await route53.changeResourceRecordSets({ HostedZoneId: HostedZone?.Id, ChangeBatch: { Changes: [{ Action: 'CREATE', ResourceRecordSet: record }] } });
  const script = `require('node:dns').promises.lookup('server.echo.internal', { all: true }).then((found) =>
    require('node:http').createServer((_, response) => response.end(JSON.stringify(found))).listen(process.env.PORT, process.env.HOST));`;
  const { loadBalancers, url } = await lab.balance('names');
  await lab.createService('names', await lab.register('1', { entryPoint: ['node', '-e', script] }), { loadBalancers, desiredCount: 1 });
  await lab.until('names', ({ deployments = [] }) => deployments[0]?.rolloutState === 'COMPLETED');
  await expect(fetch(url).then((response) => response.json())).resolves.toEqual([{ address: '127.0.0.1', family: 4 }]);
});
