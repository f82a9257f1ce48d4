/** What a service may speak behind its load balancer. */

export const PROTOCOLS = ['http', 'grpc'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** Where its health is checked unless the settings say otherwise. Of gRPC: https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
export const HEALTH_CHECK_PATHS = { http: '/', grpc: '/grpc.health.v1.Health/Check' } as const satisfies Record<Protocol, string>;
