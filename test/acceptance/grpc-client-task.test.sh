#!/usr/bin/env bash
# The CA of --self-signed is handed to the task of a client (issue 7.2): an HTTP service of the same project finds it in its
# own environment, and calls the gRPC service with it, checked. No key comes along.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
new_project harbour SERVICES=pier,quay DESIRED_COUNT=1 PIER_EXPOSE=public PIER_HEALTH_CHECK_PATH=/health QUAY_PROTOCOL=grpc QUAY_EXPOSE=internal
sed -i '/^HEALTH_CHECK_PATH=/d; s/^SERVICE_NAME=.*/SERVICE_NAME=pier/' "$PROJECT/.env"
infra # its output is still there
take_endpoint

# /ca: the names of the variables with a CA, whatever form it has. /call?to=…&name=…: a call under these CAs and no other.
make_app pier p1
cp "$WORK/grpc.js" "$PROJECT/pier/grpc.js"
echo "require('node:fs').appendFileSync('$WORK/pids', [process.pid, 'p1', ''].join(' ') + require('node:os').EOL);" >"$PROJECT/pier/app.js"
cat >>"$PROJECT/pier/app.js" <<'END'
const fs = require('node:fs'), { Channel } = require('./grpc.js');
const is = (text) => text.includes('BEGIN CERTIFICATE');
function pem(value) {
  for (const text of [value, value.replace(/\\n/g, '\n'), Buffer.from(value, 'base64').toString()]) if (is(text)) return text;
  try { const text = fs.readFileSync(value, 'utf8'); return is(text) ? text : undefined; } catch { return undefined; }
}
const found = Object.entries(process.env).map(([name, value]) => [name, pem(value)]).filter(([, text]) => text);
const server = require('node:http').createServer(async (request, response) => {
  const { pathname, searchParams: q } = new URL(request.url, 'http://pier');
  if (pathname === '/health') return response.end('afloat\n');
  if (pathname === '/ca') return response.end(found.map(([name]) => name).join(' '));
  if (pathname === '/key') return response.end(String([...Object.values(process.env), ...found.map(([, text]) => text)].filter((text) => text.includes('PRIVATE KEY')).length));
  if (!found.length) return response.end('no CA');
  const channel = new Channel({ address: q.get('to'), name: q.get('name'), pem: found.map(([, text]) => text) });
  const r = await channel.hail('pier', 0, { timeout: 5000 });
  channel.close();
  response.end(r.text || `${r.name} ${r.message} ${channel.errors}`);
});
server.keepAliveTimeout = 75_000;
server.listen(Number(process.env.PORT), process.env.HOST);
process.on('SIGTERM', () => { server.close(() => process.exit(0)); server.closeIdleConnections(); });
END
make_quay v3.1 3.1
must update v3.1 --tag 3.1 --service quay
must update pier --tag p1
pier() { web "$ENDPOINT$1" 2>&1; } # PATH
afloat() { [[ $(pier /key) =~ ^[0-9]+$ ]]; }
wait_until 20 afloat || give_up 'preparing: the client answers' 'a number' "$(pier /key | head -c 200)"

check 'issue 7.2: the CA is handed to the task of a client' 'a variable with it, or with a path to it' "$(pier /ca)" test -n "$(pier /ca)"
check 'issue 7.2: no key comes along' 0 "$(pier /key)" test "$(pier /key)" = 0
calls() { [[ $(pier "/call?to=$ADDRESS&name=$(grpc_name quay)") == *"(Version 3.1,"* ]]; }
if wait_until 20 calls; then ok 'issue 7.2: with it the client calls the server, whose certificate it checks'; else
  not_ok 'issue 7.2: with it the client calls the server, whose certificate it checks' 'Version 3.1' "$(pier "/call?to=$ADDRESS&name=$(grpc_name quay)")"
fi
seen=$(pier "/call?to=$ADDRESS&name=quay.elsewhere.internal")
check 'issue 7.2: not under another name' UNAVAILABLE "$seen" test "${seen:0:11}" = UNAVAILABLE

cli status --json
definition=$(json "$OUT" 'o.primary.taskDefinition')
api_json ecs "$ECS.DescribeTaskDefinition" "{\"taskDefinition\":\"$definition\"}" >"$WORK/definition.json"
check 'issue 7.2: its task definition can be read' 'environment or secrets' "$(head -c 300 "$WORK/definition.json")" \
  test "$(json "$WORK/definition.json" '!!o.taskDefinition.containerDefinitions[0]' 2>/dev/null)" = true
check 'issue 7.2: and holds no key' none 'there' test "$(grep -c 'PRIVATE KEY' "$WORK/definition.json")" -eq 0

finish
