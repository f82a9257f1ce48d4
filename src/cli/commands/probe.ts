/** `probe`: the request experiment. */
import { ExitCode, usageError } from '../../errors.ts';
import { type Command, option, textOf } from '../command.ts';

const DEFAULT_PATTERN = 'Version ([\\w.-]+)';

export const probe: Command = {
  name: 'probe',
  summary: 'send requests to a URL and count them by the version that answered',
  options: [
    option('--url <url>', 'where to send them (needed)'),
    option('-n, --requests <count>', 'how many (default: 100)'),
    option('--pattern <regexp>', `finds the version in a body, with one group (default: ${DEFAULT_PATTERN})`),
  ],
  examples: ['ecs-canary probe --url "http://127.0.0.1:8080/?name=Yusuke" -n 100'],
  writes: false,
  async run(context, values) {
    const options = {
      url: urlOf(textOf(values, 'url')),
      requests: countOf(textOf(values, 'requests') ?? '100'),
      pattern: patternOf(textOf(values, 'pattern') ?? DEFAULT_PATTERN),
      signal: context.signal,
    };
    const { probe: run, formatProbe } = await import('../../probe/probe.ts');
    const result = await run(options);
    for (const line of formatProbe(result)) context.print(line);
    const exitCode = context.signal.aborted ? ExitCode.interrupted : result.errors > 0 ? ExitCode.failed : ExitCode.done;
    return { ...result, exitCode };
  },
};

function urlOf(text: string | undefined): URL {
  if (text === undefined) throw usageError('--url is missing: where the requests go.', 'ecs-canary probe --url http://127.0.0.1:8080/');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) throw usageError(`--url is "${text}": it should begin with http:// or https://.`);
  return url;
}

function countOf(text: string): number {
  const count = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (count < 1) throw usageError(`--requests is "${text}": it should be a whole number from 1 to 9999999.`);
  return count;
}

function patternOf(text: string): RegExp {
  let pattern: RegExp;
  try {
    pattern = new RegExp(text);
  } catch {
    throw usageError(`--pattern is "${text}": it should be a regular expression.`);
  }
  const groups = (new RegExp(`${text}|`).exec('')?.length ?? 1) - 1;
  if (groups !== 1) throw usageError(`--pattern has ${groups} groups: it should have one, around the version.`);
  return pattern;
}
