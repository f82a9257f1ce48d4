/** What turns a folder into an image. */
import type { PackedImage } from './image.ts';
import { packImage } from './pack.ts';

export interface BuildOptions {
  readonly cpuArchitecture: 'X86_64' | 'ARM64';
}

export interface Builder {
  /**
   * Builds the image of a folder.
   * @throws CanaryError, exit 2, when the folder or its Dockerfile cannot be built
   */
  build(dir: string, options: BuildOptions): Promise<PackedImage>;
}

/** By the value of the setting `BUILDER`. */
export const builders = {
  pack: { build: packImage },
} as const satisfies Record<string, Builder>;
