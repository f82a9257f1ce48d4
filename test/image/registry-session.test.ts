/** Reading from a registry that stalls, in the middle of an answer. */
import { type RequestListener, createServer } from 'node:http';
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
