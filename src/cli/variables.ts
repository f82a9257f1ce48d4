/** The variables of a run: flags over the environment over `.env`. */
import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { CanaryError, usageError, messageOf } from '../errors.ts';

/** Which variables a global flag stands for. */
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  '--region': ['AWS_REGION', 'AWS_DEFAULT_REGION'],
  '--profile': ['AWS_PROFILE'],
  '--endpoint-url': ['AWS_ENDPOINT_URL'],
  '--service': ['SERVICE_NAME'],
  '--steps': ['STEPS'],
  '--hold': ['HOLD'],
};

const DEFAULT_FILE = '.env';

/**
 * Lays `.env` below the environment and the flags above it, in `env` itself: the SDK reads its variables there too. This
 * happens before the command line is parsed, because options take their defaults from these variables.
 * @returns why the settings file could not be read, where it could not: only commands that need settings mind.
 */
export function loadVariables(args: readonly string[], env: NodeJS.ProcessEnv): CanaryError | undefined {
  const file = flagOf(args, '--env-file') ?? env['ECS_CANARY_ENV_FILE'];
  const settings = file !== undefined || existsSync(DEFAULT_FILE) ? readEnvFile(file ?? DEFAULT_FILE) : {};
  if (!(settings instanceof CanaryError)) for (const [name, value] of Object.entries(settings)) env[name] ??= value;
  for (const [flag, names] of Object.entries(FLAGS)) {
    const value = flagOf(args, flag);
    if (value !== undefined) for (const name of names) env[name] = value;
  }
  // Node 20 still serves; the SDK would say ten lines about it on every start.
  env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  return settings instanceof CanaryError ? settings : undefined;
}

function flagOf(args: readonly string[], flag: string): string | undefined {
  const at = args.findLastIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  const arg = args[at];
  if (arg === undefined) return undefined;
  return arg === flag ? args[at + 1] : arg.slice(flag.length + 1);
}

function readEnvFile(file: string): Record<string, string | undefined> | CanaryError {
  try {
    const text = readFileSync(file, 'utf8');
    // Variables end at a NUL: half of a value would count as the whole.
    if (text.includes('\0')) return usageError(`The settings file ${file} holds a NUL character: it should be plain text in UTF-8.`);
    // A file from Windows may begin with a byte order mark and end its lines with CRLF.
    return parseEnv(text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n'));
  } catch (error) {
    return usageError(`The settings file ${file} cannot be read: ${messageOf(error)}`);
  }
}
