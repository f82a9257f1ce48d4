/** An example's image, as the sandbox runs it: packed, pushed, unpacked. */
import { CreateRepositoryCommand, ECRClient } from '@aws-sdk/client-ecr';
import { PLATFORMS } from '../../src/image/image.ts';
import { packImage } from '../../src/image/pack.ts';
import { pushImage } from '../../src/image/registry-client.ts';
import { startSandbox } from '../../src/sandbox/index.ts';
import type { ImageConfig } from '../../src/sandbox/parts.ts';
import { signIn } from '../sandbox/push.ts';

/** @param dir that the sandbox may have; the image's files are in it */
export async function unpackedImage(example: string, dir: string): Promise<{ rootfs: string; config: ImageConfig }> {
  const sandbox = await startSandbox({ port: 0, dir });
  try {
    const ecr = new ECRClient({ endpoint: sandbox.url, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
    const { repository } = await ecr.send(new CreateRepositoryCommand({ repositoryName: 'echo/server' }));
    const packed = await packImage(example, { platform: PLATFORMS.X86_64 });
    const digest = await pushImage(packed, { ...(await signIn(ecr)), repository: 'echo/server', tag: '0.9' });
    await packed.dispose();
    return await (await sandbox.region('us-east-1')).images.prepare(`${repository?.repositoryUri}@${digest}`);
  } finally {
    await sandbox.stop();
  }
}
