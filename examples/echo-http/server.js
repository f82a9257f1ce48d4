// A small web service: it greets, and says which version of it did.
import { createServer } from 'node:http';
import { networkInterfaces } from 'node:os';
import { version } from './version.js';

const { PORT = '8080', HOST = '127.0.0.1' } = process.env;

const addresses = Object.values(networkInterfaces()).flat();
const ownAddress = addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';

let stopping = false;

const server = createServer((request, response) => {
  // A connection that stayed open would keep a stopping server alive.
  if (stopping) response.setHeader('connection', 'close');
  const [path, query] = request.url.split('?');
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  if (path === '/ping') {
    response.end('pong\n');
  } else if (path === '/') {
    const name = new URLSearchParams(query).get('name') ?? 'World';
    response.end(`Response from the server: Hello, ${name}-san! (Said ${ownAddress}, Version ${version})\n`);
  } else {
    response.writeHead(404).end('Not found\n');
  }
});

// Longer than the load balancer keeps an idle connection (60 s): else it may send a request into a connection that is just closing.
server.keepAliveTimeout = 65_000;
server.headersTimeout = 66_000;

server.listen(Number(PORT), HOST, () => {
  console.log(`Echo Server Version ${version}`);
  console.log(`Starting on port: ${server.address().port}`);
});

// ECS stops a task with SIGTERM: take no new connections, finish what is running, end.
process.on('SIGTERM', () => {
  console.log('Stopping');
  stopping = true;
  server.close(() => process.exit(0));
});
