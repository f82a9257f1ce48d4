/** `sandbox start`: the local AWS, in this process or in one of its own. It reads no project settings. */
import { fileURLToPath } from 'node:url';
import { usageError } from '../../../errors.ts';
import type { SandboxOptions } from '../../../sandbox/index.ts';
import type { Quotas } from '../../../sandbox/quotas.ts';
import type { SandboxInfo } from '../../../sandbox/run-file.ts';
import { parseDuration } from '../../../settings/duration.ts';
import { type Command, type Values, isSet, listOf, listOption, option, textOf } from '../../command.ts';
import type { Context } from '../../context.ts';
import { dirOf, dirOption, numberOf, plainly } from './shared.ts';

type Control = typeof import('../../../sandbox/control.ts');

const DEFAULT_PORT = '4566';
const MOST = 999_999_999;
const LONGEST_LAG_MS = 60_000;

export const sandboxStart: Command = {
  name: 'start',
  summary: 'start the local AWS, in the foreground unless --detach',
  options: [
    option('--port <port>', `port of its API and registry, 0 for a free one (default: ${DEFAULT_PORT})`),
    dirOption(),
    option('--detach', 'return when it answers'),
    option('--speed <factor>', 'divide every duration of AWS by this (default: 1)'),
    option('--account <id>', 'account, 12 digits (default: 000000000000)'),
    option('--seed <number>', 'make what happens by chance repeatable'),
    option('--page-size <items>', 'give no more items in a page than this'),
    listOption('--quota <name=n>', 'change a quota of the account, such as target-groups=5; repeatable'),
    option('--throttle', "throttle calls at AWS's rates"),
    option('--lag <duration>', 'how far reads may lag behind writes, such as 2s (default: not at all)'),
    listOption('--policy <[name=]file>', 'enforce the IAM policy of this file, for everybody or for an access key id; repeatable'),
    option('--fresh-account', 'as in an account where nobody has used ECS yet'),
    option('--runner <runner>', 'what tasks run in: process, docker or podman (default: process)'),
  ],
  examples: [
    'eval "$(ecs-canary sandbox start --detach)"',
    'ecs-canary sandbox start --speed 10',
    'ecs-canary sandbox start --runner podman',
    'ecs-canary sandbox start --policy deploy.json',
    'ecs-canary sandbox start --page-size 2 --quota rules-per-application-load-balancer=200',
  ],
  writes: false,
  local: true,
  async run(context, values) {
    const control = await import('../../../sandbox/control.ts');
    const options = startOptions(values, control);
    await refuseWithoutEngine(options, control);
    if (isSet(values, 'detach')) {
      const command = [process.execPath, ownProgram(), ...foregroundArgs(options)] as const;
      const info = await plainly('sandbox-start', control.startDetached({ dir: options.dir, command: [...command] }));
      printExports(context, info);
      return { ...info };
    }
    const { info, stopped } = await plainly('sandbox-start', control.startForeground(options, context.signal));
    printExports(context, info);
    context.say(`The sandbox runs on ${info.url} until Ctrl-C.`);
    await stopped;
    return { ...info };
  },
};

function startOptions(values: Values, control: Control): SandboxOptions {
  const name = textOf(values, 'runner') ?? 'process';
  const runner = control.RUNNERS.find((known) => known === name);
  if (!runner) throw usageError(`--runner is "${name}": it should be process, docker or podman.`);
  const account = textOf(values, 'account') ?? '000000000000';
  if (!/^\d{12}$/.test(account)) throw usageError(`--account is "${account}": it should be 12 digits.`);
  const whole = (name: string, flag: string, min: number) => {
    const text = textOf(values, name);
    return text === undefined ? undefined : numberOf(flag, text, /^\d{1,9}$/, min, MOST);
  };
  return {
    port: numberOf('--port', textOf(values, 'port') ?? DEFAULT_PORT, /^\d{1,5}$/, 0, 65_535),
    dir: dirOf(values),
    speed: numberOf('--speed', textOf(values, 'speed') ?? '1', /^\d{1,4}(\.\d+)?$/, 0.01, 1_000),
    account,
    seed: whole('seed', '--seed', 0),
    pageSize: whole('pageSize', '--page-size', 1),
    quotas: quotasOf(listOf(values, 'quota') ?? [], control),
    throttle: isSet(values, 'throttle'),
    lagMs: lagOf(textOf(values, 'lag')),
    freshAccount: isSet(values, 'freshAccount'),
    policies: listOf(values, 'policy'),
    runner,
  };
}

async function refuseWithoutEngine({ runner = 'process' }: SandboxOptions, { whyNoEngine }: Control): Promise<void> {
  const reason = runner === 'process' ? undefined : await whyNoEngine(runner);
  if (reason !== undefined) throw usageError(`--runner is ${runner}, but ${reason}`, `start ${runner}, or leave --runner out: tasks are processes of this machine then`);
}

function lagOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined && ms <= LONGEST_LAG_MS) return ms;
  throw usageError(`--lag is "${text}": it should be a duration such as 2s, of a minute at most.`);
}

/** @param parts each `name=n`. */
function quotasOf(parts: readonly string[], { isQuotaName, quotaNames }: Control): Quotas {
  const quotas: Partial<Record<keyof Quotas, number>> = {};
  for (const part of parts) {
    const [name = '', n = ''] = part.split(/=(.*)/s);
    if (!isQuotaName(name)) throw usageError(`--quota names "${name}": it should be one of ${quotaNames().join(', ')}.`);
    quotas[name] = numberOf(`--quota ${name}`, n, /^\d{1,9}$/, 0, MOST);
  }
  return quotas;
}

/** The command line that starts the same sandbox in the foreground. */
function foregroundArgs({ quotas = {}, throttle, lagMs, freshAccount, policies = [], ...options }: SandboxOptions): string[] {
  const { port, dir, speed, account, seed, pageSize, runner } = options;
  const lag = lagMs === undefined ? undefined : `${lagMs}ms`;
  const flags = Object.entries({ port, dir, speed, account, seed, 'page-size': pageSize, lag, runner });
  const given = flags.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));
  const switches = [...(throttle ? ['--throttle'] : []), ...(freshAccount ? ['--fresh-account'] : [])];
  const enforced = policies.flatMap((policy) => ['--policy', policy]);
  return ['sandbox', 'start', ...given, ...switches, ...enforced, ...Object.entries(quotas).flatMap(([name, n]) => ['--quota', `${name}=${n}`])];
}

/** The bundled program lies beside the folder that holds what Node was started with. */
function ownProgram(): string {
  return process.argv[1] ?? fileURLToPath(import.meta.url);
}

/** Lines for `eval`: any AWS SDK then talks to the sandbox. Its credentials are made up; it takes any. */
function printExports(context: Context, { url }: SandboxInfo): void {
  context.print(`export AWS_ENDPOINT_URL=${url}`);
  context.print('export AWS_ACCESS_KEY_ID=sandbox');
  context.print('export AWS_SECRET_ACCESS_KEY=sandbox');
}
