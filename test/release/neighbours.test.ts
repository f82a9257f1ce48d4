/** What tasks are told of the internal services of their project. */
import { selfSigned } from '../../src/infra/self-signed.ts';
import type { Neighbourhood, Version } from '../../src/release/model.ts';
import { generate, withVersion } from '../../src/release/task-definition.ts';
import { readSettings } from '../../src/settings/settings.ts';
import { place } from './states.ts';

const { service, region } = readSettings({ PROJECT_NAME: 'echo', AWS_DEFAULT_REGION: 'eu-central-1', AWS_ACCOUNT_ID: '000000000000' });
const VERSION: Version = { tag: '1.0', digest: 'sha256:1', image: 'echo/server@sha256:1' };
const NEIGHBOURHOOD: Neighbourhood = { addresses: { server: 'server.echo.internal:8443', 'price-list': 'price-list.echo.internal:80' }, authority: 'PEM' };

const generated = generate(service, place, region, VERSION);
type Container = NonNullable<typeof generated.containerDefinitions>[number];

/** The variables of the main container. */
function told(neighbourhood: Neighbourhood | undefined, container: Partial<Container> = {}): Record<string, string | undefined> {
  const containerDefinitions = (generated.containerDefinitions ?? []).map((one) => ({ ...one, ...container }));
  const next = withVersion({ ...generated, containerDefinitions }, 'server', { version: VERSION, neighbourhood });
  return Object.fromEntries((next.containerDefinitions?.[0]?.environment ?? []).map(({ name, value }) => [name, value]));
}

test('each finds the others by name, and their authority', () => {
  expect(told(NEIGHBOURHOOD)).toEqual({
    PORT: '8080', SERVER_ADDRESS: 'server.echo.internal:8443', PRICE_LIST_ADDRESS: 'price-list.echo.internal:80', INTERNAL_CA_CERTIFICATE: 'PEM',
  });
  expect(told(undefined)).toEqual({ PORT: '8080' });
});

test('what a version before was told is brought up to date, and what somebody chose stays', () => {
  const environment = (values: Record<string, string>) => ({ environment: Object.entries(values).map(([name, value]) => ({ name, value })) });
  const old = environment({ SERVER_ADDRESS: 'server.echo.internal:9443', PRICE_LIST_ADDRESS: 'prices.example:443', INTERNAL_CA_CERTIFICATE: 'OLD', TIDE: 'low' });
  expect(told(NEIGHBOURHOOD, old)).toEqual({
    SERVER_ADDRESS: 'server.echo.internal:8443', PRICE_LIST_ADDRESS: 'prices.example:443', INTERNAL_CA_CERTIFICATE: 'PEM', TIDE: 'low',
  });
  expect(told(undefined, old)).toMatchObject({ INTERNAL_CA_CERTIFICATE: 'OLD', SERVER_ADDRESS: 'server.echo.internal:9443' });
});

test('whom somebody trusts besides, or instead, stays trusted', async () => {
  const trusting = (pem: string) => ({ environment: [{ name: 'INTERNAL_CA_CERTIFICATE', value: pem }] });
  expect(told(NEIGHBOURHOOD, trusting('OTHER\nPEM\n'))).toMatchObject({ INTERNAL_CA_CERTIFICATE: 'OTHER\nPEM\n' });
  const everybodys = { ...NEIGHBOURHOOD, authority: undefined };
  expect(told(everybodys, trusting('OTHER'))).toMatchObject({ INTERNAL_CA_CERTIFICATE: 'OTHER' });
  const { authority } = await selfSigned('echo.internal', new Date());
  expect(told(everybodys, trusting(`${authority}\n${authority}`))).toHaveProperty('INTERNAL_CA_CERTIFICATE');
  // Whoever trusts it alone would refuse a certificate that everybody else takes.
  expect(told(everybodys, trusting(authority))).not.toHaveProperty('INTERNAL_CA_CERTIFICATE');
});

test('a secret keeps its variable: ECS takes none of that name beside it', () => {
  const secrets = [{ name: 'SERVER_ADDRESS', valueFrom: 'arn:secret' }];
  expect(told(NEIGHBOURHOOD, { secrets })).toEqual({ PORT: '8080', PRICE_LIST_ADDRESS: 'price-list.echo.internal:80', INTERNAL_CA_CERTIFICATE: 'PEM' });
});
