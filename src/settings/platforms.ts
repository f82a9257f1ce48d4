/** What images are built for, and tasks run on. */

/** As image configs have it. */
export interface Platform {
  /** `linux` */
  readonly os: string;
  /** `amd64`, `arm64`, … */
  readonly architecture: string;
}

/** The platforms of ECS, by what a task definition calls their processors. */
export const PLATFORMS = {
  X86_64: { os: 'linux', architecture: 'amd64' },
  ARM64: { os: 'linux', architecture: 'arm64' },
} as const satisfies Record<string, Platform>;

/** As task definitions have it. */
export type CpuArchitecture = keyof typeof PLATFORMS;
export const CPU_ARCHITECTURES = ['X86_64', 'ARM64'] as const satisfies readonly CpuArchitecture[];

/** As people write it: `linux/amd64`. */
export const platformName = ({ os, architecture }: Platform): string => `${os}/${architecture}`;
