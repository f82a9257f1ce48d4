#!/usr/bin/env bash
# A port somebody else has: a clear error that names it, and once the port is free the same command works (issue 2,
# section 6: a listener port "that can't be had is a clear error").
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
API_PORT=$(free_ports 1)
hold_port "$API_PORT"
SANDBOXES+=("$WORK/refused")
cli sandbox start --detach --port "$API_PORT" --dir "$WORK/refused" --speed "$SPEED"
expect_exit '1|2' "issue 2: the sandbox's port is taken"
expect_stderr "$API_PORT" "issue 2: the sandbox's port is taken: the message names it"
expect_one_message "issue 2: the sandbox's port is taken"
check "issue 2: the sandbox's port is taken: no export line is printed" none "$(grep -m 1 '^export' "$OUT")" test -z "$(grep '^export' "$OUT")"
end_holder() {
  kill "$HOLDER"
  wait_until 10 port_closed "$1"
}
end_holder "$API_PORT"

start_sandbox # on the same port
new_project harbour
make_app v3.1 3.1
hold_port "$PORT_PUBLIC"
cli build-infra
expect_exit '1|2' "section 6: the listener's port is taken"
expect_stderr "$PORT_PUBLIC" "section 6: the listener's port is taken: the message names it"
expect_one_message "section 6: the listener's port is taken"
end_holder "$PORT_PUBLIC"

cli build-infra
expect_exit 0 'section 7: run the same command again and it carries on'
take_endpoint
must update v3.1 --tag 3.1
expect_soon 5 'section 6: and the listener really listens' 'Version 3.1' answers 3.1

finish
