/** `sandbox fault`: makes a call to the local AWS, a version's tasks, or a resource of a stack go wrong, to rehearse what happens then. */
import { usageError } from '../../../errors.ts';
import type { AnyOrder } from '../../../sandbox/faults/faults.ts';
import type { Fault, FaultOrder } from '../../../sandbox/faults/order.ts';
import type { ResourceOrder } from '../../../sandbox/faults/resource-order.ts';
import type { VersionFault, VersionOrder } from '../../../sandbox/faults/version-order.ts';
import { parseDuration } from '../../../settings/duration.ts';
import { type Command, type Values, isSet, option, textOf } from '../../command.ts';
import { describeOrder, withSandbox } from './fault-orders.ts';
import { dirOf, dirOption, numberOf } from './shared.ts';

const MOST = 999_999_999;

export const sandboxFault: Command = {
  name: 'fault',
  summary: 'make a call to the local AWS, the tasks of a version, or a resource of a stack go wrong',
  argument: { name: '[operation]', description: "AWS's name of the call, such as ModifyRule; '*' for every one" },
  options: [
    option('--error <code>', "fail with this error code of AWS's"),
    option('--throttle', 'fail as throttled, which AWS SDKs repeat'),
    option('--delay <duration>', 'take effect that much later, such as 2s'),
    option('--stale', 'answer a read as it was answered before'),
    option('--cut-before', 'cut the connection before the call takes effect'),
    option('--cut-after', 'cut the connection after the call took effect'),
    option('--nth <k>', 'the first matching call, or try to make a resource, that is hit, counted from now on (default: 1)'),
    option('--times <n>', 'how many of them in a row are hit, or always (default: 1)'),
    option('--about <text>', 'only calls with this text in them, such as an ARN'),
    option('--image <image>', 'instead of a call: the tasks of this version, by tag, repository:tag or digest'),
    option('--crash', 'its tasks crash'),
    option('--unhealthy', 'its tasks fail their health checks'),
    option('--answer <status>', 'its tasks answer with this status'),
    option('--slow <duration>', 'its tasks answer that much later, such as 800ms'),
    option('--rate <percent>', 'only this share of the requests, such as 10% (default: 100%)'),
    option('--after <duration>', 'not before a task runs that long (default: from its start)'),
    option('--after-requests <n>', "from each task's nth request on"),
    option('--resource <id or type>', 'instead of a call: a resource of a stack, by its logical id or type'),
    option('--on <work>', 'when it fails: create, update or delete (default: create)'),
    option('--stack <name>', 'only in this stack'),
    option('--reason <text>', 'what its service says'),
    dirOption(),
  ],
  examples: [
    'ecs-canary sandbox fault ModifyRule --nth 2 --error InternalFailure',
    "ecs-canary sandbox fault '*' --throttle --times 3",
    'ecs-canary sandbox fault --image 1.0 --crash --after 30s',
    'ecs-canary sandbox fault --image 1.0 --answer 503 --rate 10%',
    'ecs-canary sandbox fault --resource PublicListener --on update',
  ],
  writes: false,
  local: true,
  async run(context, values, operation) {
    const order = orderOf(values, operation);
    const made = await withSandbox(dirOf(values), ({ orderFault }, dir) => orderFault(dir, order));
    context.print(describeOrder(made));
    return made;
  },
};

/** What each kind of order is for, and the options that it has besides. */
const KINDS = {
  call: { what: 'a call', options: ['error', 'throttle', 'delay', 'stale', 'cutBefore', 'cutAfter', 'nth', 'times', 'about'] },
  image: { what: 'the tasks of a version', options: ['crash', 'unhealthy', 'answer', 'slow', 'rate', 'after', 'afterRequests'] },
  resource: { what: 'a resource of a stack', options: ['on', 'stack', 'reason', 'nth', 'times'] },
};

type Kind = keyof typeof KINDS;

function orderOf(values: Values, operation: string | undefined): AnyOrder {
  const [image, resource] = [textOf(values, 'image'), textOf(values, 'resource')];
  const [kind, ...others] = ([['call', operation], ['image', image], ['resource', resource]] as const).filter(([, value]) => value !== undefined);
  if (!kind || others.length > 0) {
    throw usageError('Either an operation is needed, such as ModifyRule, or the --image of a version, or the --resource of a stack.');
  }
  refuseStrange(values, kind[0]);
  if (resource !== undefined) return { resource, ...resourceFaultOf(values) };
  return image === undefined
    ? { operation: operation ?? '', ...whichOf(values), about: textOf(values, 'about'), fault: faultOf(values) }
    : { image, fault: versionFaultOf(values), ...beginningOf(values) };
}

/** Refuses options that belong to another kind of order. */
function refuseStrange(values: Values, kind: Kind): void {
  const known = KINDS[kind].options;
  const others = Object.values(KINDS).filter(({ what }) => what !== KINDS[kind].what);
  for (const { what, options } of others) {
    const strange = options.find((name) => !known.includes(name) && isGiven(values, name));
    if (strange === undefined) continue;
    const flag = `--${strange.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw usageError(`${flag} is for ${what}, not for ${KINDS[kind].what}.`);
  }
}

function resourceFaultOf(values: Values): Omit<ResourceOrder, 'resource'> {
  const on = textOf(values, 'on');
  const work = RESOURCE_WORK.find((known) => known === on);
  if (on !== undefined && !work) throw usageError(`--on is "${on}": it should be one of ${RESOURCE_WORK.join(', ')}.`);
  return { on: work, stack: textOf(values, 'stack'), reason: textOf(values, 'reason'), ...whichOf(values) };
}

const RESOURCE_WORK = ['create', 'update', 'delete'] as const;

function isGiven(values: Values, name: string): boolean {
  return isSet(values, name) || textOf(values, name) !== undefined;
}

function whichOf(values: Values): Pick<FaultOrder, 'nth' | 'times'> {
  const times = textOf(values, 'times');
  return {
    nth: countOf('--nth', textOf(values, 'nth')),
    times: times === 'always' ? times : countOf('--times', times),
  };
}

function countOf(flag: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : numberOf(flag, text, /^\d{1,9}$/, 1, MOST);
}

function faultOf(values: Values): Fault {
  const [error, delay] = [textOf(values, 'error'), textOf(values, 'delay')];
  const asked: Fault[] = [
    ...(error === undefined ? [] : [{ error }]),
    ...(delay === undefined ? [] : [{ delayMs: msOf('--delay', delay) }]),
    ...(isSet(values, 'throttle') ? (['throttle'] as const) : []),
    ...(isSet(values, 'stale') ? (['stale'] as const) : []),
    ...(isSet(values, 'cutBefore') ? (['cut-before'] as const) : []),
    ...(isSet(values, 'cutAfter') ? (['cut-after'] as const) : []),
  ];
  const [fault] = asked;
  if (fault !== undefined && asked.length === 1) return fault;
  throw usageError('Exactly one of --error, --throttle, --delay, --stale, --cut-before and --cut-after is needed.');
}

function versionFaultOf(values: Values): VersionFault {
  const [answer, slow] = [textOf(values, 'answer'), textOf(values, 'slow')];
  const rate = rateOf(textOf(values, 'rate'));
  const asked: VersionFault[] = [
    ...(isSet(values, 'crash') ? (['crash'] as const) : []),
    ...(isSet(values, 'unhealthy') ? (['unhealthy'] as const) : []),
    ...(answer === undefined ? [] : [{ answer: numberOf('--answer', answer, /^\d{3}$/, 200, 599), rate }]),
    ...(slow === undefined ? [] : [{ slowMs: msOf('--slow', slow), rate }]),
  ];
  const [fault] = asked;
  if (fault === undefined || asked.length !== 1) throw usageError('Exactly one of --crash, --unhealthy, --answer and --slow is needed.');
  if (rate !== undefined && typeof fault === 'string') throw usageError('--rate is for --answer and --slow.');
  return fault;
}

function beginningOf(values: Values): Pick<VersionOrder, 'afterMs' | 'afterRequests'> {
  const after = textOf(values, 'after');
  return {
    afterMs: after === undefined ? undefined : msOf('--after', after),
    afterRequests: countOf('--after-requests', textOf(values, 'afterRequests')),
  };
}

/** A share from a percentage, with or without its sign. */
function rateOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const percent = /^\d{1,3}(\.\d{1,4})?%?$/.test(text) ? Number(text.replace('%', '')) : Number.NaN;
  if (percent > 0 && percent <= 100) return percent / 100;
  throw usageError(`--rate is "${text}": it should be a percentage above 0, up to 100%.`);
}

function msOf(flag: string, text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw usageError(`${flag} is "${text}": it should be a duration such as 2s or 500ms.`);
}
