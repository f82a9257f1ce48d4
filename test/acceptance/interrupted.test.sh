#!/usr/bin/env bash
# Ctrl-C while an update holds at 50 %: it ends 130, says what has which weight and the two ways on, users go on being
# served by both; the same command again carries on where the first one stopped (sections 5 and 7).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ready 3.1
must rollout --tag 3.1
make_app v3.2 3.2

start_requests
CLI_ENV=(HOLD=60s)
cli_in_background update v3.2 --tag 3.2
CLI_ENV=()
routed() { grep -qx 'Routing 50% of traffic to the new service' "$OUT"; }
expect_soon 40 'section 3: the update routes 50 %' 'Routing 50% of traffic to the new service' routed
now HELD
expect_soon 10 'section 7: the loop sees the new version' 'Version 3.2' seen_since 3.2 "$HELD"
more_requests 20
before=$(running 3.2 | sort)
kill -INT "$CLI_PID"
wait_for_cli 10
expect_exit 130 'section 5: interrupted, within 10 s'
says '50 ?%|\b50\b' 'section 5: prints what has which weight'
says '3\.1' 'section 5: names the version it came from'
says '3\.2' 'section 5: names the version it went to'
says 'ecs-canary.* rollback|ecs-canary.* route --canary 0' 'section 5: prints the command to go back'
says 'ecs-canary.* (update|promote|route --canary 100)' 'section 5: prints the command to go on'
expect_status 'section 5: the weights are where they were' \
  'o.state === "primary+canary" && o.primary.version === "3.1" && o.primary.weight === 50 && o.canary.version === "3.2" && o.canary.weight === 50'
more_requests 30

cli update v3.2 --tag 3.2
now DONE
expect_exit 0 'section 7: run the same command again and it carries on'
expect_lines_in_order 'section 7: to its end' 'Routing 100% of traffic to the new service' 'The Quay 3\.1 can now be safely destroyed\.'
expect_status 'section 7: the new version is the primary' 'o.state === "primary+old" && o.primary.version === "3.2" && o.old.version === "3.1"'
check 'section 7: with the tasks that ran already' "${before//$'\n'/ }" "$(running 3.2 | sort | tr '\n' ' ')" \
  test -n "$before" -a "$before" = "$(running 3.2 | sort)"
more_requests 30
now END
stop_requests
expect_no_errors 'section 7: through all of it' 100
expect_order 'section 7: versions in order' 3.1 3.2 3.2
expect_only 'section 7: in the end only the new version' 3.2 "$DONE" "$END"

finish
