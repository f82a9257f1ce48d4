/** `sandbox start|stop|status|reset`: the local AWS. It reads no project settings. */
import { fileURLToPath } from 'node:url';
import { CanaryError, usageError, messageOf } from '../../errors.ts';
import type { SandboxInfo } from '../../sandbox/run-file.ts';
import { type Command, type Values, isSet, option, textOf } from '../command.ts';
import { confirm } from '../confirm.ts';
import type { Context } from '../context.ts';

const DEFAULT_DIR = '.ecs-canary/sandbox';
const DEFAULT_PORT = '4566';
const NOT_RUNNING = 'The sandbox is not running.';

const dirOption = () => option('--dir <dir>', `folder of the sandbox (default: ${DEFAULT_DIR})`);
const dirOf = (values: Values) => textOf(values, 'dir') ?? DEFAULT_DIR;

export const sandboxStart: Command = {
  name: 'start',
  summary: 'start the local AWS, in the foreground unless --detach',
  options: [
    option('--port <port>', `port of its API and registry, 0 for a free one (default: ${DEFAULT_PORT})`),
    dirOption(),
    option('--detach', 'return when it answers'),
    option('--speed <factor>', 'divide every duration of AWS by this (default: 1)'),
    option('--account <id>', 'account, 12 digits (default: 000000000000)'),
    option('--seed <number>', 'make the choice of target group repeatable'),
    option('--runner <runner>', 'what tasks run in: process (default: process)'),
  ],
  examples: ['eval "$(ecs-canary sandbox start --detach)"', 'ecs-canary sandbox start --speed 10'],
  writes: false,
  local: true,
  async run(context, values) {
    const options = startOptions(values);
    const control = await import('../../sandbox/control.ts');
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

export const sandboxStop: Command = {
  name: 'stop',
  summary: 'stop the local AWS and everything it started; its state is kept',
  options: [dirOption()],
  examples: ['ecs-canary sandbox stop'],
  writes: false,
  local: true,
  async run(context, values) {
    const { stop } = await import('../../sandbox/control.ts');
    const stopped = await plainly('sandbox-stop', stop(dirOf(values)));
    context.print(stopped ? 'The sandbox is stopped.' : NOT_RUNNING);
    return { stopped };
  },
};

export const sandboxStatus: Command = {
  name: 'status',
  summary: 'show whether the local AWS runs, and what it holds',
  options: [dirOption()],
  examples: ['ecs-canary sandbox status'],
  writes: false,
  local: true,
  async run(context, values) {
    const control = await import('../../sandbox/control.ts');
    const status = await plainly('sandbox-status', control.status(dirOf(values)));
    if (!status) {
      context.print(NOT_RUNNING);
      return { running: false };
    }
    context.print(`The sandbox runs on ${status.url} since ${status.since}, ${status.speed} times as fast as AWS, account ${status.account}.`);
    for (const [what, count] of Object.entries(status.holds)) context.print(`  ${what}: ${String(count)}`);
    return { running: true, ...status };
  },
};

export const sandboxReset: Command = {
  name: 'reset',
  summary: 'remove everything that the local AWS holds',
  options: [dirOption()],
  examples: ['ecs-canary sandbox reset --yes'],
  writes: false,
  local: true,
  async run(context, values) {
    const control = await import('../../sandbox/control.ts');
    const dir = dirOf(values);
    await confirm(context, `Remove everything that the sandbox in ${dir} holds?`);
    await plainly('sandbox-stop', control.stop(dir));
    await plainly('sandbox-reset', control.reset(dir));
    context.print('The sandbox is empty.');
    return { reset: true };
  },
};

interface StartOptions {
  readonly port: number;
  readonly dir: string;
  readonly speed: number;
  readonly account: string;
  readonly seed: number | undefined;
}

function startOptions(values: Values): StartOptions {
  const runner = textOf(values, 'runner') ?? 'process';
  if (runner !== 'process') throw usageError(`--runner is "${runner}": it should be process (docker and podman are not supported yet).`);
  const account = textOf(values, 'account') ?? '000000000000';
  if (!/^\d{12}$/.test(account)) throw usageError(`--account is "${account}": it should be 12 digits.`);
  const seed = textOf(values, 'seed');
  return {
    port: numberOf('--port', textOf(values, 'port') ?? DEFAULT_PORT, /^\d{1,5}$/, 0, 65_535),
    dir: dirOf(values),
    speed: numberOf('--speed', textOf(values, 'speed') ?? '1', /^\d{1,4}(\.\d+)?$/, 0.01, 1_000),
    account,
    seed: seed === undefined ? undefined : numberOf('--seed', seed, /^\d{1,9}$/, 0, 999_999_999),
  };
}

function numberOf(flag: string, text: string, pattern: RegExp, min: number, max: number): number {
  const value = pattern.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw usageError(`${flag} is "${text}": it should be a number from ${min} to ${max}.`);
}

function foregroundArgs({ port, dir, speed, account, seed }: StartOptions): string[] {
  const given = ['--port', String(port), '--dir', dir, '--speed', String(speed), '--account', account];
  return ['sandbox', 'start', ...given, ...(seed === undefined ? [] : ['--seed', String(seed)])];
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

/** The sandbox words its errors for users, but knows nothing of ours. */
async function plainly<T>(code: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new CanaryError({ code, message: messageOf(error), cause: error });
  }
}
