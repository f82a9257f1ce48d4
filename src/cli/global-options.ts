/** The options that every command takes. */
import { Option } from 'commander';
import { usageError } from '../errors.ts';
import { parseDuration } from '../settings/duration.ts';
import { type Values, option, settingOption, textOf } from './command.ts';

const DEFAULT_TIMEOUT = 15 * 60_000;

export function globalOptions(): Option[] {
  return [
    option('--env-file <file>', 'settings file (default: .env)'),
    settingOption('--profile <name>', 'AWS profile', 'AWS_PROFILE'),
    settingOption('--region <region>', 'AWS region', 'AWS_DEFAULT_REGION'),
    settingOption('--endpoint-url <url>', 'where AWS is, such as the sandbox', 'AWS_ENDPOINT_URL'),
    settingOption('--service <name>', 'service of the project (default: server)', 'SERVICE_NAME'),
    option('--json', 'print one JSON object on stdout, everything else on stderr'),
    option('--quiet', 'print errors and warnings only'),
    option('--dry-run', 'print what would be done and change nothing'),
    option('--yes', 'do not ask before something is destroyed'),
    option('--timeout <duration>', 'longest wait, such as 10m (default: 15m)'),
    option('--no-color', 'no colours'),
    option('-v, --verbose', 'show where an error comes from'),
  ];
}

/** ms */
export function timeoutOf(values: Values): number {
  const text = textOf(values, 'timeout');
  if (text === undefined) return DEFAULT_TIMEOUT;
  const ms = parseDuration(text);
  if (ms === undefined || ms <= 0) throw usageError(`--timeout is "${text}": it should be a duration such as 90s or 10m.`);
  return ms;
}
