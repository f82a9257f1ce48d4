/** `probe --grpc`, the built program against a server of the library that most Node programs use. */
import { type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall, status } from '@grpc/grpc-js';
import { type AnyDefinition, loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSilentServer, type Server as Listener } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cli } from '../cli/spawn.ts';
import { CERTIFICATE } from '../sandbox/certificates.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/ecs-canary.js', import.meta.url));

const FILES = {
  'api/quay.proto': `syntax = "proto3";
    package harbour.v1;
    import "google/protobuf/timestamp.proto";
    import "parts/cargo.proto";
    service Quay {
      rpc Hail (Call) returns (Answer);
      rpc Watch (Call) returns (stream Answer);
      rpc Load (stream Call) returns (Answer);
    }
    message Call { string ship_name = 1; int32 count = 2; parts.Cargo cargo = 3; repeated parts.Cargo more = 4; map<string, int32> crew = 5; bool loud = 6; bytes seal = 7; float depth = 8; optional string note = 9; oneof by { string rope = 10; string chain = 11; } }
    message Answer { string text = 1; parts.Kind kind = 2; int64 ticket = 3; parts.Cargo cargo = 4; google.protobuf.Timestamp at = 5; }`,
  // As protoc has it: named from the folder of the first file.
  'api/parts/cargo.proto': 'syntax = "proto3"; package parts; import "parts/kind.proto"; message Cargo { string name = 1; int64 weight = 2; Kind kind = 3; }',
  'api/parts/kind.proto': 'syntax = "proto3"; package parts; enum Kind { NONE = 0; NORTH = 1; SOUTH = 2; }',
  'broken.proto': 'message {',
  'lonely.proto': 'syntax = "proto3"; import "nowhere.proto"; message Call {}',
  'ca.pem': CERTIFICATE.certificate,
};

const isService = (definition: AnyDefinition | undefined): definition is ServiceDefinition => definition !== undefined && 'Hail' in definition;

type Hail = ServerUnaryCall<Record<string, unknown>, object>;

let folder: string;
let server: Server;
let plain: string;
let secure: string;
/** What the server does with a call. */
let answer: (call: Hail, done: sendUnaryData<object>) => void;
let calls: Hail[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'probe-'));
  for (const [path, content] of Object.entries(FILES)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  const definition = loadSync(join(folder, 'api/quay.proto'), { keepCase: true, enums: String, longs: String, includeDirs: [join(folder, 'api')] });
  server = new Server();
  const quay = definition['harbour.v1.Quay'];
  if (!isService(quay)) throw new Error('api/quay.proto has no service');
  server.addService(quay, {
    Hail(call: Hail, done: sendUnaryData<object>) {
      calls.push(call);
      answer(call, done);
    },
  });
  const tls = ServerCredentials.createSsl(null, [{ private_key: Buffer.from(CERTIFICATE.privateKey), cert_chain: Buffer.from(CERTIFICATE.certificate) }]);
  const listen = (credentials: ServerCredentials) =>
    new Promise<number>((resolve, reject) => server.bindAsync('127.0.0.1:0', credentials, (error, port) => (error ? reject(error) : resolve(port))));
  plain = `http://127.0.0.1:${await listen(ServerCredentials.createInsecure())}`;
  secure = `https://127.0.0.1:${await listen(tls)}`;
});

beforeEach(() => {
  calls = [];
  answer = (_call, done) => done(null, { text: 'Quay (Version 7.1)' });
});

afterAll(() => {
  server.forceShutdown();
  rmSync(folder, { recursive: true });
});

async function portOf(listener: Listener): Promise<number> {
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

const words = (url: string, ...more: string[]) => ['probe', '--grpc', 'harbour.v1.Quay/Hail', '--proto', 'api/quay.proto', '--url', url, ...more];
const probe = (url: string, more: readonly string[] = [], env: Record<string, string> = {}) => cli(words(url, ...more), { cwd: folder, env });

test('calls are counted by version, all on one connection, each with a deadline of ten seconds', async () => {
  answer = (_call, done) => done(null, { text: `Version ${calls.length % 4 === 0 ? '1.0' : '0.9'}` });
  const { code, stdout, stderr } = await probe(plain, ['-n', '20']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^=+ Results =+\nTotal:    20 requests in \d+\.\d{3}s\nVersion 0\.9: 15  \(75\.0%\)\nVersion 1\.0: 5  \(25\.0%\)\nErrors:    0\n$/);
  expect(new Set(calls.map((call) => call.getPeer())).size).toBe(1);
  const latest = Date.now() + 10_000;
  expect(calls.filter((call) => Number(call.getDeadline()) > latest)).toEqual([]);
});

test('the version is found anywhere in the answer: an enumeration by name, a long in full, a nested field', async () => {
  answer = (_call, done) => done(null, { kind: 'SOUTH', ticket: '9007199254740995', cargo: { name: 'Version 2.0' }, at: { seconds: '5' } });
  expect((await probe(plain, ['-n', '2', '--pattern', '"kind":"(\\w+)"'])).stdout).toContain('Version SOUTH: 2 ');
  expect((await probe(plain, ['-n', '2', '--pattern', '"ticket":"(\\d+)"'])).stdout).toContain('Version 9007199254740995: 2 ');
  expect((await probe(plain, ['-n', '2', '--pattern', '"at":\\{"seconds":"(\\d)","nanos":0\\}'])).stdout).toContain('Version 5: 2 ');
  expect((await probe(plain, ['-n', '2'])).stdout).toContain('Version 2.0: 2 ');
});

test('--data reaches the server as it was typed', async () => {
  const data = {
    ship_name: 'Mary', count: 3, cargo: { name: 'tea', weight: '9007199254740995', kind: 'NORTH' }, more: [{ weight: 5, kind: 2 }, {}], crew: { cook: 1 }, loud: true, seal: '+/8', depth: 0.1, note: null,
    chain: 'long',
  };
  expect(await probe(plain, ['-n', '1', '--data', JSON.stringify(data)])).toMatchObject({ code: 0, stderr: '' });
  expect(calls[0]?.request).toEqual({
    ship_name: 'Mary', count: 3, cargo: { name: 'tea', weight: '9007199254740995', kind: 'NORTH' }, more: [{ weight: '5', kind: 'SOUTH' }, {}], crew: { cook: 1 }, loud: true,
    seal: Buffer.from('+/8', 'base64'), depth: Math.fround(0.1), chain: 'long',
  });
});

test('what went wrong is told below the number of errors, the most frequent first, and not in the JSON', async () => {
  const script = ['lost', 'nothing', 'lost', 'lost', 'good'];
  answer = (_call, done) => {
    const what = script[calls.length - 1];
    if (what === 'lost') done({ code: status.UNAVAILABLE, details: 'no\nberth \u001b[31m Version 0.9' });
    else done(null, { text: what === 'good' ? 'Version 7.1' : 'nobody' });
  };
  const { code, stdout } = await probe(plain, ['-n', '5']);
  expect(code).toBe(1);
  expect(stdout).toMatch(/\nVersion 7\.1: 1  \(20\.0%\)\nErrors:    4\n {2}3 × UNAVAILABLE: no berth \\x1b\[31m Version 0\.9\n {2}1 × no version in the answer\n$/);

  calls = [];
  const json = await probe(plain, ['-n', '5', '--json']);
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toEqual({ schemaVersion: 1, total: 5, seconds: expect.any(Number), versions: { '7.1': 1 }, errors: 4 });
});

test('over TLS the certificate is checked: its CA, and the name of --server-name', async () => {
  const trusting = { NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') };
  // gRPC's own variable takes nobody's trust away that Node has.
  const others = { ...trusting, GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: join(folder, 'nobody.pem') };
  writeFileSync(others.GRPC_DEFAULT_SSL_ROOTS_FILE_PATH, '');
  expect((await probe(secure, ['-n', '3'], others)).stdout).toContain('Version 7.1: 3  (100.0%)');
  expect((await probe(secure, ['-n', '3', '--server-name', 'balancer.test'], trusting)).stdout).toContain('Version 7.1: 3  (100.0%)');
  expect(calls.map((call) => call.getHost())).toEqual([...Array(3).fill(new URL(secure).host), ...Array(3).fill('balancer.test')]);

  const wrong = await probe(secure, ['-n', '3', '--server-name', 'other.test'], trusting);
  expect(wrong).toMatchObject({ code: 1, stdout: expect.stringMatching(/Errors: {4}3\n {2}3 × UNAVAILABLE: .*other\.test/) });
  const strange = await probe(secure, ['-n', '3']);
  expect(strange).toMatchObject({ code: 1, stdout: expect.stringMatching(/Errors: {4}3\n {2}3 × UNAVAILABLE: .*self-signed certificate/) });
  expect(calls).toHaveLength(6);
});

test('a server that speaks another protocol, or none, is an error and no hang', async () => {
  const http = createServer((_request, response) => response.end('Version 7.1'));
  const port = await portOf(http);
  expect(await probe(`http://127.0.0.1:${port}`, ['-n', '2'])).toMatchObject({ code: 1, stdout: expect.stringContaining('Errors:    2\n') });
  http.close();
  expect(await probe(`http://127.0.0.1:${port}`, ['-n', '2'])).toMatchObject({ code: 1, stdout: expect.stringMatching(/2 × UNAVAILABLE: .*ECONNREFUSED/) });
});

/** Starts the program, interrupts it when `reached`, and says how it ended. */
async function interrupted(args: readonly string[], reached: Promise<void>): Promise<{ code: unknown; stdout: string }> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: folder, env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'ignore'] });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  const closed = new Promise((resolve) => child.on('close', resolve));
  await reached;
  child.kill('SIGINT');
  return { code: await closed, stdout };
}

test('Ctrl-C ends a call that nobody answers, with what was counted until then: exit 130', async () => {
  let hung = () => {};
  const hangs = new Promise<void>((resolve) => (hung = resolve));
  answer = (_call, done) => (calls.length <= 2 ? done(null, { text: 'Version 7.1' }) : hung());
  expect(await interrupted(words(plain, '-n', '9'), hangs)).toEqual({ code: 130, stdout: expect.stringMatching(/Total: {4}2 requests.*\nVersion 7\.1: 2 .*\nErrors: {4}0\n$/) });
  expect(calls).toHaveLength(3);
});

test.each(['http', 'https'])('Ctrl-C ends it also while a server takes connections (%s) and says nothing', async (scheme) => {
  const silent = createSilentServer((socket) => socket.on('error', () => {}));
  const port = await portOf(silent);
  const connected = new Promise<void>((resolve) => silent.once('connection', (socket) => socket.once('data', () => resolve())));
  expect(await interrupted(words(`${scheme}://127.0.0.1:${port}`), connected)).toEqual({ code: 130, stdout: expect.stringContaining('Total:    0 requests') });
  silent.close();
});

describe('wrong usage is told, and nobody is called:', () => {
  const data = (json: unknown) => ['--data', JSON.stringify(json)];
  test.each([
    ['a field that the request has not', data({ ship: 'Mary' }), /--data has "ship", and the request of harbour\.v1\.Quay\/Hail has no such field/],
    ['a field in camel case', data({ shipName: 'Mary' }), /--data has "shipName"/],
    ['a field that a nested message has not', data({ cargo: { colour: 'red' } }), /--data has "cargo\.colour"/],
    ['a field that one of a list has not', data({ more: [{ name: 'tea' }, { size: 5 }] }), /--data has "more\.1\.size"/],
    ['a value that an enumeration has not', data({ cargo: { kind: 'EAST' } }), /--data has "cargo\.kind"/],
    ['a fraction for a whole number', data({ count: 1.5 }), /--data has "count"/],
    ['a word for a number', data({ count: 'three' }), /--data has "count"/],
    ['a word for yes or no', data({ loud: 'false' }), /--data has "loud"/],
    ['a message for a word', data({ ship_name: { name: 'Mary' } }), /--data has "ship_name"/],
    ['a word for a message', data({ cargo: 'tea' }), /--data does not fit the request of harbour\.v1\.Quay\/Hail: .*object expected/],
    ['a list for a message', data({ cargo: ['tea'] }), /--data has "cargo"/],
    ['a list', data([1]), /--data is "\[1\]": it should be a JSON object/],
    ['no JSON', ['--data', '{name}'], /--data is "\{name\}": that is no JSON/],
    ['a service that is not there', ['--grpc', 'harbour.Quay/Hail'], /the service harbour\.Quay, which api\/quay\.proto has not: it has harbour\.v1\.Quay\./],
    ['a message for a service', ['--grpc', 'harbour.v1.Call/Hail'], /the service harbour\.v1\.Call, which/],
    ['a method that is not there', ['--grpc', 'harbour.v1.Quay/Sail'], /the method Sail, which harbour\.v1\.Quay has not: it has Hail, Watch, Load\./],
    ['a name of nobody', ['--server-name', 'a b'], /--server-name is "a b": it should be a name/],
    ['no method', ['--grpc', 'harbour.v1.Quay'], /--grpc is "harbour\.v1\.Quay": it should be package\.Service\/Method/],
    ['a method that streams its answer', ['--grpc', 'harbour.v1.Quay/Watch'], /which streams/],
    ['a method that streams its request', ['--grpc', 'harbour.v1.Quay/Load'], /which streams/],
    ['a file that is not there', ['--proto', 'none.proto'], /--proto is "none\.proto", which cannot be read: ENOENT/],
    ['a file that is none', ['--proto', 'broken.proto'], /--proto is "broken\.proto", which is no protocol buffers file: illegal/],
    ['an import that is not there', ['--proto', 'lonely.proto'], /--proto is "lonely\.proto", which cannot be read: ENOENT.*nowhere\.proto/],
  ] as const)('%s', async (_what, more, message) => {
    const { code, stdout, stderr } = await probe(plain, more);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^Error: [^\n]*\.\n$/);
    expect(calls).toEqual([]);
  });

  test.each([
    ['--proto alone', ['--proto', 'api/quay.proto'], /--proto is for gRPC: --grpc is missing/],
    ['--data alone', ['--data', '{}'], /--data is for gRPC/],
    ['--server-name alone', ['--server-name', 'balancer.test'], /--server-name is for gRPC/],
    ['--grpc without --proto', ['--grpc', 'harbour.v1.Quay/Hail'], /--proto is missing/],
    ['a path for a channel', ['--grpc', 'harbour.v1.Quay/Hail', '--proto', 'api/quay.proto', '--url', 'http://127.0.0.1/hail'], /with --grpc it should be a scheme, a host and a port/],
  ])('%s', async (_what, more, message) => {
    const { code, stdout, stderr } = await cli(['probe', '--url', plain, ...more], { cwd: folder });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(calls).toEqual([]);
  });
});
