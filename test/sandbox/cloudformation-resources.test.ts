/** Types of resources: what Ref and Fn::GetAtt give of them, and what is really there then. */
import { DeleteStackCommand } from '@aws-sdk/client-cloudformation';
import { ElasticLoadBalancingV2, type Certificate } from '@aws-sdk/client-elastic-load-balancing-v2';
import { freePort } from '../../src/sandbox/dataplane/free-port.ts';
import { parametersOf, useLab } from './cloudformation-lab.ts';
import { clientOf } from './running.ts';

const lab = useLab();

const certificate = (name: string) => `arn:aws:acm:eu-central-1:000000000000:certificate/${name}`;
const outputs = async (stack: string) =>
  Object.fromEntries(((await lab.settled(stack)).Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]));

test('private subnets: NAT gateways, endpoints, addresses, rules of security groups', async () => {
  const stack = await lab.create('net', `
Resources:
  Vpc: {Type: 'AWS::EC2::VPC', Properties: {CidrBlock: 10.0.0.0/16}}
  Subnet: {Type: 'AWS::EC2::Subnet', Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/20, AvailabilityZone: !Select [0, !GetAZs '']}}
  Address: {Type: 'AWS::EC2::EIP', Properties: {Domain: vpc}}
  Nat: {Type: 'AWS::EC2::NatGateway', Properties: {AllocationId: !GetAtt Address.AllocationId, SubnetId: !Ref Subnet}}
  Table: {Type: 'AWS::EC2::RouteTable', Properties: {VpcId: !Ref Vpc}}
  Way: {Type: 'AWS::EC2::Route', Properties: {RouteTableId: !Ref Table, DestinationCidrBlock: 0.0.0.0/0, NatGatewayId: !Ref Nat}}
  Group: {Type: 'AWS::EC2::SecurityGroup', Properties: {GroupDescription: g, VpcId: !Ref Vpc}}
  In: {Type: 'AWS::EC2::SecurityGroupIngress', Properties: {GroupId: !GetAtt Group.GroupId, IpProtocol: tcp, FromPort: 1, ToPort: 2, SourceSecurityGroupId: !GetAtt Group.GroupId}}
  Out: {Type: 'AWS::EC2::SecurityGroupEgress', Properties: {GroupId: !GetAtt Group.GroupId, IpProtocol: '-1', CidrIp: 0.0.0.0/0}}
  Endpoint: {Type: 'AWS::EC2::VPCEndpoint', Properties: {VpcEndpointType: Interface, ServiceName: !Sub 'com.amazonaws.\${AWS::Region}.ecr.dkr', VpcId: !Ref Vpc, SubnetIds: [!Ref Subnet]}}
  S3: {Type: 'AWS::EC2::VPCEndpoint', Properties: {ServiceName: !Sub 'com.amazonaws.\${AWS::Region}.s3', VpcId: !Ref Vpc, RouteTableIds: [!Ref Table]}}
Outputs:
  Nat: {Value: !Ref Nat}
  Address: {Value: !Ref Address}
  Allocation: {Value: !GetAtt Address.AllocationId}
  Endpoint: {Value: !Ref Endpoint}
  Entry: {Value: !Select [1, !Split [':', !Select [0, !GetAtt Endpoint.DnsEntries]]]}
  Rule: {Value: !Ref In}
`);
  expect(stack.StackStatus).toBe('CREATE_COMPLETE');
  expect(await outputs('net')).toEqual({
    Nat: expect.stringMatching(/^nat-0[0-9a-f]{16}$/),
    Address: expect.stringMatching(/^203\.0\.113\.\d+$/),
    Allocation: expect.stringMatching(/^eipalloc-0[0-9a-f]{16}$/),
    Endpoint: expect.stringMatching(/^vpce-0[0-9a-f]{16}$/),
    Entry: expect.stringMatching(/^vpce-0[0-9a-f]{16}-[0-9a-f]{8}\.ecr\.dkr\.eu-central-1\.vpce\.amazonaws\.com$/),
    Rule: expect.stringMatching(/^sgr-0[0-9a-f]{16}$/),
  });
});

const HTTPS = `
Parameters:
  Policy: {Type: String, Default: ELBSecurityPolicy-TLS13-1-2-2021-06}
  Others: {Type: CommaDelimitedList, Default: '${certificate('b')}'}
Resources:
  Balancer: {Type: 'AWS::ElasticLoadBalancingV2::LoadBalancer', Properties: {Subnets: [subnet-1, subnet-2]}}
  Plain:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Balancer
      Protocol: HTTP
      Port: PLAIN
      DefaultActions: [{Type: redirect, RedirectConfig: {Protocol: HTTPS, Port: '443', StatusCode: HTTP_301}}]
  Secure:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Balancer
      Protocol: HTTPS
      Port: 443
      SslPolicy: !Ref Policy
      Certificates: [{CertificateArn: '${certificate('a')}'}]
      DefaultActions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: '503'}}]
  More:
    Type: AWS::ElasticLoadBalancingV2::ListenerCertificate
    Properties:
      ListenerArn: !Ref Secure
      Certificates: [{CertificateArn: !Select [0, !Ref Others]}]
Outputs: {Secure: {Value: !GetAtt Secure.ListenerArn}}
`;

test('listeners for HTTPS, with certificates of their own and others, beside one that redirects', async () => {
  const port = await freePort();
  const template = HTTPS.replace('PLAIN', String(port));
  expect((await lab.create('web', template)).StackStatus).toBe('CREATE_COMPLETE');
  const { Secure: ListenerArn = '' } = await outputs('web');
  const elb = new ElasticLoadBalancingV2(clientOf(lab.sandbox));
  const names = ({ Certificates = [] }: { Certificates?: Certificate[] }) =>
    Certificates.map(({ CertificateArn, IsDefault }) => `${CertificateArn?.split('/')[1]}${IsDefault ? ' default' : ''}`);
  expect((await elb.describeListeners({ ListenerArns: [ListenerArn] })).Listeners).toMatchObject([
    { Protocol: 'HTTPS', Port: 443, SslPolicy: 'ELBSecurityPolicy-TLS13-1-2-2021-06', Certificates: [{ CertificateArn: certificate('a') }] },
  ]);
  expect(names(await elb.describeListenerCertificates({ ListenerArn }))).toEqual(['a default', 'b']);
  const answer = await fetch(`http://127.0.0.1:${port}/here?x=1`, { redirect: 'manual' });
  expect([answer.status, answer.headers.get('location')]).toEqual([301, 'https://127.0.0.1:443/here?x=1']);
  await expect(elb.removeListenerCertificates({ ListenerArn, Certificates: [{ CertificateArn: certificate('a') }] })).rejects.toMatchObject({
    name: 'OperationNotPermittedException',
  });

  const changed = await lab.update('web', template, { Parameters: parametersOf({ Policy: 'ELBSecurityPolicy-2016-08', Others: certificate('c') }) });
  expect(changed.StackStatus).toBe('UPDATE_COMPLETE');
  expect((await outputs('web'))['Secure']).toBe(ListenerArn);
  expect(names(await elb.describeListenerCertificates({ ListenerArn }))).toEqual(['a default', 'c']);
  // Without the resource its certificates go, and the listener's own one stays.
  const without = template.replace(/ {2}More:[\s\S]*(?=Outputs)/, '');
  expect((await lab.update('web', without, { Parameters: parametersOf({ Policy: 'ELBSecurityPolicy-2016-08' }) })).StackStatus).toBe('UPDATE_COMPLETE');
  expect(names(await elb.describeListenerCertificates({ ListenerArn }))).toEqual(['a default']);
  elb.destroy();
});

test('subnets, security groups and the way to the internet stay while network interfaces are there', async () => {
  const network = `
Resources:
  Vpc: {Type: 'AWS::EC2::VPC', Properties: {CidrBlock: 10.0.0.0/16}}
  One: {Type: 'AWS::EC2::Subnet', Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/20}}
  Two: {Type: 'AWS::EC2::Subnet', Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.16.0/20}}
  Group: {Type: 'AWS::EC2::SecurityGroup', Properties: {GroupDescription: g, VpcId: !Ref Vpc}}
  Unused: {Type: 'AWS::EC2::SecurityGroup', Properties: {GroupDescription: u, VpcId: !Ref Vpc}}
  Gateway: {Type: 'AWS::EC2::InternetGateway'}
  Attachment: {Type: 'AWS::EC2::VPCGatewayAttachment', Properties: {VpcId: !Ref Vpc, InternetGatewayId: !Ref Gateway}}
`;
  const { StackId = '' } = await lab.create('net', network);
  const [one, two, group, vpc] = await Promise.all(['One', 'Two', 'Group', 'Vpc'].map((id) => lab.physicalId('net', id)));
  const elb = new ElasticLoadBalancingV2(clientOf(lab.sandbox));
  const made = await elb.createLoadBalancer({ Name: 'foreign', Subnets: [one ?? '', two ?? ''], SecurityGroups: [group ?? ''] });
  await lab.client.send(new DeleteStackCommand({ StackName: 'net' }));
  expect(await lab.settled('net')).toMatchObject({ StackStatus: 'DELETE_FAILED' });
  const failures = (await lab.history('net')).filter((line) => line.includes('DELETE_FAILED Resource')).map((line) => line.replace(/ \(Service.*/, ''));
  expect(failures.toSorted()).toEqual([
    `Attachment DELETE_FAILED Resource handler returned message: "Network ${vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.`,
    `Group DELETE_FAILED Resource handler returned message: "resource ${group} has a dependent object`,
    `One DELETE_FAILED Resource handler returned message: "The subnet '${one}' has dependencies and cannot be deleted.`,
    `Two DELETE_FAILED Resource handler returned message: "The subnet '${two}' has dependencies and cannot be deleted.`,
  ]);
  await elb.deleteLoadBalancer({ LoadBalancerArn: made.LoadBalancers?.[0]?.LoadBalancerArn });
  elb.destroy();
  await lab.client.send(new DeleteStackCommand({ StackName: 'net' }));
  expect((await lab.settled(StackId)).StackStatus).toBe('DELETE_COMPLETE');
});
