/** The HTTPS listener of the internal load balancer, which gRPC needs: when there is one, and with which certificate. Pure: no call, no clock. */
import type { Certificate } from '../aws/acm.ts';
import type { Stack, StackRequest } from '../aws/cloudformation.ts';
import { usageError } from '../errors.ts';
import type { ServiceSettings, Settings } from '../settings/settings.ts';

/** One of `--self-signed`. */
export interface OwnCertificate extends Certificate {
  /** PEM. */
  readonly authority: string;
}

/** What the base stack gets; empty texts where it has none. */
export interface ListenerCertificate {
  readonly arn: string;
  /** PEM of an authority that nobody knows; empty for one that everybody trusts. */
  readonly authority: string;
}

export const NO_CERTIFICATE: ListenerCertificate = { arn: '', authority: '' };
/** Stands for one that is still to be imported. CloudFormation can tell all the same what would come of it. */
export const NOT_IMPORTED: ListenerCertificate = { arn: 'not-imported-yet', authority: 'not-imported-yet' };

/** Domain of the names that services have in the VPC. */
export function zoneOf({ project }: Pick<Settings, 'project'>): string {
  return `${project}.internal`;
}

/** A listener that was made stays, with its zone: rules stand on it, and clients know the name. */
export function hasInternalHttps({ existing, services }: Settings, base: Stack | undefined): boolean {
  return (!existing.listenerArns && services.some(isInternalGrpc)) || base?.outputs['InternalHttpsListenerArn'] !== undefined;
}

/**
 * @param own the one that `--self-signed` has made before.
 * @param selfSigned whether the switch is given.
 * @throws CanaryError `usage` where it is not known which to take.
 */
export function certificateOf(settings: Settings, base: Stack | undefined, own: OwnCertificate | undefined, selfSigned: boolean): ListenerCertificate {
  const { certificateArn, services } = settings;
  if (!hasInternalHttps(settings, base)) {
    if (selfSigned) throw usageError('--self-signed is for the internal load balancer, and no service behind it speaks gRPC (PROTOCOL=grpc).', 'ecs-canary build-infra');
    return NO_CERTIFICATE;
  }
  const { InternalCertificateArn = '', CertificateAuthority = '' } = base?.parameters ?? {};
  const isLive = base?.outputs['InternalHttpsListenerArn'] !== undefined && InternalCertificateArn !== '';
  const kept = isLive ? { arn: InternalCertificateArn, authority: CertificateAuthority } : undefined;
  // Whoever trusts its authority trusts no other.
  if (selfSigned) return kept?.authority && kept.arn !== own?.arn ? kept : (own ?? NOT_IMPORTED);
  const made = kept === undefined || kept.arn === own?.arn ? own : undefined;
  const given = certificateArn === undefined ? undefined : { arn: certificateArn, authority: '' };
  // Of a public listener's certificate nobody has said that it is for the internal one, too.
  const isPublic = hasPublic(settings, base);
  // One certificate for both listeners is exchanged on both; another one that is live here stays.
  const isShared = base?.outputs['PublicHttpsListenerArn'] !== undefined && base.parameters['CertificateArn'] === kept?.arn;
  const chosen = (isPublic ? (made ?? (isShared ? given : (kept ?? given))) : (given ?? made)) ?? kept;
  if (chosen) return chosen;
  const names = services.filter(isInternalGrpc).map(({ name }) => name);
  throw usageError(
    `${names.join(' and ')} ${names.length === 1 ? 'speaks' : 'speak'} gRPC, and the internal load balancer has no certificate for it.`,
    'ecs-canary build-infra --self-signed   (makes one for the names of the private zone)\n      or set CERTIFICATE_ARN in .env, then: ecs-canary build-infra',
  );
}

/**
 * A warning where a new internal listener takes the certificate that a public one has; undefined otherwise.
 * @param chosen by `certificateOf`.
 */
export function sharingOf(settings: Settings, base: Stack | undefined, chosen: ListenerCertificate): string | undefined {
  if (base?.outputs['InternalHttpsListenerArn'] !== undefined || !hasPublic(settings, base) || !chosen.arn || chosen.arn !== settings.certificateArn) return undefined;
  return `The internal listener takes CERTIFICATE_ARN: it has to be for the names *.${zoneOf(settings)}; else: ecs-canary build-infra --self-signed`;
}

/**
 * What an update of the base does to whoever calls a listener that is there, in a sentence; undefined where it keeps its certificate.
 * CloudFormation calls it a change like any other, but clients that run can be cut off by it as by a replacement.
 */
export function exchangeOf(base: Stack, { parameters }: StackRequest): string | undefined {
  const { InternalCertificateArn: before = '' } = base.parameters;
  const wanted = parameters['InternalCertificateArn'] ?? before;
  if (base.outputs['InternalHttpsListenerArn'] === undefined || !before || !wanted || before === wanted) return undefined;
  return (
    `The internal HTTPS listener gets another certificate than ${before}: clients that run trust the authority of the one before. ` +
    'Those that do not trust the new one refuse it, and must be released anew.'
  );
}

/** @throws CanaryError `usage` for `--self-signed` where another certificate is there for the listener. */
export function refuseSelfSigned({ existing, certificateArn, services }: Settings): void {
  if (existing.listenerArns) throw usageError('--self-signed should not be given with LISTENER_ARNS: those listeners have certificates of their own.', 'ecs-canary build-infra');
  if (certificateArn === undefined || services.some(({ expose }) => expose === 'public')) return;
  throw usageError('--self-signed and CERTIFICATE_ARN are two certificates for the internal load balancer.', 'remove CERTIFICATE_ARN, or leave out --self-signed, then: ecs-canary build-infra');
}

/** @throws CanaryError `usage` for a public service that speaks gRPC where the public load balancer speaks no HTTPS. */
export function refuseWithoutHttps({ existing, certificateArn, services }: Settings, base: Stack | undefined): void {
  if (existing.listenerArns || certificateArn !== undefined || base?.outputs['PublicHttpsListenerArn'] !== undefined) return;
  const one = services.find(({ expose, protocol }) => expose === 'public' && protocol === 'grpc');
  if (!one) return;
  throw usageError(
    `CERTIFICATE_ARN is missing: ${one.name} is public and speaks gRPC, which a load balancer takes by HTTPS only.`,
    `set CERTIFICATE_ARN, or EXPOSE=internal for ${one.name}, then: ecs-canary build-infra`,
  );
}

function hasPublic({ services }: Settings, base: Stack | undefined): boolean {
  return services.some(({ expose }) => expose === 'public') || base?.outputs['PublicListenerArn'] !== undefined;
}

function isInternalGrpc({ expose, protocol }: ServiceSettings): boolean {
  return expose === 'internal' && protocol === 'grpc';
}
