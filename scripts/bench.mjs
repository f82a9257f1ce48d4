// What the program costs: its start, as a ratio to an empty Node, and the AWS calls of each command, and of a `route` on a load balancer that grows.
import { commandCalls } from './bench/command-calls.mjs';
import { openPlace } from './bench/place.mjs';
import { routeCalls } from './bench/route-calls.mjs';
import { startUp } from './bench/start-up.mjs';

const place = openPlace();
try {
  await place.startSandbox();
  const calls = commandCalls(place);
  console.log(startUp(place));
  console.log(calls);
  console.log(await routeCalls(place));
} finally {
  place.end();
}
