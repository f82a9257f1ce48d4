/** The certificate of `--self-signed`: made and brought to ACM, and what is said of one that is about to end. */
import type { Aws } from '../aws/aws.ts';
import type { Settings } from '../settings/settings.ts';
import type { OwnCertificate } from './internal-https.ts';
import type { InfraState } from './observe-infra.ts';
import { selfSigned } from './self-signed.ts';
import { type InfraSession, PROJECT_TAG, SELF_SIGNED_TAG } from './session.ts';

interface Importing {
  readonly aws: Pick<Aws, 'certificates'>;
  readonly settings: Pick<Settings, 'project'>;
}

/** Its key is in memory only on its way. @param zone whose names it is for. */
export async function importCertificate(zone: string, { aws, settings }: Importing): Promise<OwnCertificate> {
  const { certificate, privateKey, authority } = await selfSigned(zone, new Date());
  const arn = await aws.certificates.import({ certificate, privateKey, chain: authority, tags: { [PROJECT_TAG]: settings.project, [SELF_SIGNED_TAG]: zone } });
  return { arn, authority, notAfter: undefined };
}

const DAY = 24 * 3_600_000;
/** ms before its end. */
const EARLY = 60 * DAY;

/** It is not exchanged by itself: clients trust its authority alone, and hear of another one with their next version only. */
export function tellEnding({ base, certificate }: InfraState, { settings, progress }: Pick<InfraSession, 'settings' | 'progress'>, now = Date.now()): void {
  const { arn, notAfter } = certificate ?? {};
  if (arn === undefined || notAfter === undefined || base?.parameters['InternalCertificateArn'] !== arn) return;
  const left = notAfter.getTime() - now;
  if (left > EARLY) return;
  const text =
    `The certificate of the internal load balancer ${left > 0 ? 'ends' : 'ended'} on ${notAfter.toISOString().slice(0, 10)}, and clients refuse it from then on. ` +
    'It is not renewed by itself, because they trust its authority alone: import another one in its place ' +
    `(aws acm import-certificate --certificate-arn ${arn} --region ${settings.region}), run build-infra, and release the clients anew.`;
  progress({ type: 'warning', text });
}
