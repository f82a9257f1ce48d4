/** Answers the URLs of layers that GetDownloadUrlForLayer gives out. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { layerOf } from '../world/layer-urls.ts';
import { makeBlobStore } from './blob-store.ts';

export interface LayerDownloads {
  /** Answers one request whose path begins with LAYERS_PATH. Rejects when the client goes away. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** @param dir the sandbox's folder */
export function makeLayerDownloads(dir: string): LayerDownloads {
  const blobs = makeBlobStore(dir);
  return {
    async handle(request, response) {
      const digest = layerOf(new URL(request.url ?? '/', 'http://layers'), Date.now());
      const size = digest === undefined || request.method !== 'GET' ? undefined : await blobs.size(digest);
      if (digest === undefined || size === undefined) {
        response.writeHead(403, { 'content-type': 'application/xml' }).end('<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>');
        return;
      }
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size });
      await pipeline(blobs.open(digest), response);
    },
  };
}
