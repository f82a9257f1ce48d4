/** What turns a folder into an image. */
import type { BuiltImage, Platform } from './image.ts';
import { packImage } from './pack.ts';

export interface BuildOptions {
  /** What the image is to run on. */
  readonly platform: Platform;
}

export interface Builder {
  /**
   * Builds the image of a folder.
   * @throws CanaryError, exit 2, when the folder or its Dockerfile cannot be built
   */
  build(dir: string, options: BuildOptions): Promise<BuiltImage>;
}

/** By the value of the setting `BUILDER`. */
export const builders = {
  pack: { build: packImage },
} as const satisfies Record<string, Builder>;
