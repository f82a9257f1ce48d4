/**
 * What CloudFormation calls in the caller's name when it makes, changes and deletes each type of resource.
 * Sources: the `handlers` of the public resource schemas, less what only properties that our templates do not have need (KMS, IPAM,
 * network load balancers, …); after each of them the resource is read. What the calls are about is from the Service Authorization
 * Reference. Nothing of it was tried on AWS.
 */
import type { Region } from '../parts.ts';
import type { LinkedService } from '../world/iam-state.ts';
import { lacksRole, LINKED_ROLES } from '../world/linked-roles.ts';
import { all, type Asked, type Need, onNothing, recordKeys, requestTags, text, texts } from './needs.ts';

export type Verb = 'create' | 'update' | 'delete';
export type ResourceNeeds = Readonly<Record<Verb, readonly Need[]>>;

const ec2 = (kind: string, id: string, { region }: Asked) => region.arn('ec2', `${kind}/${id}`);
/** A resource of EC2 itself; `*` while it has no id. */
const own = (kind: string) => (asked: Asked) => [ec2(kind, asked.physicalId ?? '*', asked)];
/** Resources of EC2 that properties name. */
const named = (kind: string, ...members: string[]) => (asked: Asked) =>
  members.flatMap((member) => texts(asked, member)).map((id) => ec2(kind, id, asked));
const both = (...parts: readonly ((asked: Asked) => readonly string[])[]) => (asked: Asked) => parts.flatMap((part) => part(asked));

/** What is asked for only where the resource has the property. */
const ifGiven = (property: string, on: NonNullable<Need['on']>) => (asked: Asked) => (asked.input[property] === undefined ? [] : on(asked));

/** EC2 asks for CreateTags with the call that makes a resource. Source: "Grant permission to tag resources during creation" of the EC2 guide. */
const making = (action: string, kind: string, needed: (asked: Asked) => readonly string[] = () => []): Need[] => [
  { action: `ec2:${action}`, on: both(own(kind), needed), tags: requestTags },
  { action: 'ec2:CreateTags', on: own(kind), tags: requestTags, keys: () => ({ 'ec2:CreateAction': action }) },
];
const retagging = (kind: string) => all(['ec2:CreateTags', 'ec2:DeleteTags'], own(kind), { tags: requestTags });

const vpcReads = onNothing('ec2:DescribeVpcs', 'ec2:DescribeVpcAttribute', 'ec2:DescribeNetworkAcls', 'ec2:DescribeSecurityGroups');
const subnetReads = onNothing('ec2:DescribeSubnets', 'ec2:DescribeNetworkAcls');
const routeReads = onNothing('ec2:DescribeRouteTables');
const groupReads = onNothing('ec2:DescribeSecurityGroups');
const ruleReads = onNothing('ec2:DescribeSecurityGroups', 'ec2:DescribeSecurityGroupRules');
const instanceReads = onNothing(
  'ec2:DescribeInstances', 'ec2:DescribeInstanceAttribute', 'ec2:DescribeInstanceCreditSpecifications', 'ec2:DescribeNetworkInterfaces', 'ec2:DescribeVolumes',
);

const routeTable = (asked: Asked) => (text(asked, 'RouteTableId') === '' ? [ec2('route-table', '*', asked)] : named('route-table', 'RouteTableId')(asked));
const partsOfEndpoint = both(named('vpc', 'VpcId'), named('subnet', 'SubnetIds'), named('security-group', 'SecurityGroupIds'), named('route-table', 'RouteTableIds'));
const endpointReads = onNothing('ec2:DescribeVpcEndpoints', 'ec2:DescribeSubnets', 'ec2:DescribeSecurityGroups', 'ec2:DescribeVpcs');
/**
 * An endpoint that gets the service's own name. Source: `ec2:CreateVpcEndpoint` in the Service Authorization Reference, which names it
 * as dependent; that the VPC is asked about beside the zone is from refusals that people met. The zone is AWS's, and not known here.
 */
const privateName: Need = {
  action: 'route53:AssociateVPCWithHostedZone',
  on: ifGiven('PrivateDnsEnabled', both(() => ['arn:aws:route53:::hostedzone/*'], named('vpc', 'VpcId'))),
};

const elb = (kind: string) => ({ region, name, physicalId }: Asked) => [physicalId ?? region.arn('elasticloadbalancing', `${kind}/${name}/*`)];
const elbTagging = (action: string, on: NonNullable<Need['on']>): Need => ({
  action: 'elasticloadbalancing:AddTags', on, tags: requestTags, keys: () => ({ 'elasticloadbalancing:CreateAction': action }),
});
const loadBalancer = elb('loadbalancer/app');
const targetGroup = elb('targetgroup');
const ofLoadBalancer = (asked: Asked) => texts(asked, 'LoadBalancerArn');
const listener = (asked: Asked) => (asked.physicalId === undefined ? ofLoadBalancer(asked).map((arn) => `${arn.replace(':loadbalancer/', ':listener/')}/*`) : [asked.physicalId]);
const loadBalancerReads = onNothing(
  'elasticloadbalancing:DescribeLoadBalancers', 'elasticloadbalancing:DescribeLoadBalancerAttributes', 'elasticloadbalancing:DescribeCapacityReservation',
  'elasticloadbalancing:DescribeTags',
);
/**
 * What a load balancer is put into is looked up in the caller's name. Source: the managed policy ElasticLoadBalancingFullAccess; that
 * the groups of the VPC are as well, since October 2024: its text, and issue 3917 of kubernetes-sigs/aws-load-balancer-controller.
 */
const placeReads = onNothing(
  'ec2:DescribeSubnets', 'ec2:DescribeSecurityGroups', 'ec2:GetSecurityGroupsForVpc', 'ec2:DescribeVpcs', 'ec2:DescribeInternetGateways',
  'ec2:DescribeAccountAttributes',
);
const listenerReads = onNothing('elasticloadbalancing:DescribeListeners', 'elasticloadbalancing:DescribeListenerAttributes');
const targetGroupReads = onNothing(
  'elasticloadbalancing:DescribeTargetGroups', 'elasticloadbalancing:DescribeTargetGroupAttributes', 'elasticloadbalancing:DescribeTargetHealth',
  'elasticloadbalancing:DescribeTags', 'ec2:DescribeVpcs',
);

const cluster = ({ region, name, physicalId }: Asked) => [region.arn('ecs', `cluster/${physicalId ?? name}`)];
const repository = ({ region, name, physicalId }: Asked) => [region.arn('ecr', `repository/${physicalId ?? name}`)];
const logGroup = ({ region, name, physicalId }: Asked) => [region.arn('logs', `log-group:${physicalId ?? name}`)];
const logGroupReads = [
  ...onNothing('logs:DescribeLogGroups', 'logs:DescribeIndexPolicies', 'logs:DescribeResourcePolicies'),
  ...all(['logs:ListTagsForResource', 'logs:GetDataProtectionPolicy'], logGroup),
];
const role = ({ region, name, physicalId }: Asked) => [iamArn(region, `role/${physicalId ?? name}`)];
const iamArn = ({ config }: Region, resource: string) => `arn:aws:iam::${config.account}:${resource}`;
const roleReads = all(['iam:GetRole', 'iam:ListRolePolicies', 'iam:ListAttachedRolePolicies'], role);
const inlinePolicies = (action: string) => all([action, 'iam:GetRolePolicy'], ifGiven('Policies', role));
const managedPolicies = (action: string): Need => ({
  action,
  on: ifGiven('ManagedPolicyArns', role),
  keys: (asked) => ({ 'iam:PolicyARN': texts(asked, 'ManagedPolicyArns') }),
});

/** What the zone is associated with is asked about beside it, as in `privateName`. */
const zoneAndVpcs = (asked: Asked) => [...hostedZone(asked), ...vpcsIn(asked.input['VPCs']).map((id) => ec2('vpc', id, asked))];
const hostedZone = ({ physicalId }: Asked) => [`arn:aws:route53:::hostedzone/${physicalId ?? '*'}`];
const routedChange: Need = { action: 'route53:GetChange', on: () => ['arn:aws:route53:::change/*'] };
const zoneReads = [...all(['route53:GetHostedZone', 'route53:ListTagsForResource'], hostedZone), ...onNothing('route53:ListQueryLoggingConfigs'), routedChange];
const zoneOfRecord = (asked: Asked) => [`arn:aws:route53:::hostedzone/${text(asked, 'HostedZoneId') || '*'}`];
const recordChanges = (action: string) => [
  ...all(['route53:ChangeResourceRecordSets'], zoneOfRecord, { keys: (asked) => recordKeys([{ name: text(asked, 'Name'), type: text(asked, 'Type'), action }]) }),
  ...all(['route53:GetHostedZone', 'route53:ListResourceRecordSets'], zoneOfRecord), routedChange,
];

/** The first cluster, and the first load balancer, of an account have their service's role made. Source: "Using service-linked roles". */
const linkedRole = (service: LinkedService): Need => ({
  action: 'iam:CreateServiceLinkedRole',
  on: ({ region }) => (lacksRole(region, service) ? [iamArn(region, `role/aws-service-role/${service}/${LINKED_ROLES[service]}`)] : []),
  keys: () => ({ 'iam:AWSServiceName': service }),
});
const ecsRole = linkedRole('ecs.amazonaws.com');
const elbRole = linkedRole('elasticloadbalancing.amazonaws.com');

function vpcsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.flatMap(({ VPCId }: { VPCId?: string }) => VPCId ?? []) : [];
}

export const RESOURCE_TYPES: Readonly<Record<string, ResourceNeeds>> = {
  'AWS::EC2::VPC': {
    create: [...making('CreateVpc', 'vpc'), ...all(['ec2:ModifyVpcAttribute'], own('vpc')), ...vpcReads],
    update: [...all(['ec2:ModifyVpcAttribute'], own('vpc')), ...retagging('vpc'), ...vpcReads],
    delete: [...all(['ec2:DeleteVpc'], own('vpc')), ...onNothing('ec2:DescribeVpcs')],
  },
  'AWS::EC2::Subnet': {
    // `Fn::GetAZs` asks for the zones. Source: its page in the CloudFormation guide.
    create: [
      ...onNothing('ec2:DescribeAvailabilityZones'), ...making('CreateSubnet', 'subnet', named('vpc', 'VpcId')),
      ...all(['ec2:ModifySubnetAttribute'], own('subnet')), ...subnetReads,
    ],
    update: [...all(['ec2:ModifySubnetAttribute'], own('subnet')), ...retagging('subnet'), ...subnetReads],
    delete: [...all(['ec2:DeleteSubnet'], own('subnet')), ...onNothing('ec2:DescribeSubnets')],
  },
  'AWS::EC2::InternetGateway': {
    create: [...making('CreateInternetGateway', 'internet-gateway'), ...onNothing('ec2:DescribeInternetGateways')],
    update: [...retagging('internet-gateway'), ...onNothing('ec2:DescribeInternetGateways')],
    delete: [...all(['ec2:DeleteInternetGateway'], own('internet-gateway')), ...onNothing('ec2:DescribeInternetGateways')],
  },
  // No public schema was at hand; these are the calls that attach, detach and read.
  'AWS::EC2::VPCGatewayAttachment': {
    create: [...all(['ec2:AttachInternetGateway'], both(named('internet-gateway', 'InternetGatewayId'), named('vpc', 'VpcId'))), ...onNothing('ec2:DescribeInternetGateways')],
    update: [],
    delete: [...all(['ec2:DetachInternetGateway'], both(named('internet-gateway', 'InternetGatewayId'), named('vpc', 'VpcId'))), ...onNothing('ec2:DescribeInternetGateways')],
  },
  'AWS::EC2::RouteTable': {
    create: [...making('CreateRouteTable', 'route-table', named('vpc', 'VpcId')), ...routeReads],
    update: [...retagging('route-table'), ...routeReads],
    delete: [...all(['ec2:DeleteRouteTable'], own('route-table')), ...routeReads],
  },
  'AWS::EC2::Route': {
    create: [...all(['ec2:CreateRoute'], routeTable), ...routeReads],
    update: [...all(['ec2:ReplaceRoute'], routeTable), ...routeReads],
    delete: [...all(['ec2:DeleteRoute'], routeTable), ...routeReads],
  },
  'AWS::EC2::SubnetRouteTableAssociation': {
    create: [...all(['ec2:AssociateRouteTable'], both(routeTable, named('subnet', 'SubnetId'))), ...onNothing('ec2:DescribeSubnets'), ...routeReads],
    update: [],
    delete: [...all(['ec2:DisassociateRouteTable'], both(routeTable, named('subnet', 'SubnetId'))), ...onNothing('ec2:DescribeSubnets'), ...routeReads],
  },
  'AWS::EC2::SecurityGroup': {
    create: [
      ...making('CreateSecurityGroup', 'security-group', named('vpc', 'VpcId')),
      ...all(['ec2:AuthorizeSecurityGroupIngress'], ifGiven('SecurityGroupIngress', own('security-group'))),
      ...all(['ec2:AuthorizeSecurityGroupEgress', 'ec2:RevokeSecurityGroupEgress'], ifGiven('SecurityGroupEgress', own('security-group'))),
      ...groupReads,
    ],
    update: [
      ...all(['ec2:AuthorizeSecurityGroupIngress', 'ec2:RevokeSecurityGroupIngress'], ifGiven('SecurityGroupIngress', own('security-group'))),
      ...all(['ec2:AuthorizeSecurityGroupEgress', 'ec2:RevokeSecurityGroupEgress'], ifGiven('SecurityGroupEgress', own('security-group'))),
      ...retagging('security-group'), ...groupReads,
    ],
    delete: [...all(['ec2:DeleteSecurityGroup'], own('security-group')), ...groupReads, ...onNothing('ec2:DescribeInstances')],
  },
  'AWS::EC2::SecurityGroupIngress': {
    create: [...all(['ec2:AuthorizeSecurityGroupIngress'], named('security-group', 'GroupId')), ...ruleReads],
    update: [...all(['ec2:UpdateSecurityGroupRuleDescriptionsIngress'], named('security-group', 'GroupId')), ...ruleReads],
    delete: [...all(['ec2:RevokeSecurityGroupIngress'], named('security-group', 'GroupId')), ...ruleReads],
  },
  'AWS::EC2::SecurityGroupEgress': {
    create: [...all(['ec2:AuthorizeSecurityGroupEgress'], named('security-group', 'GroupId')), ...ruleReads],
    update: [...all(['ec2:UpdateSecurityGroupRuleDescriptionsEgress'], named('security-group', 'GroupId')), ...ruleReads],
    delete: [...all(['ec2:RevokeSecurityGroupEgress'], named('security-group', 'GroupId')), ...ruleReads],
  },
  'AWS::EC2::EIP': {
    create: [...making('AllocateAddress', 'elastic-ip'), ...onNothing('ec2:DescribeAddresses')],
    update: [...retagging('elastic-ip'), ...onNothing('ec2:DescribeAddresses')],
    delete: [...all(['ec2:ReleaseAddress'], own('elastic-ip')), ...onNothing('ec2:DescribeAddresses')],
  },
  'AWS::EC2::NatGateway': {
    create: [...making('CreateNatGateway', 'natgateway', both(named('subnet', 'SubnetId'), named('elastic-ip', 'AllocationId'))), ...onNothing('ec2:DescribeNatGateways')],
    update: [...retagging('natgateway'), ...onNothing('ec2:DescribeNatGateways')],
    delete: [...all(['ec2:DeleteNatGateway'], own('natgateway')), ...onNothing('ec2:DescribeNatGateways')],
  },
  'AWS::EC2::VPCEndpoint': {
    create: [...making('CreateVpcEndpoint', 'vpc-endpoint', partsOfEndpoint), privateName, ...endpointReads],
    update: [...all(['ec2:ModifyVpcEndpoint'], both(own('vpc-endpoint'), partsOfEndpoint)), ...retagging('vpc-endpoint'), ...endpointReads],
    delete: [...all(['ec2:DeleteVpcEndpoints'], own('vpc-endpoint')), ...endpointReads],
  },
  'AWS::EC2::Instance': {
    create: [
      // The image is a dynamic reference. Source: "Get a plaintext value from Systems Manager Parameter Store" of the CloudFormation guide.
      { action: 'ssm:GetParameters', on: ({ region }) => [`arn:aws:ssm:${region.name}::parameter/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64`] },
      ...making('RunInstances', 'instance', both(
        (asked) => texts(asked, 'ImageId').map((id) => `arn:aws:ec2:${asked.region.name}::image/${id}`),
        named('subnet', 'SubnetId'), named('security-group', 'SecurityGroupIds'), named('key-pair', 'KeyName'),
        (asked) => [ec2('network-interface', '*', asked), ec2('volume', '*', asked)],
      )),
      ...onNothing('ec2:DescribeSubnets', 'ec2:DescribeKeyPairs', 'ec2:DescribeSecurityGroups', 'ec2:DescribeVpcs'), ...instanceReads,
    ],
    update: [...retagging('instance'), ...instanceReads],
    delete: [...all(['ec2:TerminateInstances'], own('instance')), ...instanceReads],
  },
  'AWS::ElasticLoadBalancingV2::LoadBalancer': {
    create: [
      elbRole,
      { action: 'elasticloadbalancing:CreateLoadBalancer', on: loadBalancer, tags: requestTags },
      elbTagging('CreateLoadBalancer', loadBalancer),
      ...all(['elasticloadbalancing:ModifyLoadBalancerAttributes'], ifGiven('LoadBalancerAttributes', loadBalancer)),
      ...placeReads, ...loadBalancerReads,
    ],
    update: [
      ...all(['elasticloadbalancing:ModifyLoadBalancerAttributes'], ifGiven('LoadBalancerAttributes', loadBalancer)),
      ...all(['elasticloadbalancing:SetSubnets', 'elasticloadbalancing:SetSecurityGroups', 'elasticloadbalancing:AddTags', 'elasticloadbalancing:RemoveTags'], loadBalancer, { tags: requestTags }),
      ...placeReads, ...loadBalancerReads,
    ],
    delete: [...all(['elasticloadbalancing:DeleteLoadBalancer'], loadBalancer), ...onNothing('elasticloadbalancing:DescribeLoadBalancers')],
  },
  'AWS::ElasticLoadBalancingV2::Listener': {
    create: [
      ...all(['elasticloadbalancing:CreateListener'], ofLoadBalancer),
      ...all(['elasticloadbalancing:ModifyListenerAttributes'], ifGiven('ListenerAttributes', listener)), ...listenerReads,
    ],
    update: [
      ...all(['elasticloadbalancing:ModifyListener'], listener),
      ...all(['elasticloadbalancing:ModifyListenerAttributes'], ifGiven('ListenerAttributes', listener)), ...listenerReads,
    ],
    delete: [...all(['elasticloadbalancing:DeleteListener'], listener), ...onNothing('elasticloadbalancing:DescribeListeners')],
  },
  // No public schema was at hand; these are the calls that add, remove and read.
  'AWS::ElasticLoadBalancingV2::ListenerCertificate': {
    create: [...all(['elasticloadbalancing:AddListenerCertificates'], (asked) => texts(asked, 'ListenerArn')), ...onNothing('elasticloadbalancing:DescribeListenerCertificates')],
    update: [],
    delete: [...all(['elasticloadbalancing:RemoveListenerCertificates'], (asked) => texts(asked, 'ListenerArn')), ...onNothing('elasticloadbalancing:DescribeListenerCertificates')],
  },
  'AWS::ElasticLoadBalancingV2::TargetGroup': {
    create: [
      { action: 'elasticloadbalancing:CreateTargetGroup', on: targetGroup, tags: requestTags },
      elbTagging('CreateTargetGroup', targetGroup),
      ...all(['elasticloadbalancing:ModifyTargetGroupAttributes'], ifGiven('TargetGroupAttributes', targetGroup)), ...targetGroupReads,
    ],
    update: [
      ...all(['elasticloadbalancing:ModifyTargetGroup', 'elasticloadbalancing:ModifyTargetGroupAttributes', 'elasticloadbalancing:AddTags', 'elasticloadbalancing:RemoveTags'], targetGroup, { tags: requestTags }),
      ...targetGroupReads,
    ],
    delete: [...all(['elasticloadbalancing:DeleteTargetGroup'], targetGroup), ...onNothing('elasticloadbalancing:DescribeTargetGroups')],
  },
  'AWS::ECS::Cluster': {
    create: [
      ecsRole,
      // A cluster that is still to be made is no resource that CreateCluster could be limited to.
      { action: 'ecs:CreateCluster', tags: requestTags },
      { action: 'ecs:TagResource', on: cluster, tags: requestTags, keys: () => ({ 'ecs:CreateAction': 'CreateCluster' }) },
      ...all(['ecs:DescribeClusters'], cluster),
    ],
    update: all(['ecs:TagResource', 'ecs:UntagResource', 'ecs:ListTagsForResource', 'ecs:DescribeClusters'], cluster, { tags: requestTags }),
    delete: all(['ecs:DeleteCluster', 'ecs:DescribeClusters'], cluster),
  },
  'AWS::ECR::Repository': {
    create: [
      ...all(['ecr:CreateRepository', 'ecr:TagResource'], repository, { tags: requestTags }),
      ...all(['ecr:PutLifecyclePolicy'], ifGiven('LifecyclePolicy', repository)),
      ...all(['ecr:DescribeRepositories', 'ecr:GetLifecyclePolicy', 'ecr:GetRepositoryPolicy', 'ecr:ListTagsForResource'], repository),
    ],
    update: [
      ...all(['ecr:PutLifecyclePolicy', 'ecr:PutImageScanningConfiguration', 'ecr:PutImageTagMutability'], repository),
      ...all(['ecr:TagResource', 'ecr:UntagResource'], repository, { tags: requestTags }),
      ...all(['ecr:DescribeRepositories', 'ecr:GetLifecyclePolicy', 'ecr:GetRepositoryPolicy', 'ecr:ListTagsForResource'], repository),
    ],
    delete: all(['ecr:DeleteRepository'], repository),
  },
  'AWS::IAM::Role': {
    create: [
      ...all(['iam:CreateRole', 'iam:TagRole'], role, { tags: requestTags }),
      managedPolicies('iam:AttachRolePolicy'), ...inlinePolicies('iam:PutRolePolicy'), ...roleReads,
    ],
    update: [
      ...all(['iam:UpdateAssumeRolePolicy'], role),
      ...all(['iam:TagRole', 'iam:UntagRole'], role, { tags: requestTags }),
      managedPolicies('iam:AttachRolePolicy'), managedPolicies('iam:DetachRolePolicy'),
      ...inlinePolicies('iam:PutRolePolicy'), ...inlinePolicies('iam:DeleteRolePolicy'), ...roleReads,
    ],
    delete: [
      ...all(['iam:DeleteRole'], role), managedPolicies('iam:DetachRolePolicy'), ...inlinePolicies('iam:DeleteRolePolicy'), ...roleReads,
    ],
  },
  'AWS::Route53::HostedZone': {
    create: [
      // A zone that is still to be made is no resource that CreateHostedZone could be limited to.
      ...onNothing('route53:CreateHostedZone', 'ec2:DescribeVpcs'),
      ...all(['route53:AssociateVPCWithHostedZone'], ifGiven('VPCs', zoneAndVpcs)),
      ...all(['route53:ChangeTagsForResource'], hostedZone), ...zoneReads,
    ],
    update: [
      ...all(['route53:UpdateHostedZoneComment', 'route53:ChangeTagsForResource'], hostedZone),
      ...all(['route53:AssociateVPCWithHostedZone', 'route53:DisassociateVPCFromHostedZone'], ifGiven('VPCs', zoneAndVpcs)),
      ...onNothing('ec2:DescribeVpcs'), ...zoneReads,
    ],
    delete: [...all(['route53:DeleteHostedZone'], hostedZone), ...zoneReads],
  },
  // No public schema was at hand; these are the calls that find the zone, change it and wait.
  'AWS::Route53::RecordSet': { create: recordChanges('CREATE'), update: recordChanges('UPSERT'), delete: recordChanges('DELETE') },
  'AWS::Logs::LogGroup': {
    create: [
      ...all(['logs:CreateLogGroup', 'logs:TagResource'], logGroup, { tags: requestTags }),
      ...all(['logs:PutRetentionPolicy'], ifGiven('RetentionInDays', logGroup)),
      ...logGroupReads,
    ],
    update: [
      ...all(['logs:PutRetentionPolicy', 'logs:TagResource', 'logs:UntagResource'], logGroup, { tags: requestTags }),
      ...logGroupReads,
    ],
    delete: [...all(['logs:DeleteLogGroup'], logGroup), ...onNothing('logs:DescribeLogGroups')],
  },
};
