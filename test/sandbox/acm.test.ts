/** ACM of the sandbox, as the SDK's client meets it. */
import { ACM, type ImportCertificateRequest } from '@aws-sdk/client-acm';
import { INTERMEDIATE, ROOT, SHOP, type Imported } from './acm-certificates.ts';
import { clientOf, start } from './running.ts';

const CHAIN = `${INTERMEDIATE}${ROOT}`;
const ELSEWHERE = 'arn:aws:acm:eu-central-1:000000000000:certificate/1b2c3d4e-0000-4000-8000-000000000000';

async function open() {
  return new ACM(clientOf(await start()));
}

function material({ certificate, privateKey }: Imported, chain?: string): Pick<ImportCertificateRequest, 'Certificate' | 'PrivateKey' | 'CertificateChain'> {
  return { Certificate: Buffer.from(certificate), PrivateKey: Buffer.from(privateKey), CertificateChain: chain === undefined ? undefined : Buffer.from(chain) };
}

async function put(acm: ACM, imported: Imported, more: Partial<ImportCertificateRequest> = {}): Promise<string> {
  const { CertificateArn = '' } = await acm.importCertificate({ ...material(imported), ...more });
  return CertificateArn;
}

test('a certificate is imported, described, read without its key, and deleted', async () => {
  const acm = await open();
  const arn = await put(acm, SHOP, { CertificateChain: Buffer.from(CHAIN), Tags: [{ Key: 'team', Value: 'shop' }] });
  expect(arn).toMatch(/^arn:aws:acm:eu-central-1:000000000000:certificate\/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
  const { Certificate } = await acm.describeCertificate({ CertificateArn: arn });
  expect(Certificate).toEqual({
    CertificateArn: arn,
    DomainName: 'shop.test',
    SubjectAlternativeNames: ['shop.test', '*.shop.test'],
    Serial: '8f:ec:be:fc:9c:53:61:3f',
    Subject: 'CN=shop.test, O=Shop, C=DE',
    Issuer: 'Test Authority',
    CreatedAt: expect.any(Date),
    ImportedAt: expect.any(Date),
    Status: 'ISSUED',
    NotBefore: new Date('2020-01-01T00:00:00Z'),
    NotAfter: new Date('2119-12-31T00:00:00Z'),
    KeyAlgorithm: 'EC-prime256v1',
    SignatureAlgorithm: 'SHA256WITHECDSA',
    InUseBy: [],
    Type: 'IMPORTED',
    KeyUsages: [{ Name: 'DIGITAL_SIGNATURE' }],
    ExtendedKeyUsages: [
      { Name: 'TLS_WEB_SERVER_AUTHENTICATION', OID: '1.3.6.1.5.5.7.3.1' },
      { Name: 'TLS_WEB_CLIENT_AUTHENTICATION', OID: '1.3.6.1.5.5.7.3.2' },
    ],
    RenewalEligibility: 'INELIGIBLE',
    Options: { CertificateTransparencyLoggingPreference: 'DISABLED' },
    CertificateKeyPairOrigin: 'CUSTOMER_PROVIDED',
  });
  expect(await acm.getCertificate({ CertificateArn: arn })).toEqual({
    $metadata: expect.anything(), Certificate: SHOP.certificate, CertificateChain: CHAIN,
  });
  await acm.deleteCertificate({ CertificateArn: arn });
  await expect(acm.describeCertificate({ CertificateArn: arn })).rejects.toMatchObject({
    name: 'ResourceNotFoundException', message: `Could not find certificate ${arn} in account 000000000000.`,
  });
});

test('tags are added, listed and removed, by value where one is given', async () => {
  const acm = await open();
  const CertificateArn = await put(acm, SHOP, { Tags: [{ Key: 'team', Value: 'shop' }] });
  await acm.addTagsToCertificate({ CertificateArn, Tags: [{ Key: 'team', Value: 'till' }, { Key: 'stage' }, { Key: 'keep', Value: '1' }] });
  const tags = async () => (await acm.listTagsForCertificate({ CertificateArn })).Tags;
  expect(await tags()).toEqual([{ Key: 'team', Value: 'till' }, { Key: 'stage', Value: '' }, { Key: 'keep', Value: '1' }]);
  await acm.removeTagsFromCertificate({ CertificateArn, Tags: [{ Key: 'team', Value: 'shop' }, { Key: 'stage' }] });
  expect(await tags()).toEqual([{ Key: 'team', Value: 'till' }, { Key: 'keep', Value: '1' }]);
  await expect(acm.listTagsForCertificate({ CertificateArn: ELSEWHERE })).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
});
