#!/usr/bin/env node
// Old syntax up to the check, so that an old Node says what is wrong instead of failing to parse.
var version = process.versions.node.split('.').map(Number);
if (version[0] < 20 || (version[0] === 20 && version[1] < 12)) {
  console.error('Error: ecs-canary needs Node 20.12 or newer; this is ' + process.version + '.');
  process.exitCode = 2;
} else {
  void import('./start.js');
}
