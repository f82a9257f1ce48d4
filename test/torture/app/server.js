// A web service that is slow to warm up: until then it fails its health check, and whoever asks it.
import { createServer } from 'node:http';
import { version, warmUpMs } from './version.js';

const { PORT = '8080', HOST = '127.0.0.1' } = process.env;
let warm = false;
let stopping = false;
setTimeout(() => (warm = true), warmUpMs);

const server = createServer((request, response) => {
  // A connection that stayed open would keep a stopping server alive.
  if (stopping) response.setHeader('connection', 'close');
  response.writeHead(warm ? 200 : 503).end(`(Version ${version})\n`);
});
// Longer than the load balancer keeps an idle connection.
server.keepAliveTimeout = 65_000;
server.headersTimeout = 66_000;
server.listen(Number(PORT), HOST);

process.on('SIGTERM', () => {
  stopping = true;
  server.close(() => process.exit(0));
});
