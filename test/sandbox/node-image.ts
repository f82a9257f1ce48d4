/** Images that run anywhere: no base image can be pulled here, so they are made from this machine's own Node and the libraries it needs. */
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ECRClient } from '@aws-sdk/client-ecr';
import { create } from 'tar';
import { withFolder } from '../folder.ts';
import { signIn } from './push.ts';

/** What every image says of itself. */
export const IMAGE_VARIABLE = 'BERTH';

/** Lays out a root folder in which `node` runs. @throws Error where this machine can't tell which libraries it needs. */
export function layOutNode(root: string): void {
  const { stdout, status, error } = spawnSync('ldd', [process.execPath], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ldd does not know what Node needs: ${error?.message ?? `it ended with ${status}`}`);
  const libraries = Array.from(stdout.matchAll(/(?:^|\s)(\/[^ ()]+)/gm), ([, path = '']) => path);
  for (const [from, to] of [[process.execPath, '/usr/local/bin/node'], ...libraries.map((path) => [path, path])] as const) {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    copyFileSync(from, join(root, to));
  }
}

/** Pushes an image with Node and these files, which starts `index.js`; the files are a layer of their own. */
export async function pushNodeImage(ecr: ECRClient, repository: string, tag: string, files: Record<string, string>): Promise<void> {
  const { endpoint, authorization } = await signIn(ecr);
  const send = async (method: string, path: string, body: Buffer | string | undefined, type = 'application/octet-stream') => {
    const headers = { authorization, ...(body === undefined ? {} : { 'content-type': type }) };
    const answer = await fetch(new URL(path, endpoint), { method, headers, body });
    if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status}: ${await answer.text()}`);
    return answer;
  };
  const pushBlob = async (content: Buffer | string) => {
    const digest = sha256(content);
    const upload = await send('POST', `/v2/${repository}/blobs/uploads/`, undefined);
    const place = new URL(upload.headers.get('location') ?? '', endpoint);
    place.searchParams.set('digest', digest);
    await send('PUT', place.href, content);
    return { digest, size: Buffer.byteLength(content) };
  };
  const app = await withFolder(files, async (dir) => archive(dir, Object.keys(files), 'app'));
  const layers = [await pushBlob(nodeLayer()), await pushBlob(app)];
  const config = await pushBlob(JSON.stringify({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Env: ['PATH=/usr/local/bin', `${IMAGE_VARIABLE}=7`], WorkingDir: '/app', Cmd: ['node', 'index.js'] },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  }));
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  await send('PUT', `/v2/${repository}/manifests/${tag}`, JSON.stringify({
    schemaVersion: 2,
    mediaType,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
    layers: layers.map((layer) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer })),
  }), mediaType);
}

let layer: Buffer | undefined;

/** Made once: it has a hundred megabytes. */
function nodeLayer(): Buffer {
  if (layer) return layer;
  const root = mkdtempSync(join(tmpdir(), 'node-image-'));
  try {
    layOutNode(root);
    layer = archive(root, ['.'], '');
    return layer;
  } finally {
    rmSync(root, { recursive: true });
  }
}

function archive(cwd: string, entries: string[], prefix: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'layer-'));
  try {
    const file = join(folder, 'layer.tar');
    create({ cwd, file, sync: true, portable: true, prefix }, entries);
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function sha256(content: Buffer | string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
