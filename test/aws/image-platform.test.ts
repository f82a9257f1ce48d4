import http from 'node:http';
import { readManifest, readPlatform } from '../../src/aws/image-platform.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };

test.each([
  ['an image', { config: { digest: 'sha256:1' }, layers: [] }, { config: 'sha256:1' }],
  ['an index, without what is said of its builds', { manifests: [{ platform: AMD64 }, { platform: { os: 'unknown', architecture: 'unknown' } }, {}] }, { platforms: [AMD64] }],
  ['an index that says no platform', { manifests: [{}, {}] }, { platforms: undefined }],
  ['an index of nothing but what is said of builds', { manifests: [{ platform: { os: 'unknown', architecture: 'unknown' } }] }, { platforms: [] }],
  ['something else', { schemaVersion: 1 }, undefined],
])('the manifest of %s', (_what, manifest, expected) => {
  expect(readManifest(JSON.stringify(manifest))).toEqual(expected);
});

test.each(['<html>', undefined])('no manifest: %s', (text) => {
  expect(readManifest(text)).toBeUndefined();
});

test('a config that cannot be had is none', async () => {
  expect(await readPlatform('http://127.0.0.1:9/', new AbortController().signal)).toBeUndefined();
  expect(await readPlatform('no address', new AbortController().signal)).toBeUndefined();
});

test('a config that does not come is waited for no longer than the user does', async () => {
  const interrupt = new AbortController();
  const server = http.createServer(() => interrupt.abort(new Error('enough'))).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  try {
    if (address === null || typeof address === 'string') throw new Error('no port');
    await expect(readPlatform(`http://127.0.0.1:${address.port}/`, interrupt.signal)).rejects.toThrow('enough');
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
