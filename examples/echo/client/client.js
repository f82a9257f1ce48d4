// The client of the pair: it takes HTTP, calls the server by gRPC, and answers with what that said.
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { Metadata, credentials, loadPackageDefinition, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const version = '0.1';

const { PORT = '8080', HOST = '127.0.0.1', SERVER_ADDRESS = 'localhost:50051', INTERNAL_CA_CERTIFICATE, IDLE_CALL_SECONDS = '30' } = process.env;
/** ms that a call may take, tries included. */
const DEADLINE = 5_000;
/** How a stream that was cut is taken up again: so often without a greeting in between, and ms of pauses that double. */
const RESUME = { tries: 10, firstPause: 100, longestPause: 2_000 };
/** Of a stream that was cut by the server, or by a load balancer on the way. */
const CUT = [status.UNAVAILABLE, status.INTERNAL];

const { proto, grpc } = loadPackageDefinition(loadSync(['echo.proto', 'health.proto'], protos()));
// A load balancer takes gRPC by TLS only. Its certificate may be one that Node trusts anyway, or by NODE_EXTRA_CA_CERTS.
const isSecure = INTERNAL_CA_CERTIFICATE !== undefined || /\.internal:\d+$/.test(SERVER_ADDRESS);
const trust = isSecure ? credentials.createSsl(INTERNAL_CA_CERTIFICATE ? Buffer.from(INTERNAL_CA_CERTIFICATE) : null) : credentials.createInsecure();
// One channel for all calls: a load balancer chooses where each call goes, not each connection.
const server = new proto.echo.EchoService(SERVER_ADDRESS, trust, {
  'grpc.service_config': JSON.stringify({ methodConfig: [retriedEcho()] }),
  // What DNS says about a service's configuration is not meant for us, and the server is never behind a proxy.
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
});
const health = new grpc.health.v1.Health(SERVER_ADDRESS, trust, { channelOverride: server.getChannel() });

// A load balancer closes a connection without data for its idle timeout, 60 s, and PING is no data to it: a light call is.
const idle = setTimeout(() => {
  idle.refresh();
  health.check({}, { deadline: Date.now() + DEADLINE }, () => {});
}, Number(IDLE_CALL_SECONDS) * 1_000).unref();

/** What ends each stream that is running. */
const streams = new Set();
let stopping = false;

const front = createServer((request, response) => {
  // A connection that stayed open would keep a stopping client alive.
  if (stopping) response.setHeader('connection', 'close');
  response.on('close', () => stopping && front.closeIdleConnections());
  const [path, query] = request.url.split('?');
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  if (path === '/') greet(response, new URLSearchParams(query));
  else if (path === '/watch') watch(response, new URLSearchParams(query));
  // Says nothing of the server: without it no client would be left to tell so.
  else if (path === '/ping') response.end('pong\n');
  else response.writeHead(404).end('Not found\n');
});

// Longer than the load balancer keeps an idle connection (60 s): else it may send a request into a connection that is just closing.
front.keepAliveTimeout = 65_000;
front.headersTimeout = 66_000;

log(`Echo Client ${version}`);
log(`Echo Client connecting to ${SERVER_ADDRESS}`);
front.listen(Number(PORT), HOST, () => log(`Listening to port: ${front.address().port}`));

// ECS stops a task with SIGTERM: take no new connections, finish what is running, end.
process.on('SIGTERM', () => {
  log('Stopping');
  stopping = true;
  front.close(() => server.close());
  for (const end of streams) end();
});

function greet(response, query) {
  idle.refresh();
  // While there is no connection it waits for one, as long as the deadline allows.
  server.echo({ name: query.get('name') ?? '' }, new Metadata({ waitForReady: true }), { deadline: Date.now() + DEADLINE }, (error, answer) => {
    if (error) response.writeHead(502).end(failure(error));
    else response.end(`Response from the server: ${answer.text}\n`);
  });
}

/** Greetings as they come, `/watch?name=Yizumi&count=10&every=500`, each once, however often the stream behind it is cut. */
function watch(response, query) {
  const whole = (name) => Math.trunc(Math.max(Number(query.get(name)) || 0, 0));
  let last = 0;
  let fruitless = 0;
  let call;
  let pause;
  const end = (text) => {
    streams.delete(end);
    clearTimeout(pause);
    call.cancel();
    response.end(text);
  };
  const open = () => {
    const current = server.watch({ name: query.get('name') ?? '', after: last, count: whole('count'), every: whole('every') });
    call = current;
    current.on('data', ({ number, text }) => {
      idle.refresh();
      if (number <= last) return;
      last = number;
      fruitless = 0;
      if (response.write(`${number}: ${text}\n`)) return;
      current.pause();
      response.once('drain', () => current.resume());
    });
    let outcome;
    current.on('status', (status) => (outcome = status));
    // Without a listener it would end the program; what is to be done follows from the status.
    current.on('error', () => {});
    // The status may be there before the last greetings were read.
    current.on('end', () => {
      if (!streams.has(end)) return;
      const { code, details } = outcome;
      if (code === status.OK) return end();
      fruitless += 1;
      if (!CUT.includes(code) || fruitless > RESUME.tries) return fail({ code, details });
      log(`Watch was cut after number ${last}: ${details}`);
      pause = setTimeout(open, Math.min(RESUME.firstPause * 2 ** (fruitless - 1), RESUME.longestPause));
    });
  };
  const fail = (error) => {
    if (!response.headersSent) response.writeHead(502);
    end(failure(error));
  };
  streams.add(end);
  response.on('close', () => end());
  open();
}

function failure({ code, details }) {
  log(`Error: ${status[code]}: ${details}`);
  return 'Response from the server: (Error)\n';
}

/** Echo changes nothing, so that a call may be repeated; UNAVAILABLE is what gRPC says where another try can help. */
function retriedEcho() {
  return {
    name: [{ service: 'proto.echo.EchoService', method: 'Echo' }],
    retryPolicy: { maxAttempts: 5, initialBackoff: '0.1s', maxBackoff: '1s', backoffMultiplier: 2, retryableStatusCodes: ['UNAVAILABLE'] },
  };
}

/** The .proto files are beside the bundle in the image, else in the folder that both parts of the pair share. */
function protos() {
  const here = dirname(process.argv[1]);
  return { includeDirs: [here, join(here, '..', 'proto')], defaults: true };
}

function log(text) {
  // Sweden's way to write a time is the one of Go's logs, but for the hyphens.
  console.log(`${new Date().toLocaleString('sv-SE').replaceAll('-', '/')} ${text}`);
}
