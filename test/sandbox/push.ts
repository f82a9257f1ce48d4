/** Pushes small images to a sandbox, as `ecs-canary push` does. */
import { type ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { PLATFORMS } from '../../src/image/image.ts';
import { packImage } from '../../src/image/pack.ts';
import { type BlobPushed, type PushTarget, pushImage } from '../../src/image/registry-client.ts';
import { withFolder } from '../folder.ts';

const DOCKERFILE = 'FROM node:22-alpine\nWORKDIR /app\nCOPY . .\nCMD ["node", "index.js"]\n';

/** Files by their path; a Dockerfile is added where there is none. Resolves with the image's digest. */
export async function pushFiles(ecr: ECRClient, repository: string, tag: string, files: Record<string, string>, onBlob?: (event: BlobPushed) => void): Promise<string> {
  const image = await withFolder({ Dockerfile: DOCKERFILE, ...files }, (dir) => packImage(dir, { platform: PLATFORMS.X86_64 }));
  try {
    return await pushImage(image, { ...(await signIn(ecr)), repository, tag }, { onBlob });
  } finally {
    await image.dispose();
  }
}

export async function signIn(ecr: ECRClient): Promise<Pick<PushTarget, 'endpoint' | 'authorization'>> {
  const { authorizationData } = await ecr.send(new GetAuthorizationTokenCommand({}));
  const { proxyEndpoint = '', authorizationToken = '' } = authorizationData?.[0] ?? {};
  return { endpoint: proxyEndpoint, authorization: `Basic ${authorizationToken}` };
}
