/** ACM of the sandbox, as the SDK's client meets it, and listeners with its certificates. */
import { execFile, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { ACM, type ImportCertificateRequest, type ListCertificatesRequest } from '@aws-sdk/client-acm';
import {
  AGREEING_SHOP, CLIENT_SHOP, ED25519, ENCRYPTED_KEY, EXPIRED, FUTURE, type Imported, INTERMEDIATE, NAMELESS_RSA, NAMELESS_SHOP, RENEWED_SHOP, ROOT, RSA, SHOP,
} from './acm-certificates.ts';
import { FIXED, type Lab, openLab } from './load-balancing.ts';
import { clientOf, newFolder, signatureFor, start } from './running.ts';

const CHAIN = `${INTERMEDIATE}${ROOT}`;
const ELSEWHERE = 'arn:aws:acm:eu-central-1:000000000000:certificate/1b2c3d4e-0000-4000-8000-000000000000';

async function open(options: Parameters<typeof start>[0] = {}) {
  const sandbox = await start(options);
  return { sandbox, acm: new ACM(clientOf(sandbox)) };
}

/** The request's members for a certificate. */
function material({ certificate, privateKey }: Imported, chain?: string) {
  return { Certificate: Buffer.from(certificate), PrivateKey: Buffer.from(privateKey), CertificateChain: chain === undefined ? undefined : Buffer.from(chain) };
}

/** Takes a millisecond at least, so that what is imported next is younger. */
async function put(acm: ACM, imported: Imported, more: Partial<ImportCertificateRequest> = {}): Promise<string> {
  const { CertificateArn = '' } = await acm.importCertificate({ ...material(imported), ...more });
  const then = Date.now();
  while (Date.now() <= then) await setImmediate();
  return CertificateArn;
}

test('a certificate is imported, described, read without its key, and deleted', async () => {
  const { acm } = await open();
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
  const { acm } = await open();
  const CertificateArn = await put(acm, SHOP, { Tags: [{ Key: 'team', Value: 'shop' }] });
  await acm.addTagsToCertificate({ CertificateArn, Tags: [{ Key: 'team', Value: 'till' }, { Key: 'stage' }, { Key: 'keep', Value: '1' }] });
  const tags = async () => (await acm.listTagsForCertificate({ CertificateArn })).Tags;
  expect(await tags()).toEqual([{ Key: 'team', Value: 'till' }, { Key: 'stage', Value: '' }, { Key: 'keep', Value: '1' }]);
  await acm.removeTagsFromCertificate({ CertificateArn, Tags: [{ Key: 'team', Value: 'shop' }, { Key: 'stage' }] });
  expect(await tags()).toEqual([{ Key: 'team', Value: 'till' }, { Key: 'keep', Value: '1' }]);
  await expect(acm.listTagsForCertificate({ CertificateArn: ELSEWHERE })).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
});

describe('an import is refused', () => {
  const refused = async (request: Partial<ImportCertificateRequest>) => {
    const { acm } = await open();
    return acm.importCertificate({ ...material(SHOP, CHAIN), ...request }).then(
      () => 'taken',
      (error: Error) => `${error.name}: ${error.message}`,
    );
  };

  test.each<[string, Partial<ImportCertificateRequest>, string]>([
    ['of two certificates', { Certificate: Buffer.from(SHOP.certificate + INTERMEDIATE) }, 'ValidationException: The certificate field contains more than one certificate. You can specify only one certificate in this field.'],
    ['of what is no certificate', { Certificate: Buffer.from(SHOP.privateKey) }, 'ValidationException: The certificate body provided is not in a valid PEM format.'],
    ['with the key of another', { PrivateKey: Buffer.from(RENEWED_SHOP.privateKey) }, 'ValidationException: The private key does not match the certificate.'],
    ['with an encrypted key', { PrivateKey: Buffer.from(ENCRYPTED_KEY) }, 'ValidationException: The private key is not supported.'],
    ['with a key that is too long', { PrivateKey: Buffer.from(`${SHOP.privateKey}${' '.repeat(5_000)}`) }, "ValidationException: 1 validation error detected: Value at 'privateKey' failed to satisfy constraint: Member must have length less than or equal to 5120"],
    ['of a kind of key that ACM does not take', material(ED25519), 'ValidationException: The private key is not supported.'],
    ['after its end', material(EXPIRED), 'ValidationException: The certificate has expired, is not valid.'],
    ['before its beginning', material(FUTURE), 'ValidationException: The certificate is not in effect yet, is not valid.'],
    ['with a chain that did not sign it', material(SHOP, ROOT), 'ValidationException: Could not validate the certificate with the certificate chain.'],
    ['with itself in the chain', material(SHOP, SHOP.certificate + CHAIN), chainProblem(0)],
    ['with a chain out of order', material(SHOP, INTERMEDIATE + RSA.certificate), chainProblem(0)],
    ['with a chain that goes on behind its root', material(SHOP, CHAIN + RSA.certificate), chainProblem(1)],
    ['with a chain that is none', material(SHOP, 'none'), 'ValidationException: The certificate chain provided is not in a valid PEM format.'],
    ["with one of AWS's tags", { Tags: [{ Key: 'aws:team', Value: 'a' }] }, "InvalidTagException: Invalid tag key: aws:team. Keys that begin with aws: are AWS's own."],
    ['with too many tags', { Tags: Array.from({ length: 51 }, (_, tag) => ({ Key: `k${tag}` })) }, 'TooManyTagsException: A certificate can have at most 50 tags.'],
    ['under an ARN that is not there', { CertificateArn: ELSEWHERE }, `ResourceNotFoundException: Could not find certificate ${ELSEWHERE} in account 000000000000.`],
    ['under an ARN of something else', { CertificateArn: 'arn:aws:acm:eu-central-1:000000000000:thing/1' }, 'InvalidArnException: Invalid ARN: arn:aws:acm:eu-central-1:000000000000:thing/1'],
  ])('%s', async (_what, request, message) => {
    expect(await refused(request)).toBe(message);
  });

  test('under what is no ARN', async () => {
    expect(await refused({ CertificateArn: 'shop.test' })).toMatch(/^ValidationException: 1 validation error detected: Value 'shop\.test' at 'certificateArn' failed/);
  });

  test('where 2,500 are there already', async () => {
    const { sandbox, acm } = await open();
    const first = await put(acm, SHOP);
    const { certificates } = (await sandbox.region('eu-central-1')).state.acm;
    const copies = Array.from({ length: 2_499 }, (_, copy) => Object.values(certificates).map((stored) => [`${first}-${copy}`, stored] as const));
    Object.assign(certificates, Object.fromEntries(copies.flat()));
    await expect(put(acm, SHOP)).rejects.toMatchObject({ name: 'LimitExceededException', message: expect.stringContaining('the maximum number of certificates') });
    // In the place of another it makes none more.
    expect(await put(acm, RENEWED_SHOP, { CertificateArn: first })).toBe(first);
  });

  test('with a key that is not encoded as JSON has it', async () => {
    const { sandbox } = await open();
    const response = await fetch(sandbox.url, {
      method: 'POST',
      headers: { authorization: signatureFor('acm'), 'x-amz-target': 'CertificateManager.ImportCertificate', 'content-type': 'application/x-amz-json-1.1' },
      body: JSON.stringify({ Certificate: SHOP.certificate, PrivateKey: SHOP.privateKey }),
    });
    expect([response.status, await response.json()]).toEqual([400, expect.objectContaining({ __type: 'SerializationException' })]);
  });
});

function chainProblem(index: number): string {
  return (
    'ValidationException: Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, ' +
    `followed by any intermediaries in order. The index within the chain of the invalid certificate is: ${index}`
  );
}

describe('in the place of another', () => {
  test('a certificate keeps the ARN, the tags and the day it was first imported', async () => {
    const { acm } = await open();
    const CertificateArn = await put(acm, SHOP, { CertificateChain: Buffer.from(CHAIN), Tags: [{ Key: 'team', Value: 'shop' }] });
    const before = (await acm.describeCertificate({ CertificateArn })).Certificate;
    expect(await put(acm, RENEWED_SHOP, { CertificateArn })).toBe(CertificateArn);
    const after = (await acm.describeCertificate({ CertificateArn })).Certificate;
    expect(after).toMatchObject({ CreatedAt: before?.CreatedAt, SubjectAlternativeNames: ['shop.test', 'new.shop.test'] });
    expect(after?.ImportedAt?.getTime()).toBeGreaterThan(before?.ImportedAt?.getTime() ?? 0);
    expect(await acm.getCertificate({ CertificateArn })).toEqual({ $metadata: expect.anything(), Certificate: RENEWED_SHOP.certificate });
    expect((await acm.listTagsForCertificate({ CertificateArn })).Tags).toEqual([{ Key: 'team', Value: 'shop' }]);
    expect((await acm.listCertificates({ Includes: { keyTypes: ['EC_prime256v1'] } })).CertificateSummaryList).toHaveLength(1);
  });

  test.each<[string, Imported, Partial<ImportCertificateRequest>, string]>([
    ['another kind of key', RSA, {}, 'The key type and size of a certificate cannot be changed: EC-prime256v1 is imported, and the new certificate has RSA-2048.'],
    ['no name', NAMELESS_SHOP, {}, 'The new certificate has no domain name.'],
    ['fewer usages', AGREEING_SHOP, {}, 'New certificate is missing one or more Key Usages supported by the currently imported certificate'],
    ['fewer extended usages', CLIENT_SHOP, {}, 'New certificate is missing one or more Extended Key Usages supported by the currently imported certificate'],
    ['tags', RENEWED_SHOP, { Tags: [{ Key: 'a', Value: 'b' }] }, 'Tagging is not permitted on re-import.'],
  ])('%s is refused', async (_what, next, more, message) => {
    const { acm } = await open();
    const CertificateArn = await put(acm, SHOP);
    await expect(put(acm, next, { CertificateArn, ...more })).rejects.toMatchObject({ name: 'ValidationException', message });
    expect((await acm.getCertificate({ CertificateArn })).Certificate).toBe(SHOP.certificate);
  });
});

describe('a list', () => {
  const listed = async (acm: ACM, request: ListCertificatesRequest = {}) => (await acm.listCertificates(request)).CertificateSummaryList?.map(({ DomainName = 'no name' }) => DomainName);

  test('has RSA certificates only, unless others are asked for', async () => {
    const { acm } = await open();
    const arns = [await put(acm, SHOP), await put(acm, RSA), await put(acm, NAMELESS_SHOP), await put(acm, NAMELESS_RSA)];
    expect((await acm.listCertificates({})).CertificateSummaryList).toEqual([
      {
        CertificateArn: arns[1],
        DomainName: 'rsa.test',
        SubjectAlternativeNameSummaries: ['rsa.test'],
        HasAdditionalSubjectAlternativeNames: false,
        Status: 'ISSUED',
        Type: 'IMPORTED',
        KeyAlgorithm: 'RSA-2048',
        KeyUsages: ['ANY'],
        ExtendedKeyUsages: ['NONE'],
        InUse: false,
        RenewalEligibility: 'INELIGIBLE',
        NotBefore: new Date('2020-01-01T00:00:00Z'),
        NotAfter: new Date('2119-12-31T00:00:00Z'),
        CreatedAt: expect.any(Date),
        ImportedAt: expect.any(Date),
        CertificateKeyPairOrigin: 'CUSTOMER_PROVIDED',
      },
    ]);
    expect(await listed(acm, { Includes: { keyTypes: ['EC_prime256v1', 'RSA_2048'] } })).toEqual(['shop.test', 'rsa.test', 'no name']);
    expect(await listed(acm, { Includes: { keyTypes: ['RSA_1024'] } })).toEqual(['no name']);
    expect(await listed(acm, { Includes: { keyTypes: ['EC_prime256v1'], extendedKeyUsage: ['TLS_WEB_CLIENT_AUTHENTICATION'] } })).toEqual(['shop.test']);
    expect(await listed(acm, { Includes: { keyUsage: ['DIGITAL_SIGNATURE'] } })).toEqual([]);
    expect(await listed(acm, { Includes: { exportOption: 'ENABLED' } })).toEqual([]);
    expect(await listed(acm, { CertificateKeyPairOrigins: ['AWS_MANAGED'] })).toEqual([]);
  });

  test('tells certificates that have ended from others', async () => {
    const { sandbox, acm } = await open();
    const ended = await put(acm, RSA);
    const { certificates } = (await sandbox.region('eu-central-1')).state.acm;
    const stored = certificates[ended];
    if (stored) stored.certificate = EXPIRED.certificate;
    await put(acm, SHOP);
    const Includes: ListCertificatesRequest['Includes'] = { keyTypes: ['EC_prime256v1'] };
    expect(await listed(acm, { Includes, CertificateStatuses: ['EXPIRED'] })).toEqual(['expired.test']);
    expect(await listed(acm, { Includes, CertificateStatuses: ['ISSUED'] })).toEqual(['shop.test']);
    expect((await acm.describeCertificate({ CertificateArn: ended })).Certificate?.Status).toBe('EXPIRED');
  });

  test('goes either way, in pages', async () => {
    const { acm } = await open();
    for (const imported of [SHOP, RSA, SHOP]) await put(acm, imported);
    const both: ListCertificatesRequest = { Includes: { keyTypes: ['EC_prime256v1', 'RSA_2048'] }, MaxItems: 2 };
    const first = await acm.listCertificates(both);
    expect(first.CertificateSummaryList?.map(({ DomainName }) => DomainName)).toEqual(['shop.test', 'rsa.test']);
    const second = await acm.listCertificates({ ...both, NextToken: first.NextToken });
    expect([second.CertificateSummaryList?.length, second.NextToken]).toEqual([1, undefined]);
    const newest = await acm.listCertificates({ ...both, SortBy: 'CREATED_AT', SortOrder: 'DESCENDING' });
    expect(newest.CertificateSummaryList?.[0]).toEqual(second.CertificateSummaryList?.[0]);
    await expect(acm.listCertificates({ SortBy: 'CREATED_AT' })).rejects.toMatchObject({ name: 'InvalidArgsException' });
    await expect(acm.listCertificates({ NextToken: 'never given' })).rejects.toMatchObject({ name: 'InvalidArgsException' });
    await expect(acm.listCertificates({ MaxItems: 1_001 })).rejects.toMatchObject({ name: 'ValidationException' });
  });

  test('has those of one region', async () => {
    const { sandbox, acm } = await open();
    const CertificateArn = await put(acm, RSA);
    const other = new ACM(clientOf(sandbox, 'eu-west-1'));
    expect(await listed(other)).toEqual([]);
    await expect(other.describeCertificate({ CertificateArn })).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});

test('a certificate of others than ACM cannot be exported', async () => {
  const { acm } = await open();
  const CertificateArn = await put(acm, SHOP);
  await expect(acm.exportCertificate({ CertificateArn, Passphrase: Buffer.from('secret') })).rejects.toMatchObject({ name: 'ValidationException' });
});

test('certificates outlive a restart; their keys are in no log, and in a file that only its owner reads', async () => {
  const dir = newFolder();
  const { sandbox, acm } = await open({ dir });
  const CertificateArn = await put(acm, SHOP, { Tags: [{ Key: 'team', Value: 'shop' }] });
  await acm.describeCertificate({ CertificateArn });
  await expect(put(acm, { ...SHOP, certificate: RSA.certificate })).rejects.toMatchObject({ name: 'ValidationException' });
  const { Certificate } = await acm.describeCertificate({ CertificateArn });
  expect(await (await fetch(`${sandbox.url}/_ecs-canary/status`)).json()).toMatchObject({ holds: { certificates: 1 } });
  await sandbox.stop();

  const holding = readdirSync(dir).filter((file) => statSync(join(dir, file)).isFile() && readFileSync(join(dir, file), 'utf8').includes('PRIVATE KEY'));
  expect(holding).toEqual(['eu-central-1.json']);
  expect(statSync(join(dir, 'eu-central-1.json')).mode & 0o777).toBe(0o600);
  const again = new ACM(clientOf(await start({ dir })));
  expect((await again.describeCertificate({ CertificateArn })).Certificate).toEqual(Certificate);
  expect((await again.listTagsForCertificate({ CertificateArn })).Tags).toEqual([{ Key: 'team', Value: 'shop' }]);
});

test('a state file from before ACM is read', async () => {
  const dir = newFolder();
  const { sandbox, acm } = await open({ dir });
  await put(acm, RSA);
  await sandbox.stop();
  const file = join(dir, 'eu-central-1.json');
  const { acm: _left, ...older } = JSON.parse(readFileSync(file, 'utf8'));
  rmSync(file);
  writeFileSync(file, JSON.stringify(older));
  const again = new ACM(clientOf(await start({ dir })));
  expect((await again.listCertificates({})).CertificateSummaryList).toEqual([]);
  expect(await put(again, RSA)).toMatch(/^arn:/);
});

const isCliThere = spawnSync('aws', ['--version']).status === 0;
const withCli = isCliThere ? test : test.skip;

withCli(`the AWS CLI imports a certificate and finds it${isCliThere ? '' : ' (skipped: it is not on this machine)'}`, async () => {
  const { sandbox } = await open();
  const folder = newFolder();
  const aws = async (...args: string[]): Promise<unknown> => {
    const AWS_CONFIG_FILE = join(folder, 'none');
    const env = { ...process.env, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_ENDPOINT_URL: sandbox.url, AWS_CONFIG_FILE };
    const { stdout } = await promisify(execFile)('aws', ['acm', ...args, '--region', 'eu-central-1', '--output', 'json'], { env });
    return stdout === '' ? undefined : JSON.parse(stdout);
  };
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return `fileb://${join(folder, name)}`;
  };
  const imported = await aws(
    'import-certificate', '--certificate', file('a', SHOP.certificate), '--private-key', file('b', SHOP.privateKey),
    '--certificate-chain', file('c', CHAIN), '--tags', 'Key=team,Value=shop',
  );
  expect(imported).toEqual({ CertificateArn: expect.any(String) });
  const found = await aws('list-certificates', '--includes', 'keyTypes=EC_prime256v1');
  expect(found).toMatchObject({ CertificateSummaryList: [{ ...Object(imported), DomainName: 'shop.test', Status: 'ISSUED' }] });
});

describe('behind a listener', () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await openLab();
  });
  afterEach(() => lab.end());

  /** The certificates that a new connection is shown, the listener's own first. */
  function presented(): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port: lab.port, host: '127.0.0.1', servername: 'shop.test', ca: ROOT }, () => {
        const own = socket.getPeerCertificate(true);
        resolve([own.serialNumber, String(own.issuerCertificate.subject.CN)]);
        socket.destroy();
      });
      socket.on('error', reject);
    });
  }

  async function secured(CertificateArn: string) {
    const LoadBalancerArn = await lab.loadBalancer();
    const { Listeners } = await lab.elb.createListener({ LoadBalancerArn, Protocol: 'HTTPS', Port: lab.port, Certificates: [{ CertificateArn }], DefaultActions: [FIXED] });
    return { LoadBalancerArn, ListenerArn: Listeners?.[0]?.ListenerArn ?? '' };
  }

  test('it is presented with its chain, and what takes its place is at once', async () => {
    const CertificateArn = await put(lab.acm, SHOP, { CertificateChain: Buffer.from(CHAIN) });
    await secured(CertificateArn);
    expect(await presented()).toEqual([serialOf((await lab.acm.describeCertificate({ CertificateArn })).Certificate?.Serial), 'Test Intermediate']);
    await put(lab.acm, RENEWED_SHOP, { CertificateArn, CertificateChain: Buffer.from(CHAIN) });
    const renewed = await lab.acm.describeCertificate({ CertificateArn });
    expect(await presented()).toEqual([serialOf(renewed.Certificate?.Serial), 'Test Intermediate']);
    await lab.restart();
    expect(await presented()).toEqual([serialOf(renewed.Certificate?.Serial), 'Test Intermediate']);
  });

  test('it is in use, as a default one and beside it, and cannot be deleted', async () => {
    const arns = [await put(lab.acm, SHOP), await put(lab.acm, RSA)];
    const [own = '', beside = ''] = arns;
    const { LoadBalancerArn, ListenerArn } = await secured(own);
    await lab.elb.addListenerCertificates({ ListenerArn, Certificates: [{ CertificateArn: beside }] });
    for (const CertificateArn of arns) {
      expect((await lab.acm.describeCertificate({ CertificateArn })).Certificate?.InUseBy).toEqual([LoadBalancerArn]);
      await expect(lab.acm.deleteCertificate({ CertificateArn })).rejects.toMatchObject({
        name: 'ResourceInUseException', message: `Certificate ${CertificateArn} in account 000000000000 is in use.`,
      });
    }
    expect((await lab.acm.listCertificates({})).CertificateSummaryList).toMatchObject([{ InUse: true }]);
    await lab.elb.deleteListener({ ListenerArn });
    for (const CertificateArn of arns) await lab.acm.deleteCertificate({ CertificateArn });
    expect((await lab.acm.listCertificates({ Includes: { keyTypes: ['EC_prime256v1', 'RSA_2048'] } })).CertificateSummaryList).toEqual([]);
  });
});

/** A serial number as Node writes it. */
function serialOf(serial: string | undefined): string {
  return (serial ?? '').replaceAll(':', '').toUpperCase();
}
