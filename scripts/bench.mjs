// What the program costs: its start, as a ratio to an empty Node, the AWS calls of each command, and of a `route` on a load balancer that
// grows; and what an update costs those who call.
import { commandCalls } from './bench/command-calls.mjs';
import { grpcCalls } from './bench/grpc-calls.mjs';
import { freePort, openPlace } from './bench/place.mjs';
import { routeCalls } from './bench/route-calls.mjs';
import { startUp } from './bench/start-up.mjs';

const place = openPlace('echo-http');
try {
  await place.startSandbox({ HEALTH_CHECK_PATH: '/ping' });
  const calls = commandCalls(place);
  console.log(startUp(place));
  console.log(calls);
  console.log(await routeCalls(place));
} finally {
  place.end();
}

const pair = openPlace('echo');
try {
  const port = await freePort();
  await pair.startSandbox({ EXPOSE: 'internal', PROTOCOL: 'grpc', CONTAINER_PORT: 50_051, INTERNAL_LISTENER_PORT: port, HOLD: '10s' });
  console.log(await grpcCalls(pair, port));
} finally {
  pair.end();
}
