/**
 * Which IAM actions each call needs, and on what: those that the command line makes. Every other call needs the action of its
 * own name, on no resource.
 * Sources, where none is named: the services' pages of the Service Authorization Reference. Nothing of it was tried on AWS.
 */
import type { VPC } from '@aws-sdk/client-route-53';
import type { ServiceName } from '../parts.ts';
import { all, arnOr, type Asked, type Need, onNothing, recordKeys, requestTags, text, texts } from './needs.ts';

type Calls = Readonly<Record<string, readonly Need[]>>;

/** What IAM calls a service that signs its requests with another name. */
const PREFIXES: Partial<Record<string, string>> = { monitoring: 'cloudwatch' };

/** What a call needs, by the service that its signature names. */
export function needsOf(service: string, operation: string): readonly Need[] {
  const calls: Calls | undefined = isKnown(service) ? CALLS[service] : undefined;
  if (calls && Object.hasOwn(calls, operation)) return calls[operation] ?? [];
  return onNothing(`${PREFIXES[service] ?? service}:${operation}`);
}

function isKnown(service: string): service is ServiceName {
  return Object.hasOwn(CALLS, service);
}

const stack = (asked: Asked) => {
  const { region } = asked;
  const given = text(asked, 'StackName');
  if (given.startsWith('arn:')) return [given];
  const known = Object.values(region.state.cloudformation.stacks).findLast(({ name, status }) => name === given && status !== 'DELETE_COMPLETE');
  // Without a name a call is about every stack; one that is still to be made has no id yet.
  return [known?.id ?? region.arn('cloudformation', `stack/${given || '*'}/*`)];
};

/** A stack that gets tags. Source: the action's description; that it is asked for with CreateStack is not said elsewhere. */
const withTags = (action: string): Need[] => [
  { action, on: stack, tags: requestTags },
  { action: 'cloudformation:TagResource', on: (asked) => (requestTags(asked).size > 0 ? stack(asked) : []), tags: requestTags },
];

/**
 * A change set is known by its name and its stack's, or by its ARN alone: then that is what is asked about. Source: the reference
 * names the stack only; people who named the ARN alone had to grant that one.
 */
const changeSet = (asked: Asked) => (text(asked, 'StackName') === '' ? texts(asked, 'ChangeSetName') : stack(asked));

const clusterOf = (asked: Asked) => arnOr(asked.region, 'ecs', text(asked, 'cluster') || 'default', 'cluster/');
const clusterName = (asked: Asked) => clusterOf(asked).replace(/^.*cluster\//, '');
const inCluster = { keys: (asked: Asked) => ({ 'ecs:cluster': clusterOf(asked) }) };
const service = (...members: string[]) => (asked: Asked) =>
  members.flatMap((member) => texts(asked, member)).map((name) => arnOr(asked.region, 'ecs', name, `service/${clusterName(asked)}/`));
const task = (asked: Asked) => texts(asked, 'tasks').map((id) => arnOr(asked.region, 'ecs', id, `task/${clusterName(asked)}/`));

/** Source: "Grant permission to tag resources on creation" of the ECS guide. */
const tagging = (action: string, on: NonNullable<Need['on']>): Need => ({
  action: 'ecs:TagResource',
  on: (asked) => (requestTags(asked).size > 0 ? on(asked) : []),
  tags: requestTags,
  keys: () => ({ 'ecs:CreateAction': action }),
});

/** Source: "Amazon ECS task execution IAM role", "iam:PassRole". It is asked for when a revision is registered, not when it is run. */
const passRoles: Need = {
  action: 'iam:PassRole',
  on: (asked) => ['taskRoleArn', 'executionRoleArn'].flatMap((member) => texts(asked, member)),
  keys: () => ({ 'iam:PassedToService': 'ecs-tasks.amazonaws.com' }),
};

const listener = (asked: Asked) => texts(asked, 'ListenerArn');
const rule = (asked: Asked) => texts(asked, 'RuleArn');
/** Of a listener that gets one: its id is not known yet. */
const newRule = (asked: Asked) => listener(asked).map((arn) => `${arn.replace(':listener/', ':listener-rule/')}/*`);

/**
 * Source: "ELB API permissions to tag resources during creation" of the Elastic Load Balancing guide. It does not say on what: issue 717
 * of aws-ia/terraform-aws-eks-blueprints shows a refusal on the listener.
 */
const tagRule: Need = {
  action: 'elasticloadbalancing:AddTags',
  on: (asked) => (requestTags(asked).size > 0 ? [...listener(asked), ...newRule(asked)] : []),
  tags: requestTags,
  keys: () => ({ 'elasticloadbalancing:CreateAction': 'CreateRule' }),
};

const repository = (asked: Asked) => texts(asked, 'repositoryName').map((name) => asked.region.arn('ecr', `repository/${name}`));
const parameter = (...members: string[]) => (asked: Asked) =>
  members.flatMap((member) => texts(asked, member)).map((name) => arnOr(asked.region, 'ssm', name.replace(/^\//, ''), 'parameter/'));
/** Who reads a whole group is asked about its streams without a name, as AWS's refusals show. */
const logStream = (asked: Asked) => {
  const group = text(asked, 'logGroupName');
  return [asked.region.arn('logs', `log-group:${group}:log-stream:${text(asked, 'logStreamName')}`)];
};

/** One that is imported anew has no ARN yet. */
const certificate = (asked: Asked) => [text(asked, 'CertificateArn') || asked.region.arn('acm', 'certificate/*')];

/** Ids may have the path before them that answers give them. */
const bare = (id: string) => id.slice(id.lastIndexOf('/') + 1);
const hostedZone = (member: string) => (asked: Asked) => texts(asked, member).map((id) => `arn:aws:route53:::hostedzone/${bare(id)}`);
interface GivenChange {
  readonly Action?: string;
  readonly ResourceRecordSet?: { readonly Name?: string; readonly Type?: string };
}
const recordsIn = ({ input }: Asked) => {
  const { Changes = [] }: { Changes?: readonly GivenChange[] } = { ...Object(input['ChangeBatch']) };
  return Changes.map(({ Action = '', ResourceRecordSet: { Name = '', Type = '' } = {} }) => ({ name: Name, type: Type, action: Action }));
};
const zoneAndVpc = (asked: Asked) => {
  const { VPCId = '*' }: VPC = { ...Object(asked.input['VPC']) };
  return [...hostedZone('HostedZoneId')(asked), asked.region.arn('ec2', `vpc/${VPCId}`)];
};

export const CALLS: Readonly<Record<ServiceName, Calls>> = {
  acm: {
    ImportCertificate: [
      { action: 'acm:ImportCertificate', on: certificate, tags: requestTags },
      { action: 'acm:AddTagsToCertificate', on: (asked) => (requestTags(asked).size > 0 ? certificate(asked) : []), tags: requestTags },
    ],
    DescribeCertificate: all(['acm:DescribeCertificate'], certificate),
    GetCertificate: all(['acm:GetCertificate'], certificate),
    ExportCertificate: all(['acm:ExportCertificate'], certificate),
    DeleteCertificate: all(['acm:DeleteCertificate'], certificate),
    ListCertificates: onNothing('acm:ListCertificates'),
    AddTagsToCertificate: all(['acm:AddTagsToCertificate'], certificate, { tags: requestTags }),
    RemoveTagsFromCertificate: all(['acm:RemoveTagsFromCertificate'], certificate, { tags: requestTags }),
    ListTagsForCertificate: all(['acm:ListTagsForCertificate'], certificate),
  },
  cloudformation: {
    CreateStack: withTags('cloudformation:CreateStack'),
    DeleteStack: all(['cloudformation:DeleteStack'], stack),
    DescribeStacks: all(['cloudformation:DescribeStacks'], stack),
    DescribeStackEvents: all(['cloudformation:DescribeStackEvents'], stack),
    GetTemplate: all(['cloudformation:GetTemplate'], stack),
    CreateChangeSet: withTags('cloudformation:CreateChangeSet'),
    DescribeChangeSet: all(['cloudformation:DescribeChangeSet'], changeSet),
    ExecuteChangeSet: all(['cloudformation:ExecuteChangeSet'], changeSet),
    DeleteChangeSet: all(['cloudformation:DeleteChangeSet'], changeSet),
    ListChangeSets: all(['cloudformation:ListChangeSets'], stack),
    UpdateTerminationProtection: all(['cloudformation:UpdateTerminationProtection'], stack),
  },
  ecs: {
    CreateService: [
      { action: 'ecs:CreateService', on: service('serviceName'), tags: requestTags, ...inCluster },
      tagging('CreateService', service('serviceName')),
    ],
    UpdateService: all(['ecs:UpdateService'], service('service'), inCluster),
    DeleteService: all(['ecs:DeleteService'], service('service'), inCluster),
    DescribeServices: all(['ecs:DescribeServices'], service('services'), inCluster),
    ListServices: [{ action: 'ecs:ListServices', ...inCluster }],
    ListTasks: [{ action: 'ecs:ListTasks', ...inCluster }],
    DescribeTasks: all(['ecs:DescribeTasks'], task, inCluster),
    DescribeTaskDefinition: onNothing('ecs:DescribeTaskDefinition'),
    RegisterTaskDefinition: [
      { action: 'ecs:RegisterTaskDefinition', tags: requestTags },
      tagging('RegisterTaskDefinition', (asked) => [asked.region.arn('ecs', `task-definition/${text(asked, 'family')}:*`)]),
      passRoles,
    ],
  },
  elasticloadbalancing: {
    CreateRule: [{ action: 'elasticloadbalancing:CreateRule', on: listener, tags: requestTags }, tagRule],
    // No command makes it by itself; it is here so that what others made is seen to be out of its reach.
    AddTags: all(['elasticloadbalancing:AddTags'], (asked) => texts(asked, 'ResourceArns'), { tags: requestTags }),
    DeleteRule: all(['elasticloadbalancing:DeleteRule'], rule),
    ModifyRule: all(['elasticloadbalancing:ModifyRule'], rule),
    ModifyListener: all(['elasticloadbalancing:ModifyListener'], listener),
    DescribeListeners: onNothing('elasticloadbalancing:DescribeListeners'),
    DescribeRules: onNothing('elasticloadbalancing:DescribeRules'),
    DescribeTags: onNothing('elasticloadbalancing:DescribeTags'),
    DescribeTargetGroups: onNothing('elasticloadbalancing:DescribeTargetGroups'),
    DescribeTargetGroupAttributes: onNothing('elasticloadbalancing:DescribeTargetGroupAttributes'),
    DescribeTargetHealth: onNothing('elasticloadbalancing:DescribeTargetHealth'),
  },
  ecr: {
    GetAuthorizationToken: onNothing('ecr:GetAuthorizationToken'),
    DescribeImages: all(['ecr:DescribeImages'], repository),
    ListImages: all(['ecr:ListImages'], repository),
    BatchDeleteImage: all(['ecr:BatchDeleteImage'], repository),
    // What a push and a pull through the registry are to IAM. Source: "Required IAM permissions for pushing an image" of the ECR guide.
    InitiateLayerUpload: all(['ecr:InitiateLayerUpload'], repository),
    UploadLayerPart: all(['ecr:UploadLayerPart'], repository),
    CompleteLayerUpload: all(['ecr:CompleteLayerUpload'], repository),
    BatchCheckLayerAvailability: all(['ecr:BatchCheckLayerAvailability'], repository),
    GetDownloadUrlForLayer: all(['ecr:GetDownloadUrlForLayer'], repository),
    BatchGetImage: all(['ecr:BatchGetImage'], repository),
    PutImage: all(['ecr:PutImage'], repository),
    // The registry has these two for an upload that is under way; IAM has no actions of their names.
    GetLayerUpload: all(['ecr:UploadLayerPart'], repository),
    CancelLayerUpload: all(['ecr:UploadLayerPart'], repository),
  },
  ssm: {
    GetParameters: all(['ssm:GetParameters'], parameter('Names')),
    GetParametersByPath: all(['ssm:GetParametersByPath'], parameter('Path')),
    PutParameter: [
      { action: 'ssm:PutParameter', on: parameter('Name'), tags: requestTags },
      { action: 'ssm:AddTagsToResource', on: (asked) => (requestTags(asked).size > 0 ? parameter('Name')(asked) : []), tags: requestTags },
    ],
    DeleteParameters: all(['ssm:DeleteParameters'], parameter('Names')),
  },
  logs: { FilterLogEvents: all(['logs:FilterLogEvents'], logStream), GetLogEvents: all(['logs:GetLogEvents'], logStream) },
  route53: {
    CreateHostedZone: onNothing('route53:CreateHostedZone'),
    GetHostedZone: all(['route53:GetHostedZone'], hostedZone('Id')),
    UpdateHostedZoneComment: all(['route53:UpdateHostedZoneComment'], hostedZone('Id')),
    DeleteHostedZone: all(['route53:DeleteHostedZone'], hostedZone('Id')),
    ChangeResourceRecordSets: all(['route53:ChangeResourceRecordSets'], hostedZone('HostedZoneId'), { keys: (asked) => recordKeys(recordsIn(asked)) }),
    ListResourceRecordSets: all(['route53:ListResourceRecordSets'], hostedZone('HostedZoneId')),
    ChangeTagsForResource: all(['route53:ChangeTagsForResource'], hostedZone('ResourceId')),
    ListTagsForResource: all(['route53:ListTagsForResource'], hostedZone('ResourceId')),
    // The zone and the VPC. Source: issue 18176 of hashicorp/terraform-provider-aws shows a refusal on the VPC.
    AssociateVPCWithHostedZone: all(['route53:AssociateVPCWithHostedZone'], zoneAndVpc),
    DisassociateVPCFromHostedZone: all(['route53:DisassociateVPCFromHostedZone'], zoneAndVpc),
    GetChange: all(['route53:GetChange'], (asked) => texts(asked, 'Id').map((id) => `arn:aws:route53:::change/${bare(id)}`)),
  },
  monitoring: { GetMetricData: onNothing('cloudwatch:GetMetricData') },
  iam: {
    CreateServiceLinkedRole: [{
      action: 'iam:CreateServiceLinkedRole',
      on: (asked) => [`arn:aws:iam::${asked.region.config.account}:role/aws-service-role/${text(asked, 'AWSServiceName')}/*`],
      keys: (asked) => ({ 'iam:AWSServiceName': text(asked, 'AWSServiceName') }),
    }],
  },
  // Source: "GetCallerIdentity" of the STS reference: it needs no permission, and none can be taken.
  sts: { GetCallerIdentity: [] },
};
