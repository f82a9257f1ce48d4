/** Whatever is typed, exported or written into a file: exit 2 or 1, one message, no stack trace, and nothing is written to AWS. */
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { cli } from '../cli/spawn.ts';
import { commandLine, settingsFile, type SettingsFile, taskDefinition, variables } from './inputs.ts';
import { type Input, runHere, whatIsWrong } from './outcome.ts';

const SEED = 20_261_126;
/** All is well, or would be if AWS said yes; failed, as AWS says no here; wrong usage. */
const CODES = [0, 1, 2];
/** Where an input that is right after all meets an endpoint that does not answer: nobody knows whether a canary has weight. */
const UNKNOWN = 4;
/** ms */
const SLOW_MACHINE = 300_000;

let folder: string;
let aws: http.Server;
let endpoint: string;
/** Operations that somebody called. */
const called: string[] = [];

/** An account that denies everything. */
beforeAll(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
  folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
  aws = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text)).on('end', () => {
      const target = request.headers['x-amz-target'];
      called.push(typeof target === 'string' ? target.slice(target.lastIndexOf('.') + 1) : (new URLSearchParams(body).get('Action') ?? ''));
      if (target) response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' }).end('{"__type":"AccessDeniedException","message":"no"}');
      else response.writeHead(403, { 'content-type': 'text/xml' }).end('<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>');
    });
  }).listen(0, '127.0.0.1');
  await once(aws, 'listening');
  const address = aws.address();
  endpoint = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
afterAll(() => {
  aws.closeAllConnections();
  aws.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Settings with which a command would go to work. */
const good = () => ({ PROJECT_NAME: 'echo', AWS_DEFAULT_REGION: 'eu-west-1', AWS_ACCOUNT_ID: '123456789012', AWS_ENDPOINT_URL: endpoint, POLL_INTERVAL: '0.1', BUILDER: 'pack', PATH: '/nowhere', ECS_CANARY_DIR: join(folder, 'sandbox') });

/** @returns what is wrong with the way it ended. */
async function tryHere(input: Input): Promise<string | undefined> {
  called.length = 0;
  const outcome = await runHere(input);
  const writes = called.filter((operation) => !/^(Describe|Get|List)/.test(operation));
  const wrong = whatIsWrong(input, outcome, [...CODES, UNKNOWN]) ?? (writes.length > 0 ? `wrote ${writes.join(', ')}` : undefined);
  return wrong && `${wrong}: ${JSON.stringify({ ...input, ...outcome }).slice(0, 3_000)}`;
}

async function tryAll<T>(numRuns: number, arbitrary: fc.Arbitrary<T>, inputOf: (sample: T) => Input): Promise<void> {
  await fc.assert(fc.asyncProperty(arbitrary, async (sample) => expect(await tryHere(inputOf(sample))).toBeUndefined()), { seed: SEED, numRuns, endOnFailure: true });
}

const COMMANDS = [['status'], ['update', '--tag', '1.0'], ['route', '--canary', '50'], ['build-infra'], ['push', '--tag', '1.0'], ['destroy-infra', '--yes'], ['history', '--json'], ['build-infra', '--template', 'base']];
const anyCommand = fc.constantFrom(...COMMANDS);

let files = 0;
/** Puts it where a test can name it. */
function written(file: SettingsFile): string {
  const path = join(folder, `file-${files++}`);
  if (file === 'folder') mkdirSync(path);
  else if (file !== 'missing') writeFileSync(path, file === 'unreadable' ? '' : file.content);
  if (file === 'unreadable') chmodSync(path, 0);
  return path;
}

const withFile = ([args, file, inVariable]: [string[], SettingsFile, boolean]): Input => {
  const path = written(file);
  const env = { AWS_ENDPOINT_URL: endpoint, POLL_INTERVAL: '0.1' };
  return inVariable ? { args, env: { ...env, ECS_CANARY_ENV_FILE: path } } : { args: [...args, '--env-file', path], env };
};
const withVariables = ([args, given]: [string[], Record<string, string>]): Input => ({ args, env: { ...good(), ...given } });
const withDefinition = ([args, text]: [string[], string]): Input => ({ args: [...args, '--task-definition', written({ content: Buffer.from(text) })], env: good() });
const rollouts: fc.Arbitrary<string[]> = fc.constantFrom(['rollout', '--tag', '1.0'], ['update', '--tag', '1.0']);

test('850 command lines', () => tryAll(850, commandLine, (args) => ({ args, env: good() })), SLOW_MACHINE);
test('400 settings files', () => tryAll(400, fc.tuple(anyCommand, settingsFile, fc.boolean()), withFile), SLOW_MACHINE);
test('250 sets of variables', () => tryAll(250, fc.tuple(anyCommand, variables), withVariables), SLOW_MACHINE);
test('200 task definitions', () => tryAll(200, fc.tuple(rollouts, taskDefinition), withDefinition), SLOW_MACHINE);

test('50 of them as real processes', async () => {
  const inputs: Input[] = [
    // Node 20 looks for --env-file itself, and ends with 9 where there is no such file.
    ...fc.sample(commandLine.filter((args) => !args.some((arg) => arg.startsWith('--env-file'))), { seed: SEED, numRuns: 20 }).map((args) => ({ args, env: good() })),
    ...fc.sample(fc.tuple(anyCommand, settingsFile, fc.constant(true)), { seed: SEED, numRuns: 15 }).map(withFile),
    ...fc.sample(fc.tuple(anyCommand, variables), { seed: SEED, numRuns: 8 }).map(withVariables),
    ...fc.sample(fc.tuple(rollouts, taskDefinition), { seed: SEED, numRuns: 7 }).map(withDefinition),
  ].map(({ args, env }) => ({
    // No process can be given a NUL, and Linux takes no argument of more than 128 KB.
    args: args.map((arg) => arg.replaceAll('\0', '').slice(0, 100_000)),
    env: { ...env, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
  }));
  called.length = 0;
  const wrong: string[] = [];
  const work = async () => {
    for (let input = inputs.shift(); input; input = inputs.shift()) {
      const outcome = await cli(input.args, { env: input.env, cwd: folder });
      const problem = whatIsWrong(input, outcome, [...CODES, UNKNOWN]);
      if (problem) wrong.push(`${problem}: ${JSON.stringify({ ...input, ...outcome }).slice(0, 2_000)}`);
    }
  };
  await Promise.all([work(), work()]);
  expect(wrong).toEqual([]);
  expect(called.filter((operation) => !/^(Describe|Get|List)/.test(operation))).toEqual([]);
}, SLOW_MACHINE);
