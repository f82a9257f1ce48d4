/** Signing in to a registry. */
import { connectAws } from '../../src/aws/aws.ts';
import { faultyEndpoint } from '../faulty-endpoint.ts';
import { start } from '../sandbox/running.ts';

test('a token that no header can hold is refused, and not shown', async () => {
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  const endpoint = await faultyEndpoint((await start()).url);
  try {
    const { registry } = connectAws({ region: 'eu-central-1', endpointUrl: endpoint.url });
    expect(await registry.signIn()).toMatchObject({ authorization: expect.stringMatching(/^Basic [A-Za-z0-9+/]+=*$/) });
    endpoint.order('GetAuthorizationToken', { change: (answer) => ({ ...answer, body: answer.body.replace('"authorizationToken":"', String.raw`$&c2VjcmV0\n`) }) });
    await expect(registry.signIn()).rejects.toMatchObject({ code: 'bad-answer', message: 'AWS answered GetAuthorizationToken without a token.' });
  } finally {
    await endpoint.close();
  }
});
