/** Reading from a registry that stalls in the middle of an answer, or gives everybody a token. */
import { type RequestListener, type ServerResponse, createServer } from 'node:http';
import { PLATFORMS, sha256 } from '../../src/image/image.ts';
import { pullDocument, pullManifest } from '../../src/image/registry-pull.ts';
import { RegistrySession, type SessionOptions } from '../../src/image/registry-session.ts';
import { fakeClock } from '../fake-clock.ts';

const LETTERS = 'a letter at a time, please';
const documentOf = (text: string) => ({ mediaType: 'text/plain', digest: sha256(Buffer.from(text)), size: text.length });

/** Runs `action` with a session at a registry that is this listener. */
async function withRegistry<T>(answer: RequestListener, options: SessionOptions, action: (session: RegistrySession) => Promise<T>): Promise<T> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  try {
    return await action(new RegistrySession({ endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}` }, options));
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test('a body of which nothing more comes is given up', async () => {
  const reading = withRegistry((_request, response) => response.writeHead(200, { 'content-length': 5 }).write('hel'), { timeout: 300 },
    (session) => pullDocument(session, 'hull', documentOf('hello')));
  await expect(reading).rejects.toMatchObject({ code: 'registry-failed', exitCode: 124, message: expect.stringContaining('nothing went on for 0.3 s') });
});

test('so is the text of a refusal', async () => {
  const reading = withRegistry((_request, response) => response.writeHead(403, { 'content-length': 5 }).write('hel'), { timeout: 300 },
    (session) => pullManifest(session, 'hull', '1', PLATFORMS.X86_64));
  await expect(reading).rejects.toMatchObject({ code: 'registry-failed', message: expect.stringMatching(/answered 403 while reading its manifest$/) });
});

test('a body that goes on slowly may last longer than that', async () => {
  const content = await withRegistry((_request, response) => {
    const letters = LETTERS.split('');
    const next = () => (letters.length > 0 ? void response.write(letters.shift(), () => setTimeout(next, 50)) : response.end());
    next();
  }, { clock: fakeClock(), timeout: 1_000 }, (session) => pullDocument(session, 'hull', documentOf(LETTERS)));
  expect(String(content)).toBe(LETTERS);
});

describe('a token for everybody', () => {
  /** A registry that takes the tokens of its own port, each of them until the next one is given out, and gives none to whoever brings an old one. */
  function tokenGiver(spoil: (response: ServerResponse) => boolean = () => false): RequestListener {
    let given = 0;
    return ({ url = '', headers: { host = '', authorization } }, response) => {
      if (url.startsWith('/token')) {
        if (authorization !== undefined) response.writeHead(401).end();
        else if (!spoil(response)) response.end(JSON.stringify({ token: `number-${(given += 1)}` }));
      } else if (authorization === `Bearer number-${given}`) {
        response.end('hello');
        // It has expired by the next request.
        given += 1;
      } else {
        response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${host}/token",service="hull"` }).end();
      }
    };
  }

  test('is asked for again when it has expired, without the old one', async () => {
    const read = await withRegistry(tokenGiver(), {}, async (session) => [await pullDocument(session, 'hull', documentOf('hello')), await pullDocument(session, 'hull', documentOf('hello'))]);
    expect(read.map(String)).toEqual(['hello', 'hello']);
  });

  test('that breaks off is asked for again', async () => {
    let broken = 0;
    const spoil = (response: ServerResponse) => {
      if ((broken += 1) > 1) return false;
      response.writeHead(200, { 'content-length': 30 }).write('{"token":', () => response.destroy());
      return true;
    };
    const read = await withRegistry(tokenGiver(spoil), { clock: fakeClock() }, (session) => pullDocument(session, 'hull', documentOf('hello')));
    expect([String(read), broken]).toEqual(['hello', 2]);
  });
});
