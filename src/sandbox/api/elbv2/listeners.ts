/** Listeners of load balancers: each one that speaks HTTP really listens on its port. */
import type {
  Action,
  CreateListenerInput,
  CreateListenerOutput,
  DeleteListenerInput,
  DescribeListenerAttributesInput,
  DescribeListenerAttributesOutput,
  DescribeListenersInput,
  DescribeListenersOutput,
  Listener,
  ModifyListenerAttributesInput,
  ModifyListenerAttributesOutput,
  ModifyListenerInput,
  ModifyListenerOutput,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { AwsError } from '../../errors.ts';
import { hexId } from '../../ids.ts';
import type { Region } from '../../parts.ts';
import type { StoredListener, StoredRule } from '../../world/elbv2-state.ts';
import type { Operations } from '../service.ts';
import { checkGrpc, normaliseActions } from './actions.ts';
import { changedAttributes, initialAttributes, LISTENER_ATTRIBUTES, listedAttributes } from './attributes.ts';
import { limitOf } from './limits.ts';
import { checkArn, findListener, findLoadBalancer, listenersOf, validationError } from './lookup.ts';
import { page } from './paging.ts';
import { defaultRule, forgetRules } from './rules.ts';
import { checkTags, setTags } from './tags.ts';

export const listenerOperations = {
  async CreateListener(input: CreateListenerInput, region: Region): Promise<CreateListenerOutput> {
    const { LoadBalancerArn } = findLoadBalancer(region, input.LoadBalancerArn).description;
    const settings = checkSettings(input);
    const Actions = normaliseActions(region, input.DefaultActions ?? [], {
      loadBalancerArn: LoadBalancerArn,
      protocol: settings.Protocol,
    });
    checkTags(input.Tags ?? []);
    checkPortFree(region, LoadBalancerArn, settings.Port);
    if (listenersOf(region, LoadBalancerArn).length >= limitOf(region, 'listeners-per-application-load-balancer')) {
      throw new AwsError('TooManyListeners', `The maximum number of listeners on load balancer '${LoadBalancerArn}' has been reached`);
    }
    const ListenerArn = `${LoadBalancerArn.replace(':loadbalancer/', ':listener/')}/${hexId(16)}`;
    const listener: StoredListener = {
      description: { ListenerArn, LoadBalancerArn, ...settings },
      attributes: initialAttributes(LISTENER_ATTRIBUTES),
      rules: [defaultRule(ListenerArn, Actions)],
    };
    region.state.elbv2.listeners[ListenerArn] = listener;
    await openPort(region, ListenerArn, () => delete region.state.elbv2.listeners[ListenerArn]);
    setTags(region, ListenerArn, input.Tags ?? []);
    return changedListener(region, listener);
  },

  DescribeListeners(input: DescribeListenersInput, region: Region): DescribeListenersOutput {
    const { items, ...rest } = page(region, requestedListeners(input, region), input);
    return { Listeners: items.map(describe), ...rest };
  },

  async ModifyListener(input: ModifyListenerInput, region: Region): Promise<ModifyListenerOutput> {
    const listener = findListener(region, input.ListenerArn);
    const before = { ...listener };
    const { ListenerArn, LoadBalancerArn } = listener.description;
    const settings = changedSettings(listener, input);
    if (settings.Port !== listener.description.Port) checkPortFree(region, LoadBalancerArn, settings.Port);
    const context = { loadBalancerArn: LoadBalancerArn, protocol: settings.Protocol, replaces: listener.rules.at(-1) };
    const rules = input.DefaultActions && withDefaultActions(listener, normaliseActions(region, input.DefaultActions, context));
    for (const { Actions } of rules ?? listener.rules) checkGrpc(region, Actions, settings.Protocol);
    Object.assign(listener, { description: { ListenerArn, LoadBalancerArn, ...settings }, rules: rules ?? listener.rules });
    await openPort(region, ListenerArn, () => Object.assign(listener, before));
    return changedListener(region, listener);
  },

  async DeleteListener({ ListenerArn }: DeleteListenerInput, region: Region) {
    await deleteListener(region, findListener(region, ListenerArn));
    return {};
  },

  DescribeListenerAttributes({ ListenerArn }: DescribeListenerAttributesInput, region: Region): DescribeListenerAttributesOutput {
    return { Attributes: listedAttributes(findListener(region, ListenerArn).attributes) };
  },

  ModifyListenerAttributes(input: ModifyListenerAttributesInput, region: Region): ModifyListenerAttributesOutput {
    const listener = findListener(region, input.ListenerArn);
    listener.attributes = changedAttributes('Listener', LISTENER_ATTRIBUTES, listener.attributes, input.Attributes ?? []);
    region.changed();
    return { Attributes: listedAttributes(listener.attributes) };
  },
} satisfies Operations;

/** Closes the listener's port and forgets the listener with its rules. */
export async function deleteListener(region: Region, listener: StoredListener): Promise<void> {
  const { ListenerArn } = listener.description;
  forgetRules(region, listener);
  delete region.state.elbv2.tags[ListenerArn];
  delete region.state.elbv2.listeners[ListenerArn];
  region.changed();
  region.targets.refresh();
  await region.loadBalancers.close(ListenerArn);
}

function describe({ description, rules }: StoredListener): Listener {
  return { ...description, DefaultActions: rules.at(-1)?.Actions ?? [] };
}

function changedListener(region: Region, listener: StoredListener): { Listeners: Listener[] } {
  region.changed();
  region.targets.refresh();
  return { Listeners: [describe(listener)] };
}

function requestedListeners({ LoadBalancerArn, ListenerArns = [] }: DescribeListenersInput, region: Region): StoredListener[] {
  if (LoadBalancerArn !== undefined && ListenerArns.length > 0) {
    throw validationError('Listener ARNs and a load balancer ARN cannot be specified at the same time');
  }
  if (LoadBalancerArn !== undefined) {
    findLoadBalancer(region, LoadBalancerArn);
    return listenersOf(region, LoadBalancerArn);
  }
  if (ListenerArns.length === 0) throw validationError('You must specify either listener ARNs or a load balancer ARN');
  for (const arn of ListenerArns) checkArn('listener', arn);
  const found = ListenerArns.flatMap((arn) => region.state.elbv2.listeners[arn] ?? []);
  if (found.length < ListenerArns.length) throw new AwsError('ListenerNotFound', 'One or more listeners not found');
  return found;
}

type Settings = Pick<CreateListenerInput, 'Protocol' | 'Port' | 'Certificates' | 'SslPolicy' | 'MutualAuthentication'>;

/** What the request leaves out stays; a change from HTTPS to HTTP drops what only HTTPS has. */
function changedSettings({ description }: StoredListener, request: Settings) {
  const Protocol = request.Protocol ?? description.Protocol;
  const Port = request.Port ?? description.Port;
  if (Protocol === 'HTTP') return checkSettings({ ...request, Protocol, Port });
  return checkSettings({
    Protocol,
    Port,
    Certificates: request.Certificates ?? description.Certificates,
    SslPolicy: request.SslPolicy ?? description.SslPolicy,
    MutualAuthentication: request.MutualAuthentication ?? description.MutualAuthentication,
  });
}

/** Protocol, port and what HTTPS needs, checked. */
function checkSettings(input: Settings) {
  const { Protocol, Port, Certificates = [], MutualAuthentication } = input;
  if (Protocol === undefined) throw validationError('A listener protocol must be specified');
  if (Port === undefined) throw validationError('A listener port must be specified');
  if (Protocol !== 'HTTP' && Protocol !== 'HTTPS') {
    throw new AwsError('UnsupportedProtocol', `Protocol '${Protocol}' is not supported on load balancers of type 'application'`);
  }
  if (!Number.isInteger(Port) || Port < 1 || Port > 65_535) throw validationError(`Port '${Port}' must be in the 1-65535 range`);
  if (Protocol === 'HTTP') {
    if (Certificates.length > 0) throw validationError('Certificates cannot be specified for HTTP listeners');
    return { Port, Protocol };
  }
  if (Certificates.length === 0) throw validationError('A certificate must be specified for HTTPS listeners');
  if (Certificates.length > 1) throw new AwsError('TooManyCertificates', 'Only one certificate can be specified for HTTPS listeners');
  const SslPolicy = input.SslPolicy ?? 'ELBSecurityPolicy-2016-08';
  return { Port, Protocol, Certificates, SslPolicy, MutualAuthentication: MutualAuthentication ?? { Mode: 'off' } };
}

function checkPortFree(region: Region, loadBalancerArn: string, port: number): void {
  if (listenersOf(region, loadBalancerArn).some(({ description }) => description.Port === port)) {
    throw new AwsError('DuplicateListener', `A listener already exists on this port for this load balancer '${loadBalancerArn}'`);
  }
}

/** AWS's ports are never taken; the code is the one that AWS uses for what can't be set up as it was asked for. */
async function openPort(region: Region, listenerArn: string, undo: () => void): Promise<void> {
  try {
    await region.loadBalancers.open(listenerArn);
  } catch (error) {
    undo();
    throw new AwsError('InvalidConfigurationRequest', error instanceof Error ? error.message : String(error));
  }
}

function withDefaultActions({ rules }: StoredListener, actions: Action[]): StoredRule[] {
  return rules.map((rule) => (rule.IsDefault ? { ...rule, Actions: actions } : rule));
}
