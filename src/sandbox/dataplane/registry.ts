/** The OCI registry behind ECR: `/v2/` of the sandbox's port, as the distribution specification has it. */
import { type IncomingMessage, ServerResponse } from 'node:http';
import { AwsError } from '../errors.ts';
import type { Faults } from '../faults/faults.ts';
import { COMMON_STATUS } from '../faults/common-status.ts';
import { type Fault, faultName } from '../faults/order.ts';
import { cappedPageSize } from '../page-size.ts';
import type { Region } from '../parts.ts';
import { isWrite } from '../request-log.ts';
import { requireRepository } from '../world/ecr-images.ts';
import { makeBlobStore } from './blob-store.ts';
import { authorize } from './registry-auth.ts';
import { getBlob } from './registry-blobs.ts';
import { type Exchange, type Handler, RegistryError, fromAwsError, sendError, sendJson } from './registry-exchange.ts';
import { getManifest, putManifest } from './registry-manifests.ts';
import { cancelUpload, finishUpload, patchUpload, startUpload, uploadStatus } from './registry-uploads.ts';

export interface RegistryHandler {
  /** Answers one request whose path begins with `/v2/`. Never rejects. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** A request that was answered, under the name that ECR's own API, and so CloudTrail, has for it. */
export interface RegistryCall {
  readonly region: string;
  readonly operation: string;
  /** HTTP status. */
  readonly status: number;
  /** The error code; null for a success. */
  readonly code: string | null;
  /** What was ordered for the call, if anything. */
  readonly fault?: string | undefined;
}

export interface RegistryOptions {
  readonly dir: string;
  readonly regions: () => Iterable<Region>;
  readonly log: (call: RegistryCall) => void;
  readonly faults: Faults;
}

interface Route {
  /** Groups: the repository's name, then what `Exchange.reference` shall be. */
  readonly path: RegExp;
  readonly methods: Readonly<Record<string, readonly [operation: string, handler: Handler]>>;
}

const ROUTES: readonly Route[] = [
  { path: /^\/v2\/(.+)\/blobs\/uploads\/?$/, methods: { POST: ['InitiateLayerUpload', startUpload] } },
  {
    path: /^\/v2\/(.+)\/blobs\/uploads\/([0-9a-f-]{36})$/,
    methods: {
      GET: ['GetLayerUpload', uploadStatus],
      PATCH: ['UploadLayerPart', patchUpload],
      PUT: ['CompleteLayerUpload', finishUpload],
      DELETE: ['CancelLayerUpload', cancelUpload],
    },
  },
  { path: /^\/v2\/(.+)\/blobs\/([^/]+)$/, methods: { GET: ['GetDownloadUrlForLayer', getBlob], HEAD: ['BatchCheckLayerAvailability', getBlob] } },
  {
    path: /^\/v2\/(.+)\/manifests\/([^/]+)$/,
    methods: { GET: ['BatchGetImage', getManifest], HEAD: ['BatchGetImage', getManifest], PUT: ['PutImage', putManifest] },
  },
  { path: /^\/v2\/(.+)\/tags\/list$/, methods: { GET: ['ListImages', listTags] } },
];

/** What the calls to repositories are named. */
export const REGISTRY_OPERATIONS: ReadonlySet<string> = new Set(
  ROUTES.flatMap(({ methods }) => Object.values(methods).map(([operation]) => operation)),
);

/**
 * @param options.dir the sandbox's folder
 * @param options.regions all regions there are; the one that gave out the caller's token is the one whose repositories it sees
 * @param options.log takes every call to a repository, once it is answered
 */
export function makeRegistry({ dir, regions, log, faults }: RegistryOptions): RegistryHandler {
  const blobs = makeBlobStore(dir);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://registry');
    const { region, accessKeyId } = authorize(request, response, regions());
    if (url.pathname === '/v2/' || url.pathname === '/v2') return sendJson(response, 200, {});

    const { operation, handler, name, reference } = route(request.method ?? 'GET', url.pathname);
    const fault = faults.next({ operation, text: url.pathname, ...(!isWrite(operation) && { except: ['cut-after'] }) });
    const call = { region: region.name, operation, ...(fault && { fault: faultName(fault) }) };
    if (fault !== 'cut-before' && fault !== 'cut-after') {
      response.once('finish', () => {
        const { statusCode: status } = response;
        log({ ...call, status, code: status < 400 ? null : (response.statusMessage || String(status)) });
      });
      try {
        return await perform(response);
      } catch (error) {
        if (operation !== 'InitiateLayerUpload' || !(error instanceof AwsError && error.code === 'RepositoryNotFoundException')) throw error;
        // ECR answers 404 or, as many report, nothing at all (aws/containers-roadmap#1970): the harder of the two to make sense of.
        log({ ...call, status: 0, code: error.code });
        request.socket.destroy();
        return;
      }
    }
    log({ ...call, status: 0, code: null });
    try {
      // An answer without a connection, which nobody hears.
      if (fault === 'cut-after') await perform(new ServerResponse(request));
    } finally {
      request.socket.destroy();
    }

    async function perform(answered: ServerResponse): Promise<void> {
      await befall(fault);
      const asked = { service: 'ecr', operation, region, input: { repositoryName: name } };
      const refusal = region.config.guard?.call(accessKeyId, asked);
      if (refusal !== undefined) throw new RegistryError(403, 'DENIED', refusal);
      const repository = requireRepository(region, name);
      await handler({ request, response: answered, query: url.searchParams, region, repository, reference, blobs });
    }
  }

  async function befall(fault: Fault | undefined): Promise<void> {
    if (fault === 'throttle') throw new RegistryError(429, 'TOOMANYREQUESTS', 'Rate exceeded');
    if (typeof fault !== 'object') return;
    if ('error' in fault) throw new RegistryError(COMMON_STATUS[fault.error] ?? 400, fault.error, 'The call was made to fail by a fault order of the sandbox.');
    await faults.wait(fault.delayMs);
  }

  return {
    async handle(request, response) {
      response.setHeader('docker-distribution-api-version', 'registry/2.0');
      try {
        await answer(request, response);
      } catch (error) {
        sendError(request, response, error instanceof AwsError ? fromAwsError(error) : error);
      }
    },
  };
}

function route(method: string, path: string): { operation: string; handler: Handler; name: string; reference: string } {
  for (const { path: pattern, methods } of ROUTES) {
    const match = pattern.exec(path);
    if (!match) continue;
    const [operation, handler] = (Object.hasOwn(methods, method) ? methods[method] : undefined) ?? [];
    if (!operation || !handler) break;
    return { operation, handler, name: match[1] ?? '', reference: decodeURIComponent(match[2] ?? '') };
  }
  throw new RegistryError(405, 'UNSUPPORTED', 'The operation is unsupported.');
}

async function listTags({ response, query, region, repository }: Exchange): Promise<void> {
  const tags = repository.images.flatMap((image) => image.tags).toSorted();
  const last = query.get('last');
  const rest = last === null ? tags : tags.filter((tag) => tag > last);
  const limit = cappedPageSize(region, Number(query.get('n') ?? rest.length));
  const page = rest.slice(0, limit);
  const { repositoryName } = repository.repository;
  if (page.length > 0 && page.length < rest.length) {
    response.setHeader('link', `</v2/${repositoryName}/tags/list?n=${limit}&last=${page.at(-1)}>; rel="next"`);
  }
  sendJson(response, 200, { name: repositoryName, tags: page });
}
