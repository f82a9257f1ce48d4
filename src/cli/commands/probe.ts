/** `probe`: the request experiment. */
import { ExitCode, usageError } from '../../errors.ts';
import type { Respondent } from '../../probe/probe.ts';
import { type Command, option, textOf, type Values } from '../command.ts';

const DEFAULT_PATTERN = 'Version ([\\w.-]+)';

export const probe: Command = {
  name: 'probe',
  summary: 'send requests to a URL, or calls to a gRPC method, and count them by the version that answered',
  options: [
    option('--url <url>', 'where to send them (needed)'),
    option('-n, --requests <count>', 'how many (default: 100)'),
    option('--pattern <regexp>', `finds the version in a body, or in a gRPC answer as JSON, with one group (default: ${DEFAULT_PATTERN})`),
    option('--grpc <package.Service/Method>', 'call this unary method at the URL, http:// for HTTP/2 without TLS'),
    option('--proto <file>', 'the .proto file that describes it'),
    option('--data <json>', 'what to send it (default: {})'),
    option('--server-name <name>', "the name to look for in the server's certificate, and to call it by, instead of the URL's host"),
  ],
  examples: [
    'ecs-canary probe --url "http://127.0.0.1:8080/?name=Yusuke" -n 100',
    `ecs-canary probe --grpc proto.echo.EchoService/Echo --proto proto/echo.proto --data '{"name": "Yusuke"}' --url https://server.echo.internal:8443`,
  ],
  writes: false,
  async run(context, values) {
    const url = urlOf(textOf(values, 'url'));
    const requests = countOf(textOf(values, 'requests') ?? '100');
    const pattern = patternOf(textOf(values, 'pattern') ?? DEFAULT_PATTERN);
    const respondent = await respondentOf(url, values);
    const { probe: run, formatProbe } = await import('../../probe/probe.ts');
    const { result, reasons } = await run({ respondent, requests, pattern, signal: context.signal });
    for (const line of formatProbe(result, reasons)) context.print(line);
    const exitCode = context.signal.aborted ? ExitCode.interrupted : result.errors > 0 ? ExitCode.failed : ExitCode.done;
    return { ...result, exitCode };
  },
};

/** What gRPC needs is loaded by those who speak it. */
async function respondentOf(url: URL, values: Values): Promise<Respondent> {
  const [name, file, data, serverName] = ['grpc', 'proto', 'data', 'serverName'].map((one) => textOf(values, one));
  if (name === undefined) {
    const alone = [file && '--proto', data && '--data', serverName && '--server-name'].find(Boolean);
    if (alone) throw usageError(`${alone} is for gRPC: --grpc is missing, the method to call.`);
    const { httpRespondent } = await import('../../probe/http.ts');
    return httpRespondent(url);
  }
  if (file === undefined) throw usageError('--proto is missing: the .proto file that describes the method of --grpc.');
  if (url.href !== `${url.origin}/`) throw usageError(`--url is "${url.href}": with --grpc it should be a scheme, a host and a port.`);
  if (serverName !== undefined && !/^[\w.-]+$/.test(serverName)) throw usageError(`--server-name is "${serverName}": it should be a name such as server.echo.internal.`);
  const [{ grpcMethod }, { grpcRespondent }] = await Promise.all([import('../../probe/grpc-method.ts'), import('../../probe/grpc.ts')]);
  return grpcRespondent({ url, method: grpcMethod({ name, file, data: data ?? '{}' }), serverName });
}

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
