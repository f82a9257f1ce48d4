/** On which listeners a service's rules are to be, and between which target groups they share. */
import type { ListenerRule } from '../aws/elbv2.ts';
import { usageError } from '../errors.ts';
import type { ServiceSettings, Settings } from '../settings/settings.ts';
import { type InfraState, pairOf } from './observe-infra.ts';
import type { ServiceRoute } from './rules.ts';

/** Stands for the id of what is still to be made. */
export const NOT_MADE = 'not-made-yet';

/** One for each listener. */
export function routesOf(service: ServiceSettings, state: InfraState, settings: Settings): ServiceRoute[] {
  const primary = state.owners.get(service.name);
  // What is not made yet must not look like one and the same thing.
  const blueAndGreen = pairOf(service, state.services.get(service.name)) ?? {
    primary: `${NOT_MADE}-${service.name}-blue`,
    canary: `${NOT_MADE}-${service.name}-green`,
  };
  const groups = groupsOf(state, settings);
  return listenersFor(service, state, settings).map((listenerArn) => ({
    service,
    listenerArn,
    blue: blueAndGreen.primary,
    green: blueAndGreen.canary,
    ...(primary !== undefined && { primary }),
    isOurs: (rule: ListenerRule) => rule.forward?.every(({ arn }) => groups.has(arn)) ?? false,
  }));
}

/** With a certificate the public load balancer's users come to its HTTPS listener, and the other one sends them there. gRPC needs HTTPS. */
function listenersFor({ name, expose, protocol }: ServiceSettings, { base, httpsListeners = [] }: InfraState, { existing, certificateArn }: Settings): readonly string[] {
  if (existing.listenerArns) return protocol === 'grpc' ? someOf(httpsListeners, name) : existing.listenerArns;
  const { PublicListenerArn, PublicHttpsListenerArn, InternalListenerArn, InternalHttpsListenerArn } = base?.outputs ?? {};
  const [plain, secure] = expose === 'public' ? [PublicListenerArn, PublicHttpsListenerArn] : [InternalListenerArn, InternalHttpsListenerArn];
  const isSecure = protocol === 'grpc' || (expose === 'public' && Boolean(certificateArn ?? secure));
  // A listener's ARN begins with its load balancer's.
  const known = plain ?? secure ?? `${NOT_MADE}-${expose}/listener`;
  return [(isSecure ? secure : plain) ?? `${known.slice(0, known.lastIndexOf('/'))}/${isSecure ? `${NOT_MADE}-https` : 'listener'}`];
}

function someOf(httpsListeners: readonly string[], service: string): readonly string[] {
  if (httpsListeners.length > 0) return httpsListeners;
  throw usageError(
    `LISTENER_ARNS names no HTTPS listener, and ${service} speaks gRPC, which a load balancer takes by HTTPS only.`,
    'name an HTTPS listener of that load balancer as well, then: ecs-canary build-infra',
  );
}

/** All target groups of the project, also those of services that were taken out of its settings. */
function groupsOf({ services, leftOver }: InfraState, settings: Settings): ReadonlySet<string> {
  const used = settings.services.flatMap((service) => pairOf(service, services.get(service.name)) ?? []);
  const left = leftOver.flatMap((stack) => pairOf({ targetGroups: undefined }, stack) ?? []);
  // A rule that is about to be made has groups that are about to be made.
  const coming = settings.services.flatMap(({ name }) => [`${NOT_MADE}-${name}-blue`, `${NOT_MADE}-${name}-green`]);
  return new Set([...[...used, ...left].flatMap(({ primary, canary }) => [primary, canary]), ...coming]);
}
