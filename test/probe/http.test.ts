/** `probe` by HTTP, the built program against a server of our own. */
import { spawn } from 'node:child_process';
import { createServer, type RequestListener, type Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { cli } from '../cli/spawn.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/ecs-canary.js', import.meta.url));

let server: Server;

/** Starts a server. @returns its URL. */
async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`;
}

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

test('what went wrong is told below the number of errors, each kind with its number', async () => {
  let requests = 0;
  const url = await serve((_request, response) => {
    requests += 1;
    if (requests <= 3) response.writeHead(503).end('Version 0.9');
    else if (requests === 4) response.destroy();
    else response.end(requests === 5 ? 'nobody' : 'Version 1.0');
  });
  const { code, stdout } = await cli(['probe', '--url', url, '-n', '7']);
  expect(code).toBe(1);
  expect(stdout).toMatch(/\nVersion 1\.0: 2  \(28\.6%\)\nErrors:    5\n {2}3 × status 503\n {2}1 × socket hang up\n {2}1 × no version in the answer\n$/);
});

test('more than five kinds of errors are not told one by one', async () => {
  let requests = 0;
  const url = await serve((_request, response) => response.writeHead(500 + (requests += 1)).end());
  const { stdout } = await cli(['probe', '--url', url, '-n', '8']);
  expect(stdout).toMatch(/Errors: {4}8\n( {2}1 × status 50\d\n){5} {2}3 × something else\n$/);
});

test('Ctrl-C ends a request that nobody answers, with what was counted until then: exit 130', async () => {
  let requests = 0;
  let hung = () => {};
  const hangs = new Promise<void>((resolve) => (hung = resolve));
  const url = await serve((_request, response) => {
    requests += 1;
    if (requests <= 2) response.end('Version 0.9');
    else hung();
  });
  const child = spawn(process.execPath, [PROGRAM, 'probe', '--url', url], { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'ignore'] });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  const closed = new Promise((resolve) => child.on('close', resolve));
  await hangs;
  child.kill('SIGINT');
  expect(await closed).toBe(130);
  expect(stdout).toMatch(/Total: {4}2 requests.*\nVersion 0\.9: 2 .*\nErrors: {4}0\n$/);
});
