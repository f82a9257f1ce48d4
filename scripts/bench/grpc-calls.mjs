// gRPC calls on one channel while their server is updated there and back: how many fail, where they go, and what an update costs them.
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client, credentials } from '@grpc/grpc-js';
import { table } from './table.mjs';

const AT_ONCE = 16;
const VERSIONS = ['0.9', '1.0'];
/** How long a phase is looked at: shorter than HOLD is, so that weights rest meanwhile. */
const SAMPLE_MS = 3_000;
/** Standard deviations: a right balancer leaves this band about once in a million runs. */
const BAND = 4.9;

/** @param place that of the pair, whose sandbox is started with its server as the only service. */
export async function grpcCalls(place, port) {
  place.run(['build-infra', '--self-signed', '--ca-file', 'ca.pem']);
  await build(place, VERSIONS[0]);
  await place.runAside(['update', 'server', '--tag', VERSIONS[0]], () => undefined);
  const load = startLoad(new Client(`127.0.0.1:${port}`, credentials.createSsl(readFileSync(join(place.app, 'ca.pem'))), { 'grpc.ssl_target_name_override': 'server.bench.internal' }));
  const phases = [];
  const enter = (name, percent, version) => phases.push({ name, percent, version, begin: performance.now() });
  enter('0.9 alone', 0, VERSIONS[1]);
  await sleep(SAMPLE_MS);
  for (const version of [VERSIONS[1], VERSIONS[0]]) {
    await build(place, version);
    enter(`${version} starts`, 0, version);
    await place.runAside(['update', 'server', '--tag', version], (line) => {
      const [, percent] = /^Routing (\d+)% of traffic/.exec(line) ?? [];
      if (percent !== undefined) enter(`${version} has ${percent} %`, Number(percent), version);
      // From here on calls may go either way at any time, until it is said where they go.
      else if (line === 'Tasks started') enter(`${version} is given weight`);
    });
    await sleep(SAMPLE_MS);
  }
  const { answers, failures } = await load.end();
  const samples = phases.map((phase, index) => sampleOf(phase, phases[index + 1]?.begin ?? Infinity, answers)).filter(({ percent }) => percent !== undefined);
  const [rest] = samples;
  const rows = samples.map(({ name, count, fresh, band, rate }) => [name, count, fresh, band, (rate / rest.rate).toFixed(2)]);
  return `${answers.length} gRPC calls on one channel, ${AT_ONCE} at a time, while the server is updated to 1.0 and back: ${[`${failures.length} failed`, ...failures.slice(0, 3)].join('; ')}\n\n` +
    table(['while', '#calls', '#to the new version', '#1e-6 band', '#calls a second, of those at rest'], rows);
}

/** The bundle of a version that is edited in. */
async function build(place, version) {
  const source = join(place.app, 'server', 'server.js');
  writeFileSync(source, readFileSync(source, 'utf8').replace(/const version = '.*'/, `const version = '${version}'`));
  await promisify(execFile)('npm', ['run', '--silent', 'build'], { cwd: join(place.app, 'server') });
}

function startLoad(client) {
  const answers = [];
  const failures = [];
  const ending = new AbortController();
  const worker = async () => {
    while (!ending.signal.aborted) {
      const begin = performance.now();
      const { version, problem } = await echo(client);
      answers.push({ begin, version });
      if (version === undefined) failures.push(problem);
    }
  };
  const done = Promise.all(Array.from({ length: AT_ONCE }, worker));
  return {
    async end() {
      ending.abort();
      await done;
      client.close();
      return { answers, failures };
    },
  };
}

/** The messages of `Echo` have one text each, field 1. */
function echo(client) {
  const request = Buffer.from([0x0a, 4, ...Buffer.from('Boat')]);
  return new Promise((resolve) => {
    client.makeUnaryRequest('/proto.echo.EchoService/Echo', (bytes) => bytes, (bytes) => bytes.toString(), request, { deadline: Date.now() + 10_000 }, (error, text) => {
      resolve({ version: /Version ([\w.-]+)/.exec(text ?? '')?.[1], problem: error?.message ?? 'no version' });
    });
  });
}

/** The calls that began in a phase, but only in its first seconds: its end is heard of late. @param next when another one begins. */
function sampleOf({ name, percent, version, begin }, next, answers) {
  const end = Math.min(begin + SAMPLE_MS, next);
  const calls = answers.filter((answer) => answer.begin >= begin && answer.begin < end);
  const middle = (calls.length * percent) / 100;
  const spread = BAND * Math.sqrt((middle * (100 - percent)) / 100);
  return {
    name,
    percent,
    count: calls.length,
    fresh: calls.filter((answer) => answer.version === version).length,
    band: `${Math.floor(middle - spread)} to ${Math.ceil(middle + spread)}`,
    rate: calls.length / (end - begin),
  };
}
