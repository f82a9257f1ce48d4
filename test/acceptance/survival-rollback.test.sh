#!/usr/bin/env bash
# `rollback` always works (issue 4.4, section 7): after a promotion, from rules that a killed run has written
# half-way, and with the old version's tasks stopped by somebody; with nothing to go back to it changes nothing.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at AWS's time
start_sandbox
new_project harbour
set_setting SETTLE 0.2s
must build-infra
take_endpoint
for version in 4.1 4.2; do
  make_ferry "v$version" "$version"
  must push "v$version" --tag "$version"
done

unchanged 1 'section 2: rollback where nothing runs' rollback
says 'nothing|no version' 'section 2: rollback where nothing runs: says why'
must rollout --tag 4.1
remember_status
unchanged 1 'section 2: rollback with nothing to go back to' rollback
says 'nothing to|no version|only' 'section 2: rollback with nothing to go back to: says why'
same_status 'section 2: rollback with nothing to go back to: all is as it was'

must rollout --tag 4.2
take_pair
add_rule 471
add_rule 472
start_requests

went_back() { # TEXT
  expect_exit 0 "$1"
  expect_primary 4.1 "$1"
  expect_weights 0 "$1: in every rule of the pair"
  expect_status "$1: the other one was rolled back, and nobody holds the pair" \
    'o.state === "primary+old" && o.old.version === "4.2" && o.old.rolledBack === true && o.primary.healthy === 2 && o.holder === null'
}

must promote
cli rollback
went_back 'section 2: after a promotion'

# Rules that a killed run has written half.
text='issue 4: rules that were written half-way'
canary_at 0 "$text"
fault ModifyRule --nth 2 --throttle --times always # never done, so that nothing of it comes late
cli_in_background route --canary 60 --accept-drift
half() { [[ $(weights) == *=* ]] || cli_ended; }
wait_until 20 half
check "preparing: $text" 'rules that disagree' "$(weights)" grep -q '=' <<<"$(weights)"
kill -KILL "$CLI_PID" 2>/dev/null
wait_for_cli 5 2>/dev/null
clear_faults
cli rollback
went_back "$text"

# The old version has no weight any more and somebody stopped its tasks.
text='issue 4: the old version was scaled to 0 by hand'
canary_at 100 "$text"
set_desired "$PRIMARY" 0
expect_soon 20 "preparing: $text" 'no process of 4.1' nothing_runs 4.1
log_mark MARK
cli rollback
went_back "$text"
seen=$(log_since "$MARK" 'c.write && c.status === 200 && /^(UpdateService|ModifyRule|ModifyListener)$/.test(c.operation)' | awk '{ print $2 }' | sed 's/Modify.*/Modify/' | uniq | tr '\n' ' ')
check "$text: it is brought back first, then gets the weight" 'UpdateService, then Modify' "$seen" grep -q '^UpdateService Modify ' <<<"$seen"
expect_all_from 4.1 "$text"

more_requests 10
stop_requests
expect_no_errors 'issue 4: through all rollbacks' 100

finish
