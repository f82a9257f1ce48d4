/** URLs by which anybody may read one layer for an hour, without signing in: what S3 does for ECR. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** AWS has no such path: there, layers are in a bucket of ECR's. */
export const LAYERS_PATH = '/_ecs-canary/layers/';

const LIFETIME_MS = 60 * 60 * 1000;
/** No URL outlives the program that gave it out. */
const KEY = randomBytes(32);

/** @param port of the sandbox. @param now ms since 1970. */
export function layerUrl(port: number, digest: string, now: number): string {
  const expires = String(now + LIFETIME_MS);
  return `http://127.0.0.1:${port}${LAYERS_PATH}${digest}?expires=${expires}&signature=${sign(digest, expires)}`;
}

/** The digest of the layer that the URL is for; undefined for a URL that was not given out, or is not good any more. */
export function layerOf({ pathname, searchParams }: URL, now: number): string | undefined {
  const digest = pathname.slice(LAYERS_PATH.length);
  const expires = searchParams.get('expires') ?? '';
  const given = Buffer.from(searchParams.get('signature') ?? '');
  const right = Buffer.from(sign(digest, expires));
  return given.length === right.length && timingSafeEqual(given, right) && Number(expires) > now ? digest : undefined;
}

function sign(digest: string, expires: string): string {
  return createHmac('sha256', KEY).update(`${digest} ${expires}`).digest('hex');
}
