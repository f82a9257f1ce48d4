#!/usr/bin/env bash
# A version that goes bad once it has weight (issue 4.5): its tasks crash one after the other, or lose their health. The
# release stops by itself in the middle of its hold: traffic back first, exit 3, and the reason with all there is to know.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"

SPEED=$((SPEED * 2)) # tasks and health checks are what takes time here
start_sandbox
new_project harbour
set_setting SETTLE 0.2s
set_setting HOLD 50s # far more than it takes to notice
must build-infra
take_endpoint
make_ferry v4.1 4.1
make_ferry leaky 4.2 leaky
make_ferry aground 4.3 aground
make_ferry v4.4 4.4
must update v4.1 --tag 4.1
expect_soon 10 'preparing: 4.1 answers' 'Version 4.1' answers 4.1
start_requests # its passengers make them crash

went_back() { # TEXT BAD-VERSION
  expect_exit 3 "$1: ends 3, for it had weight"
  expect_primary 4.1 "$1"
  expect_all_from 4.1 "$1"
  expect_status "$1: the bad one has no weight, and nobody holds the pair" \
    "o.primary.healthy === 2 && !(o.canary && o.canary.weight > 0) && (!o.old || o.old.version === '$2') && o.holder === null"
}

text='issue 4: tasks that crash while they have weight'
cli update leaky --tag 4.2
says 'Routing 50% of traffic to the new service' "$text: it had weight"
says_not 'Routing 100%' "$text: and never more"
expect_stderr '\b42\b' "$text: the exit code of the process"
expect_stderr 'the rudder came off' "$text: the last lines of its log"
expect_stderr 'Essential container in task exited|stopped|exited' "$text: the stopped reason"
expect_stderr '4\.1\b.*\b100 ?%|\b100 ?%.*4\.1\b|\ball\b.*4\.1\b|4\.1\b.*\b(all|everything)\b' "$text: says what users are served"
went_back "$text" 4.2
rm -rf "$WORK/turn"
seen=$(awk '$2 == "4.2"' "$WORK/pids" | wc -l)
check "$text: it did not let it crash for ever" 'at most 8 starts' "$seen" test "$seen" -le 8

text='issue 4: health that is lost while it has weight'
cli update aground --tag 4.3 --json
expect_json "$text: an error that names it" \
  'o.error && typeof o.error.code === "string" && /health/i.test(o.error.message) && /4\.1/.test(o.error.usersAre)'
says 'Ferry 4\.3 casts off' "$text: the last lines of its log"
expect_stderr 'Routing 50% of traffic to the new service' "$text: it had weight"
says_not 'Routing 100%' "$text: and never more"
went_back "$text" 4.3
now WELL
more_requests 30
now END
stop_requests
expect_only 'issue 4: after it only the version that had the traffic' 4.1 "$WELL" "$END"

CLI_ENV=(HOLD=1s)
cli update v4.4 --tag 4.4
CLI_ENV=()
expect_exit 0 'issue 4: they are not in the way of a good version'
expect_primary 4.4 'issue 4: a good version after them'

finish
