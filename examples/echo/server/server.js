// The server of the pair: it greets by gRPC, and says which version of it did.
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { Server, ServerCredentials, loadPackageDefinition, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const version = '0.9';

const { PORT = '50051', HOST = '127.0.0.1', DRAIN_SECONDS = '2' } = process.env;
/** ms. ECS kills a task 30 s after its SIGTERM, unless told otherwise; whoever still waits then gets no status at all. */
const STOP_AT_LATEST = 25_000;
/** ms between two greetings of a stream. Not more: a load balancer cuts what is silent for its idle timeout, 60 s. */
const EVERY = { default: 1_000, least: 10, most: 30_000 };

const addresses = Object.values(networkInterfaces()).flat();
const ownAddress = addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';

/** What ends each stream that is running. */
const streams = new Set();
let stopping = false;

const server = new Server();
const { proto, grpc } = loadPackageDefinition(loadSync(['echo.proto', 'health.proto'], protos()));
server.addService(proto.echo.EchoService.service, { echo, watch });
server.addService(grpc.health.v1.Health.service, { check });

log(`Echo Server Version ${version}`);
server.bindAsync(`${HOST}:${PORT}`, ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  log(`Starting on port: ${port}, ssl: false`);
});

// ECS stops a task with SIGTERM. Mostly the load balancer sends it nothing new by then, but not on Spot, or where somebody stops the
// task: so calls that still come are served for a moment, while health checks fail. Then the running ones are finished.
process.on('SIGTERM', () => {
  log('Stopping');
  stopping = true;
  for (const end of streams) end();
  setTimeout(() => server.tryShutdown(() => log('Stopped')), Number(DRAIN_SECONDS) * 1_000);
  setTimeout(() => server.forceShutdown(), STOP_AT_LATEST).unref();
});

function echo({ request }, answer) {
  answer(null, { text: greeting(request.name) });
}

function watch(call) {
  const { name, after, count, every } = call.request;
  let number = after;
  const timer = setInterval(greet, Math.min(Math.max(every || EVERY.default, EVERY.least), EVERY.most));
  const leave = () => {
    clearInterval(timer);
    streams.delete(cut);
  };
  // The status by which a client knows that it may go on elsewhere.
  const cut = () => {
    leave();
    call.emit('error', { code: status.UNAVAILABLE, details: 'The server is stopping.' });
  };
  function greet() {
    // Whoever reads slowly gets it later.
    if (call.writableNeedDrain) return;
    number += 1;
    if (count === 0 || number <= count) call.write({ number, text: greeting(name) });
    if (count === 0 || number < count) return;
    leave();
    call.end();
  }
  streams.add(cut);
  call.on('cancelled', leave);
  if (stopping) cut();
  else greet();
}

// A load balancer looks at the status only: the answer NOT_SERVING with status OK would be healthy to it.
function check({ request: { service } }, answer) {
  if (stopping) answer({ code: status.UNAVAILABLE, details: 'The server is stopping.' });
  else if (service === '' || service === 'proto.echo.EchoService') answer(null, { status: 'SERVING' });
  else answer({ code: status.NOT_FOUND, details: `There is no service ${service}.` });
}

function greeting(name) {
  return `Hello, ${name || 'World'}-san! (Said ${ownAddress}, Version ${version})`;
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
