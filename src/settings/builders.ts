/** What can build images. */
export const BUILDERS = ['docker', 'podman', 'buildah', 'pack'] as const;
export type BuilderName = (typeof BUILDERS)[number];

/** What a value should be. */
export const BUILDERS_LOOK = 'docker, podman, buildah or pack';
