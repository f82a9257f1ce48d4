/** What an image is called: `node:22-alpine`, `public.ecr.aws/docker/library/node@sha256:…`. */
import { usageError } from '../errors.ts';

export interface ImageReference {
  /** Where its registry answers, with its scheme. */
  readonly endpoint: string;
  readonly repository: string;
  /** A tag or a digest. */
  readonly version: string;
}

const HOST = String.raw`[a-z\d-]+(?:\.[a-z\d-]+)+(?::\d+)?|[a-z\d-]+:\d+|localhost`;
const PART = String.raw`[a-z\d]+(?:(?:\.|_{1,2}|-+)[a-z\d]+)*`;
const FORM = new RegExp(String.raw`^(?:(${HOST})/)?(${PART}(?:/${PART})*)(?::(\w[\w.-]{0,127}))?(?:@(sha256:[\da-f]{64}))?$`);
const LOOPBACK = /^(localhost|127(\.\d+){3})(:\d+)?$/;
const DOCKER_HUB = /^(index\.)?docker\.io$/;

/** As Docker reads it: without a host it is Docker Hub's, without a tag `latest`, and only this machine is asked without TLS. */
export function parseImageReference(text: string): ImageReference {
  const [, host = 'docker.io', path, tag = 'latest', digest] = FORM.exec(text) ?? [];
  if (path === undefined) throw usageError(`"${text}" is not the name of an image.`, 'Write it like node:22-alpine or public.ecr.aws/docker/library/node:22-alpine.');
  const version = digest ?? tag;
  if (DOCKER_HUB.test(host)) return { endpoint: 'https://registry-1.docker.io', repository: path.includes('/') ? path : `library/${path}`, version };
  return { endpoint: `${LOOPBACK.test(host) ? 'http' : 'https'}://${host}`, repository: path, version };
}
