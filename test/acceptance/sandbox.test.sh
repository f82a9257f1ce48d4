#!/usr/bin/env bash
# The sandbox itself (section 6): a restart keeps its state, it serves this machine and nobody else, an unknown call is an
# error and in the log, `stop` ends everything it started, `status` tells, `reset` asks.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# As the README would have it: eval "$(… sandbox start --detach)" comes back, though a process goes on running.
API_PORT=$(free_ports 1) SANDBOX_DIR=$WORK/sandbox
SANDBOXES+=("$SANDBOX_DIR")
endpoint=$(timeout 30 bash -c 'eval "$(node "$@")" && printf %s "$AWS_ENDPOINT_URL"' - \
  "$CLI" sandbox start --detach --port "$API_PORT" --dir "$SANDBOX_DIR" --speed "$SPEED" 2>"$WORK/start.err" </dev/null)
check 'section 6: eval "$(… sandbox start --detach …)" comes back with an endpoint' "http://….:$API_PORT" "$endpoint $(head -c 200 "$WORK/start.err")" \
  grep -Eq "^http://(127\.0\.0\.1|localhost):$API_PORT/?$" <<<"$endpoint"
cli sandbox stop --dir "$SANDBOX_DIR"
expect_exit 0 'section 2: sandbox stop'
expect_soon 5 'section 6: after stop the API is gone' "port $API_PORT closed" port_closed "$API_PORT"

ready 3.1 3.2
must rollout --tag 3.1
must rollout --tag 3.2
must route --canary 30
cli sandbox status --dir "$SANDBOX_DIR"
expect_exit 0 'section 2: sandbox status'
says "$API_PORT" 'section 2: sandbox status says where it is'
read_status
same_as_before="$ESSENCE === $(json "$WORK/status.json" "JSON.stringify($ESSENCE)") && o.primary.healthy === 2 && o.canary.healthy === 2"

# It serves this machine, and no web page that this machine's browser has open.
refused() { # TEXT HEADER: a call that would stop the primary, and one that only reads, which works without the header
  local code
  code=$(api_json ecs $ECS.ListClusters '{}' -H "$2" -o /dev/null -w '%{http_code}')
  check "section 6: a request with $1 is refused" 4xx "$code" grep -qx '4..' <<<"$code"
  api_json ecs $ECS.UpdateService "{\"cluster\":\"harbour\",\"service\":\"quay-$primary\",\"desiredCount\":0}" -H "$2" >/dev/null
}
primary=$(in_status 'o.primary.colour')
code=$(api_json ecs $ECS.ListClusters '{}' -o /dev/null -w '%{http_code}')
check 'section 6: a raw call of this machine is served' 200 "$code" test "$code" = 200
refused 'an Origin header' 'Origin: http://evil.example'
refused 'an Origin header of this very server' "Origin: $AWS_ENDPOINT_URL"
refused 'a foreign Host' 'Host: evil.example'
refused 'a foreign Host that looks like ours' "Host: 127.0.0.1.evil.example:$API_PORT"
expect_status 'section 6: and has no effect' "$same_as_before"
reached=$(node -e '
  const addresses = Object.values(require("node:os").networkInterfaces()).flat().filter((a) => !a.internal && a.family === "IPv4");
  for (const port of process.argv.slice(1)) for (const { address } of addresses) {
    const socket = require("node:net").connect({ port, host: address, timeout: 2000 });
    socket.on("connect", () => { console.log(`${address}:${port}`); socket.destroy(); });
    socket.on("timeout", () => socket.destroy()).on("error", () => {});
  }' "$API_PORT" "$PORT_PUBLIC")
check "section 6: listens on loopback only, of this machine's addresses" 'the API and the listener on no other' "$reached" test -z "$reached"

# An unknown call is answered as AWS does, and named in the log.
log_mark MARK
code=$(api_json ecs $ECS.PaintTheHarbour '{}' -o "$WORK/unknown" -w '%{http_code}')
check 'section 6: an unknown call is an error' '4xx and a body with __type' "$code $(head -c 200 "$WORK/unknown")" \
  test "${code:0:1}" = 4 -a -n "$(grep -o __type "$WORK/unknown")"
seen=$(log_since "$MARK" 'c.operation === "PaintTheHarbour" && c.status >= 400 && c.code')
check 'section 6: an unknown call is named in the log' 'PaintTheHarbour, with status and code' "$seen" test -n "$seen"

# Stop ends every task, by its process.
check 'four tasks are there to be stopped' 4 "$(running 3.1 | wc -l) and $(running 3.2 | wc -l)" \
  test "$(($(running 3.1 | wc -l) + $(running 3.2 | wc -l)))" -eq 4
cli sandbox stop --dir "$SANDBOX_DIR"
expect_exit 0 'section 2: sandbox stop with tasks running'
expect_soon 5 'section 6: stop ends every task of the primary' none nothing_runs 3.1
expect_soon 5 'section 6: stop ends every task of the canary' none nothing_runs 3.2
check 'section 6: stop closes the listener' "port $PORT_PUBLIC closed" open port_closed "$PORT_PUBLIC"
check 'section 6: stop closes the API' "port $API_PORT closed" open port_closed "$API_PORT"
cli sandbox status --dir "$SANDBOX_DIR"
says 'not running|stopped' 'section 2: sandbox status after stop says so'

# Start again: everything is as it was.
start_sandbox
expect_soon 20 'section 6: after a restart the listener serves' 'Version 3.1' answers 3.1
wait_until 20 status_is "$same_as_before"
expect_status 'section 6: a restart keeps versions, weights, services' "$same_as_before"
counts=$(count_versions 400)
new=$(awk '$1 == "3.2" { print $2 }' <<<"$counts")
check 'section 6: and the weights work' '72 to 168 of 400 for 3.2, no error' "${counts//$'\n'/, }" \
  test "${new:-0}" -ge 72 -a "${new:-0}" -le 168 -a "${counts/error/}" = "$counts"
cli promote
expect_exit 0 'section 1: a second run carries on where the first one stopped'

# Reset asks, because it cannot be undone.
cli sandbox reset --dir "$SANDBOX_DIR"
expect_exit 2 'section 2: sandbox reset without --yes, not on a terminal'
expect_stderr 'reset.*--yes|--yes.*reset' 'section 2: names the command to type'
expect_status 'section 2: and resets nothing' 'o.primary.version === "3.2"'
must sandbox stop --dir "$SANDBOX_DIR"
cli sandbox reset --dir "$SANDBOX_DIR" --yes
expect_exit 0 'section 2: sandbox reset --yes'
start_sandbox
clusters=$(api_json ecs $ECS.ListClusters '{}')
check 'section 2: after a reset there is nothing' 'no cluster' "$clusters" grep -Eq '"clusterArns": *\[\]' <<<"$clusters"
must sandbox stop --dir "$SANDBOX_DIR"

# Without --detach it stays in the foreground, until Ctrl-C.
cli_in_background sandbox start --port "$API_PORT" --dir "$SANDBOX_DIR" --speed "$SPEED"
exported() { grep -q '^export AWS_ENDPOINT_URL=' "$OUT"; }
expect_soon 20 'section 2: sandbox start in the foreground prints the export lines' 'export AWS_ENDPOINT_URL=…' exported
check 'section 2: and stays' 'running' ended kill -0 "$CLI_PID"
kill -INT "$CLI_PID"
wait_for_cli 10
expect_exit '0|130' 'section 2: until Ctrl-C'
expect_soon 5 'section 6: and leaves nothing' "port $API_PORT closed" port_closed "$API_PORT"

finish
