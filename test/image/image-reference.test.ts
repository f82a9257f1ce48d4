import { parseImageReference } from '../../src/image/image-reference.ts';

const DIGEST = `sha256:${'0a'.repeat(32)}`;

test.each([
  ['node', 'https://registry-1.docker.io', 'library/node', 'latest'],
  ['node:22-alpine', 'https://registry-1.docker.io', 'library/node', '22-alpine'],
  ['docker.io/bitnami/node', 'https://registry-1.docker.io', 'bitnami/node', 'latest'],
  ['public.ecr.aws/docker/library/node:22', 'https://public.ecr.aws', 'docker/library/node', '22'],
  [`gcr.io/distroless/nodejs22-debian12:nonroot@${DIGEST}`, 'https://gcr.io', 'distroless/nodejs22-debian12', DIGEST],
  ['123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b_c:1.0', 'https://123456789012.dkr.ecr.eu-west-1.amazonaws.com', 'a/b_c', '1.0'],
  ['registry:5000/app', 'https://registry:5000', 'app', 'latest'],
  ['localhost/app', 'http://localhost', 'app', 'latest'],
  ['127.0.0.1:4566/echo/server:0.9', 'http://127.0.0.1:4566', 'echo/server', '0.9'],
])('%s is read as Docker reads it', (text, endpoint, repository, version) => {
  expect(parseImageReference(text)).toEqual({ endpoint, repository, version });
});

test.each(['', 'Node', 'node:', 'node@sha256:1', 'https://example.com/node', 'a//b', '../node', 'user:password@example.com/node', 'example.com/'])('"%s" is refused by its name', (text) => {
  const attempt = () => parseImageReference(text);
  expect(attempt).toThrow(`"${text}" is not the name of an image`);
  expect(attempt).toThrow(expect.objectContaining({ exitCode: 2 }));
});
