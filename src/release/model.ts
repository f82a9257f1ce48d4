/** The words of the core: what AWS says now, and which version plays which role in it. */
import type { Platform } from '../settings/platforms.ts';
import type { EcsService, Network } from '../aws/ecs.ts';
import type { ListenerRule, Target, TargetGroup } from '../aws/elbv2.ts';
import type { LogEntry } from './log-entry.ts';

export type Colour = 'blue' | 'green';
export const COLOURS = ['blue', 'green'] as const;

export function otherColour(colour: Colour): Colour {
  return colour === 'blue' ? 'green' : 'blue';
}

/** Two target groups between which traffic moves, by ARN. */
export interface Pair {
  readonly primary: string;
  readonly canary: string;
}

/** An image with the tag that `push` gave it. */
export interface Version {
  readonly tag: string;
  /** `sha256:…`; undefined for a task definition that names its image by tag. */
  readonly digest: string | undefined;
  readonly image: string;
  /** What this run builds it for; undefined where it builds nothing. */
  readonly platform?: Platform;
}

/** What a project's service stands on: made by build-infra, changed by nobody during a release. */
export interface Place extends Network {
  readonly project: string;
  readonly service: string;
  readonly cluster: string;
  readonly targetGroups: Readonly<Record<Colour, string>>;
  readonly repositoryName: string;
  readonly repositoryUri: string;
  readonly executionRoleArn: string;
  readonly taskRoleArn: string;
  readonly logGroup: string;
  /** Undefined where services have no names in the VPC. */
  readonly neighbourhood?: Neighbourhood | undefined;
}

/** What tasks have to know to call the internal services of their project. */
export interface Neighbourhood {
  /** By service name: `name:port`. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Certificate, as PEM, of the authority that vouches for these names; undefined where it is one that everybody knows. */
  readonly authority: string | undefined;
}

/** Its two groups, for whatever does not ask which of them is the primary. */
export function pairAt({ targetGroups }: Place): Pair {
  return { primary: targetGroups.blue, canary: targetGroups.green };
}

/** The ECS service of a colour. */
export function serviceName({ service }: Pick<Place, 'service'>, colour: Colour): string {
  return `${service}-${colour}`;
}

/** Traffic between two target groups, whoever made them. */
export interface Traffic {
  /** The two groups. */
  readonly groups: readonly TargetGroup[];
  /** Rules whose forward action holds exactly the pair. */
  readonly rules: readonly ListenerRule[];
  /** Every other rule on the same load balancer. */
  readonly otherRules: readonly ListenerRule[];
  /** Why nothing is known but the rules that the release log remembers; undefined where all were found. */
  readonly undiscovered?: string;
  /** Registered targets by target group ARN. */
  readonly targets: ReadonlyMap<string, readonly Target[]>;
  /** Why the targets' health is not known; undefined where it was read. */
  readonly healthUnknown?: string;
  /** By target group ARN: zones that get no answer from it, although the pair's other group has healthy targets there. */
  readonly gaps: ReadonlyMap<string, readonly string[]>;
  /** The release log, oldest entry first; undefined when it could not be read. */
  readonly log: readonly LogEntry[] | undefined;
}

/** One colour: a target group and the ECS service that registers in it. */
export interface ColourState {
  readonly colour: Colour;
  readonly targetGroup: string;
  readonly service: EcsService | undefined;
  /** What its service runs, or ran last while it wants no tasks. */
  readonly version: Version | undefined;
  /** Who else registers targets in its group: then weights decide nothing about versions. */
  readonly strangers: readonly string[];
}

/** Everything that AWS says about a service of the project at one moment. */
export interface State extends Traffic {
  readonly place: Place;
  readonly colours: Readonly<Record<Colour, ColourState>>;
  /** Why the ECS services are not known; undefined where they were read. */
  readonly tasksUnknown?: string;
}

/** Tasks that the colour's service wants. 0 means: the colour is empty, also while old targets still drain. */
export function desiredTasks(colour: ColourState): number {
  return colour.service?.desired ?? 0;
}

/** Whether a version runs in the colour; where ECS does not tell, its targets do. */
export function isOccupied({ tasksUnknown, healthUnknown, targets }: State, colour: ColourState): boolean {
  if (!tasksUnknown) return desiredTasks(colour) > 0;
  return healthUnknown !== undefined || (targets.get(colour.targetGroup) ?? []).some(({ state }) => state !== 'draining');
}

/** Whether the colour's service could run its version again. */
export function canComeBack({ service }: ColourState): boolean {
  return service?.status === 'ACTIVE' && service.taskDefinition !== '';
}

/** What people call the colour's version. */
export function tagOf(colour: ColourState): string {
  return colour.version?.tag ?? colour.colour;
}

/** Whether the colour runs this very version: the image decides, since a tag can move, and the tag, since two can share an image. */
export function runs(colour: ColourState, { tag, image, digest }: Version): boolean {
  if (colour.version?.tag !== tag) return false;
  return colour.version.image === image || (digest !== undefined && colour.version.digest === digest);
}

export function healthyTargets(traffic: Pick<Traffic, 'targets'>, targetGroup: string): number {
  return (traffic.targets.get(targetGroup) ?? []).filter(({ state }) => state === 'healthy').length;
}

/** What an operator knows a rule by. */
export function nameOf({ arn, isDefault, priority, conditions }: ListenerRule): string {
  const matches = conditions.map(({ field, values }) => `${field} ${values.join(' ')}`.trim());
  return `${arn} (${[isDefault ? 'default' : `priority ${priority}`, ...matches].join(', ')})`;
}

/** The load balancer that a rule's listener belongs to. */
export function loadBalancerOf({ listenerArn }: Pick<ListenerRule, 'listenerArn'>): string {
  return listenerArn.slice(0, listenerArn.lastIndexOf('/')).replace(':listener/', ':loadbalancer/');
}

/** @param scope ARNs of listeners and rules to restrict a change to; undefined for no restriction. */
export function inScope(rules: readonly ListenerRule[], scope: readonly string[] | undefined): readonly ListenerRule[] {
  return scope ? rules.filter(({ arn, listenerArn }) => scope.includes(arn) || scope.includes(listenerArn)) : rules;
}

/** The group's weight in a rule, as AWS has it; 0 for a rule that does not name it. */
export function weightIn(rule: ListenerRule, targetGroup: string): number {
  return rule.forward?.find(({ arn }) => arn === targetGroup)?.weight ?? 0;
}

/** Whether a rule sends anybody anywhere. */
export function hasWeight({ forward = [] }: ListenerRule): boolean {
  return forward.some(({ weight }) => weight > 0);
}

/** Percent of a rule's traffic that goes to a group; 0 for a rule that does not name it. */
export function share(rule: ListenerRule, targetGroup: string): number {
  const total = (rule.forward ?? []).reduce((sum, { weight }) => sum + weight, 0);
  const own = (rule.forward ?? []).filter(({ arn }) => arn === targetGroup).reduce((sum, { weight }) => sum + weight, 0);
  return total === 0 ? 0 : (100 * own) / total;
}

/** Whether a rule splits its traffic just so. Weights of 0 and 0 are no split: the load balancer answers 503 to everybody. */
export function splits(rule: ListenerRule, pair: Pair, percent: number): boolean {
  const same = (a: number, b: number) => Math.abs(a - b) < 1e-9;
  return same(share(rule, pair.canary), percent) && same(share(rule, pair.primary), 100 - percent);
}

/** The group's share in the pair's rules: the highest one, so that 0 means that none of them sends it anything. */
export function weightOf(traffic: Pick<Traffic, 'rules'>, targetGroup: string): number {
  return Math.max(0, ...traffic.rules.map((rule) => share(rule, targetGroup)));
}
