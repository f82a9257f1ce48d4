/** What turns a folder into an image. */
import type { BuiltImage, Platform } from './image.ts';
import { packImage } from './pack.ts';
import type { RegistryAccess, SessionOptions } from './registry-session.ts';

export interface BuildOptions extends SessionOptions {
  /** What the image is to run on. */
  readonly platform: Platform;
  /** The image that `pack` lays the files on, such as `node:22-alpine`; nothing where there is none. */
  readonly base?: string;
  /** The registry that one is signed in at, which may have the base. */
  readonly registry?: RegistryAccess;
  /** Takes lines that tell how it goes. */
  readonly output?: (line: string) => void;
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
