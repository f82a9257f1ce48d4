/** All types of resources that the sandbox's CloudFormation knows. */
import { guarded } from './guarded.ts';
import type { ResourceKind } from './kind.ts';
import { listenerCertificateKind, listenerKind, listenerRuleKind, loadBalancerKind, targetGroupKind } from './kinds-elbv2.ts';
import { clusterKind, logGroupKind, repositoryKind } from './kinds-managed.ts';
import { parameterKind } from './kinds-parameter.ts';
import { recordedKinds } from './kinds-recorded.ts';
import { hostedZoneKind, recordSetKind } from './kinds-route53.ts';

export const kinds: Readonly<Record<string, ResourceKind>> = guarded({
  'AWS::ECR::Repository': repositoryKind,
  'AWS::ECS::Cluster': clusterKind,
  'AWS::ElasticLoadBalancingV2::Listener': listenerKind,
  'AWS::ElasticLoadBalancingV2::ListenerCertificate': listenerCertificateKind,
  'AWS::ElasticLoadBalancingV2::ListenerRule': listenerRuleKind,
  'AWS::ElasticLoadBalancingV2::LoadBalancer': loadBalancerKind,
  'AWS::ElasticLoadBalancingV2::TargetGroup': targetGroupKind,
  'AWS::Logs::LogGroup': logGroupKind,
  'AWS::Route53::HostedZone': hostedZoneKind,
  'AWS::Route53::RecordSet': recordSetKind,
  'AWS::SSM::Parameter': parameterKind,
  ...recordedKinds,
});
