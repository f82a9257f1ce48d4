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
  expect(await readPlatform('http://127.0.0.1:9/')).toBeUndefined();
  expect(await readPlatform('no address')).toBeUndefined();
});
