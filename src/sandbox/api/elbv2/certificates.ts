/** Certificates of HTTPS listeners: the default one is a setting of the listener, the others are kept beside it. */
import type {
  AddListenerCertificatesInput, AddListenerCertificatesOutput, Certificate, DescribeListenerCertificatesInput,
  DescribeListenerCertificatesOutput, RemoveListenerCertificatesInput,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { StoredListener } from '../../world/elbv2-state.ts';
import type { Operations } from '../service.ts';
import { findListener, validationError } from './lookup.ts';
import { page } from './paging.ts';

export const certificateOperations = {
  /** Those that it has already stay as they are. */
  AddListenerCertificates(input: AddListenerCertificatesInput, region: Region): AddListenerCertificatesOutput {
    const listener = findListener(region, input.ListenerArn);
    const arns = arnsOf(input.Certificates);
    if (listener.description.Protocol !== 'HTTPS') {
      throw validationError(`Certificates cannot be added to a listener of protocol '${listener.description.Protocol}'`);
    }
    listener.certificates = [...new Set([...(listener.certificates ?? []), ...arns.filter((arn) => arn !== defaultOf(listener))])];
    region.changed();
    return { Certificates: arns.map((CertificateArn) => ({ CertificateArn, IsDefault: CertificateArn === defaultOf(listener) })) };
  },

  RemoveListenerCertificates(input: RemoveListenerCertificatesInput, region: Region): object {
    const listener = findListener(region, input.ListenerArn);
    const arns = arnsOf(input.Certificates);
    const own = defaultOf(listener);
    if (own !== undefined && arns.includes(own)) throw new AwsError('OperationNotPermitted', 'The default certificate of a listener cannot be removed');
    listener.certificates = (listener.certificates ?? []).filter((arn) => !arns.includes(arn));
    region.changed();
    return {};
  },

  DescribeListenerCertificates(input: DescribeListenerCertificatesInput, region: Region): DescribeListenerCertificatesOutput {
    const listener = findListener(region, input.ListenerArn);
    const own = (listener.description.Certificates ?? []).map((certificate) => ({ ...certificate, IsDefault: true }));
    const others = (listener.certificates ?? []).map((CertificateArn) => ({ CertificateArn, IsDefault: false }));
    const { items, ...rest } = page(region, [...own, ...others], input);
    return { Certificates: items, ...rest };
  },
} satisfies Operations;

function arnsOf(certificates: readonly Certificate[] = []): string[] {
  const arns = certificates.flatMap(({ CertificateArn }) => CertificateArn ?? []);
  if (arns.length > 0) return arns;
  throw validationError('A certificate must be specified');
}

function defaultOf({ description }: StoredListener): string | undefined {
  return description.Certificates?.[0]?.CertificateArn;
}
