/** Whatever AWS answers, or something that is not AWS: an exit code that says where users are, one message, no stack trace. */
import { join } from 'node:path';
import fc from 'fast-check';
import { type Aws, connectAws } from '../../src/aws/aws.ts';
import { parse, serialize } from '../../src/release/log-entry.ts';
import { logPath } from '../../src/release/log.ts';
import { type Pair, pairAt } from '../../src/release/model.ts';
import { describePlace } from '../../src/infra/describe-infra.ts';
import { readSettings } from '../../src/settings/settings.ts';
import { type Answer, type FaultyEndpoint, faultyEndpoint } from '../faulty-endpoint.ts';
import { withFolder } from '../folder.ts';
import { type Project, REGION, withProject } from '../infra/project.ts';
import { type Change, change } from './answers.ts';
import { runHere, whatIsWrong } from './outcome.ts';

const SEED = 20_261_126;
const CASES = 300;
/** Every one that a command may end with when something is wrong with AWS, and 0. */
const CODES = [0, 1, 2, 3, 4, 5, 6, 124];
/** ms */
const SLOW_MACHINE = 600_000;

const APP = {
  Dockerfile: 'FROM node:22-alpine\nWORKDIR /app\nCOPY . .\nCMD ["node", "index.js"]\n',
  'index.js': `
    const { createServer } = require('node:http');
    const server = createServer((request, response) => response.end('Version 1')).listen(process.env.PORT, process.env.HOST);
    process.on('SIGTERM', () => { server.closeAllConnections(); server.close(() => process.exit(0)); });
  `,
};

/** What is run, and how often. Those that start tasks take their time. */
const COMMANDS = [
  [20, ['status']], [4, ['history']], [6, ['logs']], [12, ['route', '--canary', '10']], [12, ['route', '--canary', '60']], [8, ['route', '--canary', '0']], [8, ['rollback']], [4, ['promote']],
  [2, ['rollout', '--tag', '1.0']], [2, ['rollout', '--tag', '1.1']], [2, ['destroy-old', '--yes']], [2, ['update', 'APP', '--tag', '1.0']], [2, ['update', 'APP', '--tag', '1.1']],
  [6, ['update', 'APP', '--tag', '1.1', '--dry-run']], [4, ['push', 'APP', '--tag', '1.2']], [6, ['build-infra']], [4, ['build-infra', '--dry-run']], [6, ['destroy-infra', '--dry-run']], [3, ['unlock', '--yes']],
] as const;

interface Case {
  readonly command: readonly string[];
  /** Which of its calls is answered otherwise, and how many from there on. */
  readonly from: number;
  readonly times: number;
  readonly change: Change;
}

const cases: fc.Arbitrary<Case> = fc.record({
  command: fc.oneof(...COMMANDS.map(([weight, command]) => ({ weight, arbitrary: fc.constant(command) }))),
  from: fc.integer({ min: 1, max: 40 }),
  times: fc.constantFrom(1, 1, 1, 3),
  change,
});

test(`${CASES} answers that nobody foresaw`, () => withFolder(APP, (app) => withProject(async (project) => {
  const endpoint = await faultyEndpoint(project.sandbox.url);
  try {
    const trial = await openTrial(project, endpoint, app);
    const wrong: string[] = [];
    let changed = 0;
    const counted = (made: Change): Change => ({ ...made, apply: (answer, at) => (changed++, made.apply(answer, at)) });
    for (const each of fc.sample(cases, { seed: SEED, numRuns: CASES })) {
      const problem = await trial({ ...each, change: counted(each.change) });
      if (problem) wrong.push(problem);
    }
    expect(wrong).toEqual([]);
    // The others ended before they came to their call.
    expect(changed).toBeGreaterThan(CASES / 3);
  } finally {
    await endpoint.close();
  }
})), SLOW_MACHINE);

/** What AWS may add: values of an enumeration, members, actions. Each is answered for as long as the command runs. */
const ADDED = [
  ['a status of services', /"status":"(?:ACTIVE|PRIMARY)"/g, '"status":"HIBERNATING"'],
  ['a deployment controller', /"deploymentController":\{[^}]*\}/g, '"deploymentController":{"type":"TELEPATHY"}'],
  ['a deployment strategy', /"strategy":"[A-Z_]+"/g, '"strategy":"QUANTUM"'],
  ['a rollout state', /"rolloutState":"[A-Z_]+"/g, '"rolloutState":"PONDERING"'],
  ['a state of targets', /<State>[a-z]+<\/State>/g, '<State>sleepy</State>'],
  ['a reason of targets', /<State>healthy<\/State>/g, '<State>unhealthy</State><Reason>Target.Sleepy</Reason>'],
  ['a type of actions', /<Type>forward<\/Type>/g, '<Type>teleport</Type><TeleportConfig><Where>moon</Where></TeleportConfig>'],
  ['an action before the forward', /<Actions>/g, '<Actions><member><Type>jwt-validation-2</Type><Order>1</Order></member>'],
  ['a status of stacks', /<StackStatus>[A-Z_]+<\/StackStatus>/g, '<StackStatus>TELEPORT_COMPLETE</StackStatus>'],
  ['a field of conditions', /<Field>[a-z-]+<\/Field>/g, '<Field>moon-phase</Field>'],
  ['a protocol', /<Protocol>HTTP<\/Protocol>/g, '<Protocol>SMOKE</Protocol>'],
  ['a member of everything in JSON', /\{"/g, '{"brandNew":{"since":2027},"'],
  ['a member of everything in XML', /<member>(?!<)|<member>/g, '<member><BrandNew><member>2027</member></BrandNew>'],
  // The last: a rollout that has to look at tasks takes this for a version that does not start, and stops it.
  ['a status of tasks', /"lastStatus":"[A-Z]+"/g, '"lastStatus":"DREAMING"'],
] as const;
/** No way back among them: it tries for half a minute to get an answer that it can believe. */
const TRIED = [['status'], ['status', '--json'], ['route', '--canary', '10'], ['rollback', '--dry-run'], ['build-infra', '--dry-run'], ['update', 'APP', '--tag', '1.1', '--dry-run'], ['destroy-infra', '--dry-run']];

test('nothing that AWS adds ends in a stack trace', () => withFolder(APP, (app) => withProject(async (project) => {
  const endpoint = await faultyEndpoint(project.sandbox.url);
  try {
    const trial = await openTrial(project, endpoint, app);
    const wrong: string[] = [];
    for (const [name, was, becomes] of ADDED) {
      let changes = 0;
      const apply = (answer: Answer) => ({ ...answer, body: answer.body.replaceAll(was, () => (changes++, becomes)) });
      for (const command of name === 'a status of tasks' ? [...TRIED, ['rollout', '--tag', '1.1']] : TRIED) {
        const problem = await trial({ command, from: 1, times: Infinity, change: { name, at: 0, apply } });
        if (problem) wrong.push(problem);
      }
      if (changes === 0) wrong.push(`${name}: nothing was changed`);
    }
    expect(wrong).toEqual([]);
  } finally {
    await endpoint.close();
  }
})), SLOW_MACHINE);

async function openTrial(project: Project, endpoint: FaultyEndpoint, app: string) {
  const variables = {
    PROJECT_NAME: 'fleet', AWS_DEFAULT_REGION: REGION, AWS_ACCOUNT_ID: '000000000000', AWS_ENDPOINT_URL: endpoint.url, AWS_EC2_METADATA_DISABLED: 'true',
    LISTENER_PORT: String(project.ports[0]), INTERNAL_LISTENER_PORT: String(project.ports[1]),
    BUILDER: 'pack', POLL_INTERVAL: '0.1', SETTLE: '0', HOLD: '0', DESIRED_COUNT: '1', HEALTH_CHECK_GRACE_PERIOD: '2000',
  };
  const run = (args: readonly string[]) => runHere({ args: args.map((arg) => (arg === 'APP' ? app : arg)), env: variables });
  for (const args of [['build-infra'], ['update', 'APP', '--tag', '1.0'], ['push', 'APP', '--tag', '1.1'], ['rollout', '--tag', '1.1']]) {
    expect(await run(args)).toMatchObject({ code: 0 });
  }
  const aside = connectAws({ region: REGION, endpointUrl: project.sandbox.url });
  const settings = readSettings(variables);
  const pair = pairAt(await describePlace(aside, settings, settings.service.name));

  return async ({ command, change: made, ...which }: Case): Promise<string | undefined> => {
    await giveBack(aside, pair);
    endpoint.forget();
    endpoint.calls.length = 0;
    endpoint.order('*', { change: (answer) => made.apply(answer, made.at) }, { ...which, repetitions: true });
    const outcome = await run([...command, '--timeout', '2s']);
    const writes = endpoint.calls.filter(({ operation }) => !/^(Describe|Get|List|Batch(Get|Check))/.test(operation));
    const problem = whatIsWrong({ args: command, env: {} }, outcome, CODES) ?? (outcome.code === 2 && writes.length > 0 ? 'wrote before wrong usage' : undefined);
    return problem && `${problem}: ${command.join(' ')}, call ${which.from} (${endpoint.calls[which.from - 1]?.operation}): ${made.name} at ${made.at}\n${JSON.stringify(outcome)}`;
  };
}

/** A run whose last words were not heard would hold the pair for as long as this process lives. */
async function giveBack(aside: Aws, pair: Pair): Promise<void> {
  const found = await aside.parameters.list(logPath(pair));
  const entries = found.flatMap(({ name, value }) => parse(Number(name.slice(name.lastIndexOf('/') + 1)), value) ?? []);
  const newest = entries.toSorted((a, b) => b.number - a.number)[0];
  if (newest) await aside.parameters.overwrite(join(logPath(pair), String(newest.number)), serialize({ ...newest, renewed: undefined, ended: new Date().toISOString() }), '');
}
