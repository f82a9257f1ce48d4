#!/usr/bin/env bash
# destroy-infra that was killed, or interrupted by Ctrl-C, is completed by the same command; with the .env alone, on
# another machine; nothing of ours is left, foreign things are not touched (issue 5.4).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"

take_seed "$@"
SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
new_project harbour DESIRED_COUNT=1
set_setting SETTLE 0.2s
for version in 4.1 4.2; do make_ferry "v$version" "$version"; done
make_foreign

# Killed, and interrupted; the .env is all that the next one needs.
alive
count=$((8 + RANDOM % 25))
kill_after_calls "$count" destroy-infra --yes
[[ $KILLED != yes ]] || elsewhere
cli destroy-infra --yes
expect_exit 0 "issue 5.4: killed after $count calls, and once more"
nothing_left "killed after $count calls, and once more"

alive
count=$((8 + RANDOM % 25))
cli_in_background destroy-infra --yes
wait_for_calls "$count" 60
kill -INT "$CLI_PID" 2>/dev/null
wait_for_cli 60
expect_exit '130|0' "section 5: destroy-infra, Ctrl-C after $count calls"
[[ $RC -ne 130 ]] || says 'destroy-infra' 'section 5: it says how to go on'
cli destroy-infra --yes
expect_exit 0 "issue 5.4: interrupted after $count calls, and once more"
nothing_left "interrupted after $count calls, and once more"

finish
