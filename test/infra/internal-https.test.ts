/** The internal HTTPS listener: who gets one, on which port, with which certificate, and what of it stays. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Stack, StackRequest } from '../../src/aws/cloudformation.ts';
import { certificateOf, type OwnCertificate, refuseSelfSigned } from '../../src/infra/internal-https.ts';
import type { InfraState } from '../../src/infra/observe-infra.ts';
import { describeStep, type InfraStep, planInfra } from '../../src/infra/plan-infra.ts';
import { selfSigned } from '../../src/infra/self-signed.ts';
import { baseRequest, serviceRequest } from '../../src/infra/stack-requests.ts';
import { readSettings, type Settings } from '../../src/settings/settings.ts';

const settingsWith = (variables: Record<string, string> = {}): Settings =>
  readSettings({ PROJECT_NAME: 'fleet', AWS_DEFAULT_REGION: 'eu-central-1', AWS_ACCOUNT_ID: '000000000000', ...variables });

const GRPC = { PROTOCOL: 'grpc', EXPOSE: 'internal' };
/** A public HTTP service beside an internal gRPC one. */
const BOTH = { SERVICES: 'web,server', SERVER_PROTOCOL: 'grpc' };
const CERTIFICATE_ARN = 'arn:aws:acm:eu-central-1:000000000000:certificate/0a1b2c3d';
const OWN: OwnCertificate = { arn: 'arn:own', authority: 'PEM', notAfter: undefined };
const GIVEN = { arn: CERTIFICATE_ARN, authority: '' };

const stackOf = ({ name, parameters, tags, template }: StackRequest, outputs: Record<string, string>) =>
  ({ id: name, name, status: 'CREATE_COMPLETE', statusReason: undefined, parameters, outputs, tags, isProtected: true, template, changeSets: [] });
const LIVE = { VpcId: 'vpc-1', LoadBalancerSecurityGroupId: 'sg-1', InternalEndpointHost: 'lb', InternalHttpsListenerArn: 'lb/https', InternalZoneId: 'Z1', InternalZoneTarget: 'Z2' };
const baseWith = (settings: Settings, certificate: { arn: string; authority: string }, outputs: Record<string, string> = LIVE) =>
  stackOf(baseRequest(settings, undefined, undefined, certificate), outputs);
const EMPTY: InfraState = { base: undefined, services: new Map(), rules: [], owners: new Map(), leftOver: [] };

const refusal = (message: RegExp) => expect.objectContaining({ exitCode: 2, message: expect.stringMatching(message) });

describe('the certificate', () => {
  const chosen = (variables: Record<string, string>, { base, own, switched = false }: { base?: Stack; own?: OwnCertificate; switched?: boolean } = {}) =>
    certificateOf(settingsWith(variables), base, own, switched);

  test('is that of --self-signed, made before or not, or else CERTIFICATE_ARN; without either nothing is done', () => {
    expect(chosen(GRPC, { switched: true }).arn).toBe('not-imported-yet');
    expect(chosen(GRPC, { switched: true, own: OWN })).toMatchObject({ arn: 'arn:own', authority: 'PEM' });
    // Made by a run that was cut off before the stack.
    expect(chosen(GRPC, { own: OWN })).toMatchObject({ arn: 'arn:own' });
    expect(chosen({ ...GRPC, CERTIFICATE_ARN })).toEqual(GIVEN);
    expect(() => chosen(GRPC)).toThrow(refusal(/^server speaks gRPC, and the internal load balancer has no certificate/));
    expect(() => chosen(GRPC)).toThrow(expect.objectContaining({ next: expect.stringMatching(/--self-signed[\s\S]*CERTIFICATE_ARN/) }));
    expect(chosen({})).toEqual({ arn: '', authority: '' });
    expect(() => chosen({}, { switched: true })).toThrow(refusal(/no service behind it speaks gRPC/));
  });

  test('of a listener that is there stays unless somebody names another one for it', () => {
    const own = baseWith(settingsWith(GRPC), OWN);
    expect(chosen({ ...GRPC, CERTIFICATE_ARN }, { base: own, own: OWN })).toEqual(GIVEN);
    // That of a public listener is not said to be for this one.
    expect(chosen({ ...BOTH, CERTIFICATE_ARN }, { base: own, own: OWN })).toMatchObject({ arn: 'arn:own' });
    const publicOnce = { ...own, outputs: { ...LIVE, PublicListenerArn: 'public' } };
    expect(chosen({ ...GRPC, CERTIFICATE_ARN }, { base: publicOnce, own: OWN })).toMatchObject({ arn: 'arn:own' });
    // One that was made once and is not used any more does not come back by itself.
    const given = baseWith(settingsWith(GRPC), GIVEN);
    expect(chosen({ ...BOTH, CERTIFICATE_ARN }, { base: given, own: OWN })).toEqual(GIVEN);
    expect(chosen(GRPC, { base: given, own: OWN })).toEqual(GIVEN);
    // ACM says nothing of it: its clients would refuse another one.
    expect(chosen(GRPC, { base: own, switched: true })).toMatchObject({ arn: 'arn:own', authority: 'PEM' });
    expect(chosen({}, { base: own })).toMatchObject({ arn: 'arn:own', authority: 'PEM' });
    // Nor is one of ours that a run which was cut off has left beside it.
    const stray = { ...OWN, arn: 'arn:stray', authority: 'OTHER' };
    expect(chosen(GRPC, { base: own, own: stray, switched: true })).toMatchObject({ arn: 'arn:own', authority: 'PEM' });
    // Once there is a public listener, CERTIFICATE_ARN is that one's.
    const another = CERTIFICATE_ARN.replace(/.$/, 'f');
    expect(chosen({ ...BOTH, CERTIFICATE_ARN: another }, { base: given })).toEqual(GIVEN);
    // Unless both have had one for both.
    const shared = { ...given, outputs: { ...LIVE, PublicListenerArn: 'public', PublicHttpsListenerArn: 'https' }, parameters: { ...given.parameters, CertificateArn: GIVEN.arn } };
    expect(chosen({ ...BOTH, CERTIFICATE_ARN: another }, { base: shared })).toEqual({ arn: another, authority: '' });
  });

  test('with a chain that no parameter can hold is refused before anything is made', () => {
    const withChain = (length: number) => () => baseRequest(settingsWith(GRPC), undefined, undefined, { ...OWN, authority: 'x'.repeat(length) });
    expect(withChain(4_096)).not.toThrow();
    expect(withChain(4_097)).toThrow(refusal(/^The chain of certificate arn:own is too long: it comes to 4097 bytes, and CloudFormation takes 4096 at most\.$/));
  });

  test('is not made beside one that is given for that very listener', () => {
    expect(() => refuseSelfSigned(settingsWith({ ...GRPC, CERTIFICATE_ARN }))).toThrow(refusal(/--self-signed and CERTIFICATE_ARN/));
    expect(() => refuseSelfSigned(settingsWith({ ...BOTH, CERTIFICATE_ARN }))).not.toThrow();
    expect(() => refuseSelfSigned(settingsWith(GRPC))).not.toThrow();
    const LISTENER_ARNS = 'arn:aws:elasticloadbalancing:eu-central-1:000000000000:listener/app/web/0123456789abcdef/fedcba9876543210';
    const behind = { VPC_ID: 'vpc-0a1b2c3d', SUBNET_IDS: 'subnet-0a1b2c3d,subnet-4e5f6a7b', LISTENER_ARNS, SECURITY_GROUP_IDS: 'sg-0a1b2c3d' };
    expect(() => refuseSelfSigned(settingsWith({ ...GRPC, ...behind }))).toThrow(refusal(/LISTENER_ARNS/));
  });

  test('that is made is good for the names of the zone, checked by its authority alone', async () => {
    const now = new Date('2026-11-27T12:00:00Z');
    const made = await selfSigned('fleet.internal', now);
    const [certificate, authority] = [new X509Certificate(made.certificate), new X509Certificate(made.authority)];
    expect(certificate.subjectAltName).toBe('DNS:*.fleet.internal, DNS:fleet.internal');
    expect(certificate.checkIssued(authority) && certificate.verify(authority.publicKey)).toBe(true);
    expect([authority.ca, certificate.ca]).toEqual([true, false]);
    expect(certificate.checkPrivateKey(createPrivateKey(made.privateKey))).toBe(true);
    for (const { validFrom, validTo } of [certificate, authority]) {
      expect(Date.parse(validFrom)).toBeLessThan(now.getTime());
      expect(new Date(validTo).getUTCFullYear()).toBe(2036);
    }
    expect(Object.values(made).filter((text) => text.includes('PRIVATE'))).toEqual([made.privateKey]);
    expect(certificate.publicKey.equals(authority.publicKey)).toBe(false);
  });
});

describe('listeners and ports', () => {
  const parametersOf = (variables: Record<string, string>, existing?: Stack) => baseRequest(settingsWith(variables), existing).parameters;

  test('HTTP and gRPC services have a listener each, and what was made stays', () => {
    expect(parametersOf({})).toMatchObject({ InternalServices: 'false', InternalHttpServices: 'false', InternalHttpsServices: 'false' });
    expect(parametersOf(GRPC)).toMatchObject({ InternalServices: 'true', InternalHttpServices: 'false', InternalHttpsServices: 'true', InternalHttpsListenerPort: '8443' });
    const both = { SERVICES: 'web,server,store', SERVER_PROTOCOL: 'grpc', INTERNAL_HTTPS_LISTENER_PORT: '9443' };
    expect(parametersOf(both)).toMatchObject({ InternalHttpServices: 'true', InternalHttpsServices: 'true', InternalListenerPort: '8443', InternalHttpsListenerPort: '9443' });
    expect(parametersOf({}, baseWith(settingsWith(GRPC), OWN))).toMatchObject({ InternalServices: 'true', InternalHttpServices: 'false', InternalHttpsServices: 'true' });
  });

  test('a project without gRPC gets no other listeners than before', () => {
    const before = stackOf(baseRequest(settingsWith({ SERVICES: 'web,store' }), undefined), { PublicListenerArn: 'one', InternalListenerArn: 'two' });
    const { InternalHttpServices, InternalHttpsServices, InternalHttpsListenerPort: _, InternalCertificateArn, CertificateAuthority, ...known } = before.parameters;
    expect({ InternalHttpServices, InternalHttpsServices, InternalCertificateArn, CertificateAuthority }).toEqual({
      InternalHttpServices: 'true', InternalHttpsServices: 'false', InternalCertificateArn: '', CertificateAuthority: '',
    });
    // Of a time before these were there.
    expect(parametersOf({ SERVICES: 'web,store' }, { ...before, parameters: known })).toEqual(before.parameters);
  });

  test('two listeners of one load balancer are told apart before anything is made', () => {
    const both = { SERVICES: 'web,server,store', SERVER_PROTOCOL: 'grpc' };
    expect(() => settingsWith(both)).toThrow(refusal(/^INTERNAL_HTTPS_LISTENER_PORT is "8443": it should be another port than INTERNAL_LISTENER_PORT\.$/));
    // Those of two load balancers may be alike.
    expect(() => settingsWith({ ...BOTH, LISTENER_PORT: '8443' })).not.toThrow();
  });

  test('a zone that has host names of EC2 is not made', () => {
    for (const PROJECT_NAME of ['ec2', 'compute']) {
      expect(() => settingsWith({ ...GRPC, PROJECT_NAME })).toThrow(refusal(new RegExp(`^PROJECT_NAME is "${PROJECT_NAME}": .* ${PROJECT_NAME}\\.internal\\.$`)));
      expect(() => settingsWith({ PROJECT_NAME, EXPOSE: 'internal' })).not.toThrow();
    }
  });

  test('the port of a listener that is there is not given to a new one', () => {
    const http = stackOf(baseRequest(settingsWith({ EXPOSE: 'internal' }), undefined), { InternalListenerArn: 'http' });
    const joined = { SERVICES: 'server,quay', EXPOSE: 'internal', QUAY_PROTOCOL: 'grpc' };
    expect(() => parametersOf({ ...joined, INTERNAL_LISTENER_PORT: '8080', INTERNAL_HTTPS_LISTENER_PORT: '8443' }, http)).toThrow(refusal(/^INTERNAL_HTTPS_LISTENER_PORT is "8443": the internal HTTP listener/));
    expect(parametersOf({ ...joined, INTERNAL_HTTPS_LISTENER_PORT: '9443' }, http)).toMatchObject({ InternalListenerPort: '8443', InternalHttpsListenerPort: '9443' });
    const grpc = baseWith(settingsWith(GRPC), OWN);
    // Not even one that is moved away from it, as whoever reads of two listeners with one port may do.
    for (const INTERNAL_LISTENER_PORT of ['8443', '8080']) {
      expect(() => parametersOf({ ...joined, INTERNAL_HTTPS_LISTENER_PORT: '9443', INTERNAL_LISTENER_PORT }, grpc)).toThrow(
        refusal(/stays on 8443, which running tasks have in their addresses: set INTERNAL_HTTPS_LISTENER_PORT=8443, and another INTERNAL_LISTENER_PORT\.$/),
      );
    }
    expect(parametersOf({ ...joined, INTERNAL_HTTPS_LISTENER_PORT: '8443', INTERNAL_LISTENER_PORT: '8080' }, grpc)).toMatchObject({ InternalListenerPort: '8080', InternalHttpsListenerPort: '8443' });
  });
});

describe('the plan', () => {
  const plan = (state: InfraState, variables: Record<string, string>, switched = false) => planInfra(state, settingsWith(variables), switched);
  const words = (steps: readonly InfraStep[]) => steps.map(describeStep);

  test('imports a certificate first, once, and before CloudFormation can use it shows what would come of it', () => {
    const steps = plan(EMPTY, GRPC, true);
    expect(words(steps)).toEqual([
      expect.stringMatching(/^make a certificate for \*\.fleet\.internal.* import it to ACM$/),
      expect.stringContaining('service-linked roles'),
      'create stack fleet', 'create stack fleet-server', 'create the listener rule of server for path-pattern /*, weights 100/0',
    ]);
    expect(words(plan({ ...EMPTY, certificate: OWN }, GRPC, true))).toEqual(words(steps).slice(1));
  });

  test('gives names to internal services, and gRPC its own listener', () => {
    const settings = settingsWith({ ...BOTH, SERVICES: 'web,server' });
    const base = baseWith(settings, OWN, { ...LIVE, PublicListenerArn: 'lb-public/http' });
    const steps = plan({ ...EMPTY, base, certificate: OWN }, BOTH);
    const requests = steps.flatMap((step) => (step.do === 'create-stack' ? [step.request.parameters] : []));
    expect(requests).toEqual([
      expect.objectContaining({ ServiceName: 'web', Protocol: 'http', InternalZoneId: '' }),
      expect.objectContaining({ ServiceName: 'server', Protocol: 'grpc', InternalZoneId: 'Z1', InternalEndpointHost: 'lb', InternalZoneTarget: 'Z2' }),
    ]);
    expect(steps.flatMap((step) => (step.do === 'create-rule' ? [[step.service, step.rule.listenerArn]] : []))).toEqual([['web', 'lb-public/http'], ['server', 'lb/https']]);
  });

  test('HTTP and gRPC may take the same path inside, on listeners of their own', () => {
    const both = { SERVICES: 'store,server', EXPOSE: 'internal', SERVER_PROTOCOL: 'grpc', INTERNAL_HTTPS_LISTENER_PORT: '9443' };
    expect(words(plan(EMPTY, both, true))).toContain('create the listener rule of server for path-pattern /*, weights 100/0');
    expect(() => plan(EMPTY, { ...both, STORE_PROTOCOL: 'grpc' }, true)).toThrow(refusal(/store and server are both internal/));
  });

  test('refuses gRPC where no listener can carry it, and a pair of another protocol', () => {
    expect(() => plan(EMPTY, { PROTOCOL: 'grpc' })).toThrow(refusal(/^CERTIFICATE_ARN is missing: server is public and speaks gRPC/));
    expect(words(plan(EMPTY, { PROTOCOL: 'grpc', CERTIFICATE_ARN }))).toContain('create stack fleet');
    const listener = 'arn:aws:elasticloadbalancing:eu-central-1:000000000000:listener/app/web/0123456789abcdef/fedcba9876543210';
    const given = { ...GRPC, VPC_ID: 'vpc-0a1b2c3d', SUBNET_IDS: 'subnet-0a1b2c3d,subnet-4e5f6a7b', LISTENER_ARNS: listener, SECURITY_GROUP_IDS: 'sg-0a1b2c3d' };
    expect(() => plan(EMPTY, given)).toThrow(refusal(/LISTENER_ARNS names no HTTPS listener/));
    const [rule] = plan({ ...EMPTY, httpsListeners: ['https'] }, given).filter((step) => step.do === 'create-rule');
    expect(rule).toMatchObject({ rule: { listenerArn: 'https' } });
    const settings = settingsWith();
    const existing = stackOf(serviceRequest(settings, settings.service, 'vpc-1'), {});
    const { Protocol, ...known } = existing.parameters;
    const grpc = settingsWith({ ...GRPC });
    const error = expect.objectContaining({ code: 'infra-moved', message: expect.stringContaining('PROTOCOL is grpc now') });
    for (const parameters of [known, { ...known, Protocol: Protocol ?? '' }]) {
      expect(() => serviceRequest(grpc, grpc.service, 'vpc-1', { existing: { ...existing, parameters } })).toThrow(error);
    }
    expect(serviceRequest(settings, settings.service, 'vpc-1', { existing: { ...existing, parameters: known } }).parameters).toEqual(existing.parameters);
  });
});
