/** Which colour is primary, canary or old: the release log says it, and the weights must agree. */
import type { ListenerRule } from '../aws/elbv2.ts';
import { type LogEntry, type OtherRole, otherShare } from './log-entry.ts';
import {
  COLOURS,
  type Colour,
  type ColourState,
  type Pair,
  type State,
  type Traffic,
  canComeBack,
  isOccupied,
  otherColour,
  share,
  weightOf,
} from './model.ts';
import { whyNotEverything } from './safety.ts';

/** Where a service stands in its life. */
export type Roles =
  | { readonly phase: 'nothing' }
  | { readonly phase: 'primary'; readonly primary: ColourState; readonly contradiction?: string }
  | {
      readonly phase: 'primary+canary';
      readonly primary: ColourState;
      readonly canary: ColourState;
      readonly contradiction?: string;
    }
  | {
      readonly phase: 'primary+old';
      readonly primary: ColourState;
      readonly old: ColourState;
      /** The old one never owned production: there is no way back to it. */
      readonly rolledBack: boolean;
      readonly contradiction?: string;
    };

/** The newest entry of the log. */
export function lastEntry(traffic: Traffic): LogEntry | undefined {
  return traffic.log?.at(-1);
}

/**
 * Who is what. The log's primary stays the primary as long as it wants tasks or could have them again, whatever became of the
 * weights: it had production, and that is where a rollback goes. Without a log see `likelyPrimary`. Where log and weights
 * disagree, `contradiction` says so: only moves towards the primary are safe then.
 */
export function rolesOf(state: State): Roles {
  const occupied = COLOURS.filter((colour) => isOccupied(state, state.colours[colour]));
  const [only] = occupied;
  if (only === undefined) return { phase: 'nothing' };

  const entry = lastEntry(state);
  const logged = loggedPrimary(state);
  const contradiction = missingLog(state, occupied.length) ?? drift(state) ?? emptyPrimary(state, logged);
  const known = logged && (occupied.includes(logged.colour) || state.tasksUnknown || canComeBack(logged)) ? logged : undefined;
  const primary = known ?? state.colours[occupied.length === 1 ? only : likelyPrimary(state)];
  const other = state.colours[otherColour(primary.colour)];
  if (!occupied.includes(other.colour)) return { phase: 'primary', primary, contradiction: contradiction ?? whyNotEverything(state, primary) };

  const role = entry?.other?.targetGroup === other.targetGroup ? entry.other.role : 'canary';
  if (role === 'canary' || weightOf(state, other.targetGroup) > 0) {
    return { phase: 'primary+canary', primary, canary: other, contradiction };
  }
  return { phase: 'primary+old', primary, old: other, rolledBack: role === 'rolled-back', contradiction };
}

/** What the log calls an old version. */
export function roleOfOld({ rolledBack }: Extract<Roles, { phase: 'primary+old' }>): OtherRole {
  return rolledBack ? 'rolled-back' : 'replaced';
}

/** Weights that differ both from what the newest entry was to set and from what it found: somebody else changed them. */
export function drift(traffic: Traffic): string | undefined {
  const entry = lastEntry(traffic);
  if (!entry) return undefined;
  const wrong = traffic.rules.flatMap((rule) => {
    const now = 100 - share(rule, entry.primary);
    const before = entry.before[rule.arn];
    const moved = entry.scope?.includes(rule.arn) ?? true;
    // A rule that is newer than a change of some rules only may have any weights.
    if (!moved && !before) return [];
    // Weights from before may still stand where the change was cut off or undone, and in rules that it was not about. One that
    // was made since then was given what the others had.
    const stood = before ? [before] : Object.values(entry.before);
    const expected = new Set([...(moved ? [entry.percent] : []), ...(moved && entry.reached ? [] : stood.map(otherShare))]);
    if ([...expected].some((percent) => Math.abs(percent - now) < 0.05)) return [];
    return [`${rule.arn} gives ${round(now)}% away from the primary, not ${[...expected].map(round).join('% or ')}%`];
  });
  if (wrong.length === 0) return undefined;
  return `weights were changed since "${entry.command}" of ${entry.at} by ${entry.by}: ${wrong.join('; ')}`;
}

/** Percent that the newest entry gave, or left, to the pair's canary in a rule; undefined where it says nothing of it. */
export function lastSet(traffic: Traffic, { arn }: ListenerRule, pair: Pair): number | undefined {
  const entry = lastEntry(traffic);
  if (!entry) return undefined;
  const before = entry.before[arn];
  const left = entry.scope?.includes(arn) === false ? before && otherShare(before) : entry.percent;
  return left === undefined || entry.primary === pair.primary ? left : 100 - left;
}

function round(percent: number): string {
  return String(Number(percent.toFixed(1)));
}

/** One occupied colour needs no log entry to be known as the primary; of two, only the log knows. */
function missingLog(state: State, occupied: number): string | undefined {
  if (!state.log) return 'the release log cannot be read';
  return lastEntry(state) || occupied < 2 ? undefined : 'there is no release log';
}

function emptyPrimary(state: State, logged: ColourState | undefined): string | undefined {
  if (!logged || state.tasksUnknown || isOccupied(state, logged)) return undefined;
  return `${logged.colour} owns production but wants no tasks, while ${otherColour(logged.colour)} does`;
}

/** The colour that the newest entry says production belongs to. */
export function loggedPrimary(state: State): ColourState | undefined {
  return colourOf(state, lastEntry(state)?.primary);
}

/** The version that the newest entry says a promotion replaced, whatever became of it. */
export function replacedVersion(state: State): ColourState | undefined {
  const other = lastEntry(state)?.other;
  return other?.role === 'replaced' ? colourOf(state, other.targetGroup) : undefined;
}

function colourOf({ colours }: State, targetGroup: string | undefined): ColourState | undefined {
  return Object.values(colours).find((colour) => colour.targetGroup === targetGroup);
}

/**
 * The colour that had production, as far as that can be told without a log. Where both carry traffic, the one that started
 * first: a canary comes later than its primary, and may have more of the traffic by now. Else the one that has all of it.
 */
function likelyPrimary({ colours, ...traffic }: State): Colour {
  const [blue, green] = [weightOf(traffic, colours.blue.targetGroup), weightOf(traffic, colours.green.targetGroup)];
  const first = blue === green || (blue > 0 && green > 0) ? firstStarted(colours) : undefined;
  return first ?? (green > blue ? 'green' : 'blue');
}

/** Of two revisions the lower one: a rollout registers a new one, and a redeployment by hand mostly does not. */
function firstStarted({ blue, green }: State['colours']): Colour | undefined {
  const [one, other] = [revisionOf(blue), revisionOf(green)];
  const revised = one.family === other.family ? one.revision - other.revision : 0;
  const since = (colour: ColourState) => colour.service?.deployment?.createdAt ?? 0;
  const order = revised || since(blue) - since(green);
  if (!order) return undefined;
  return order < 0 ? 'blue' : 'green';
}

function revisionOf({ service }: ColourState): { family: string; revision: number } {
  const [family = '', revision] = (service?.taskDefinition ?? '').split(/:(?=\d+$)/);
  return { family, revision: Number(revision) };
}
