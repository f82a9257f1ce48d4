import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { makeBlobStore } from '../../src/sandbox/dataplane/blob-store.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'blobs-'));
});

afterEach(() => rm(dir, { recursive: true }));

test('how far an upload is, is told when nothing of it is on its way any more, also after a cut', async () => {
  const blobs = makeBlobStore(dir);
  const upload = await blobs.begin();
  const whole = new PassThrough();
  const appended = blobs.append(upload, whole);
  whole.write('harbour');
  const asked = blobs.received(upload);
  whole.end(' quay');
  expect(await asked).toBe('harbour quay'.length);
  await appended;

  const cut = new PassThrough();
  const broken = blobs.append(upload, cut);
  const askedAgain = blobs.received(upload);
  cut.destroy(new Error('cut'));
  await expect(broken).rejects.toThrow('cut');
  expect(await askedAgain).toBe('harbour quay'.length);
});
