/** The gRPC pair of examples/echo, run as its README says, and a server of a test's own in place of its server. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

export const EXAMPLE = resolve('examples/echo');

export interface Part {
  readonly port: number;
  /** What it wrote so far. */
  readonly lines: readonly string[];
  /** Resolves with what it ended with: exit code and signal. */
  readonly ended: Promise<unknown[]>;
  terminate(): void;
}

const running = new Set<ChildProcess>();
const servers = new Set<Server>();

/** Ends everything that was started here. */
export function endAll(): void {
  for (const child of running) child.kill('SIGKILL');
  for (const server of servers) server.forceShutdown();
  servers.clear();
}

/** Runs a file with Node, on a free port unless told; resolves once it says its port. Nothing of this process's environment is handed on. */
export async function run(file: string, env: Record<string, string> = {}): Promise<Part> {
  const child = spawn(process.execPath, [file], { env: { PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  const ended = once(child, 'exit');
  void ended.then(() => running.delete(child));
  if (!child.stdout) throw new Error('no output');
  const output = createInterface(child.stdout);
  const lines: string[] = [];
  output.on('line', (line) => lines.push(line));
  for (;;) {
    const [, port] = /port: (\d+)/.exec(lines.at(-1) ?? '') ?? [];
    if (port !== undefined) return { port: Number(port), lines, ended, terminate: () => child.kill('SIGTERM') };
    await Promise.race([once(output, 'line'), ended.then(() => Promise.reject(new Error(`${file} ended`)))]);
  }
}

/** A copy of the example whose server has another version; `remove` takes it away. */
export async function copyWithVersion(version: string): Promise<{ dir: string; remove: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'echo-'));
  await mkdir(join(dir, 'examples'));
  await cp(EXAMPLE, join(dir, 'examples/echo'), { recursive: true, filter: (path) => !path.endsWith('/dist') });
  await symlink(resolve('node_modules'), join(dir, 'node_modules'));
  const file = join(dir, 'examples/echo/server/server.js');
  await writeFile(file, (await readFile(file, 'utf8')).replace("const version = '0.9';", `const version = '${version}';`));
  return { dir: join(dir, 'examples/echo'), remove: () => rm(dir, { recursive: true }) };
}

/** A service of the example, as its .proto has it. */
export function serviceOf(name: 'proto.echo.EchoService' | 'grpc.health.v1.Health'): ServiceDefinition {
  const found = loadSync(['echo.proto', 'health.proto'], { includeDirs: [join(EXAMPLE, 'proto')], defaults: true })[name];
  // A definition that has no format is a service's, of methods by their names.
  if (found === undefined || 'format' in found) throw new Error(`there is no service ${name}`);
  return found;
}

/** Serves what a test wants its client to meet, on a free port unless told. */
export async function serve(services: readonly [ServiceDefinition, UntypedServiceImplementation][], { port = 0, credentials = ServerCredentials.createInsecure() } = {}): Promise<number> {
  const server = new Server();
  servers.add(server);
  for (const [definition, implementation] of services) server.addService(definition, implementation);
  return await new Promise((done, failed) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) => (error ? failed(error) : done(bound)));
  });
}
