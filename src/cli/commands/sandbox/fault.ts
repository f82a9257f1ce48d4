/** `sandbox fault`: makes a call to the local AWS go wrong, to rehearse what happens then. */
import { usageError } from '../../../errors.ts';
import type { Fault, FaultOrder } from '../../../sandbox/faults/order.ts';
import { parseDuration } from '../../../settings/duration.ts';
import { type Command, type Values, isSet, option, textOf } from '../../command.ts';
import { describeOrder, withSandbox } from './fault-orders.ts';
import { dirOf, dirOption, numberOf } from './shared.ts';

const MOST = 999_999_999;

export const sandboxFault: Command = {
  name: 'fault',
  summary: 'make a call to the local AWS go wrong',
  argument: { name: '<operation>', description: "AWS's name of the call, such as ModifyRule; '*' for every one" },
  options: [
    option('--error <code>', "fail with this error code of AWS's"),
    option('--throttle', 'fail as throttled, which AWS SDKs repeat'),
    option('--delay <duration>', 'take effect that much later, such as 2s'),
    option('--stale', 'answer a read as it was answered before'),
    option('--cut-before', 'cut the connection before the call takes effect'),
    option('--cut-after', 'cut the connection after the call took effect'),
    option('--nth <k>', 'the first matching call that is hit, counted from now on (default: 1)'),
    option('--times <n>', 'how many matching calls in a row are hit, or always (default: 1)'),
    option('--about <text>', 'only calls with this text in them, such as an ARN'),
    dirOption(),
  ],
  examples: ['ecs-canary sandbox fault ModifyRule --nth 2 --error InternalFailure', "ecs-canary sandbox fault '*' --throttle --times 3"],
  writes: false,
  local: true,
  async run(context, values, operation = '') {
    const order = { operation, ...whichOf(values), fault: faultOf(values) };
    const made = await withSandbox(dirOf(values), ({ orderFault }, dir) => orderFault(dir, order));
    context.print(describeOrder(made));
    return made;
  },
};

function whichOf(values: Values): Pick<FaultOrder, 'nth' | 'times' | 'about'> {
  const times = textOf(values, 'times');
  return {
    nth: countOf('--nth', textOf(values, 'nth')),
    times: times === 'always' ? times : countOf('--times', times),
    about: textOf(values, 'about'),
  };
}

function countOf(flag: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : numberOf(flag, text, /^\d{1,9}$/, 1, MOST);
}

function faultOf(values: Values): Fault {
  const [error, delay] = [textOf(values, 'error'), textOf(values, 'delay')];
  const asked: Fault[] = [
    ...(error === undefined ? [] : [{ error }]),
    ...(delay === undefined ? [] : [{ delayMs: delayMsOf(delay) }]),
    ...(isSet(values, 'throttle') ? (['throttle'] as const) : []),
    ...(isSet(values, 'stale') ? (['stale'] as const) : []),
    ...(isSet(values, 'cutBefore') ? (['cut-before'] as const) : []),
    ...(isSet(values, 'cutAfter') ? (['cut-after'] as const) : []),
  ];
  const [fault] = asked;
  if (fault !== undefined && asked.length === 1) return fault;
  throw usageError('Exactly one of --error, --throttle, --delay, --stale, --cut-before and --cut-after is needed.');
}

function delayMsOf(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw usageError(`--delay is "${text}": it should be a duration such as 2s or 500ms.`);
}
