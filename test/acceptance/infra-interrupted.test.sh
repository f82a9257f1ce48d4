#!/usr/bin/env bash
# build-infra killed at any moment, interrupted by Ctrl-C, or with answers lost: the same command once more, on another
# machine, converges, and then there is nothing left to do (issue 5). Of an empty account, and of an update.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"

take_seed "$@"
SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox

converges() { # TEXT
  elsewhere
  cli build-infra
  expect_exit 0 "issue 5: $1, and once more"
  expect_no_change_set "issue 5: $1, and once more"
  check "issue 5: $1: one rule with the pair, at 100/0" 'one' "$(rule_lines | grep -c "HTTP:$PORT_PUBLIC ")" \
    test "$(rule_lines | grep "HTTP:$PORT_PUBLIC " | grep -Ec '=100,.*=0$|=0,.*=100$')" = 1
  check "issue 5: $1: both stacks rest" "$NAME and $NAME-quay, complete" "$(stacks | grep "^$NAME[ -]" | tr '\n' ';')" \
    test "$(stacks | grep "^$NAME[ -]" | grep -c ' [A-Z]*_COMPLETE$')" -eq 2
  again "issue 5: $1, then nothing is left to do"
}

# The calls of a first run are some 30; early ones and late ones.
for range in 2:8 9:16 17:30; do
  NAME=kill$((${range%:*}))
  new_project "$NAME"
  count=$((${range%:*} + RANDOM % (${range#*:} - ${range%:*})))
  kill_after_calls "$count" build-infra
  converges "killed after $count calls"
done

for range in 3:10 11:25; do
  NAME=int$((${range%:*}))
  new_project "$NAME"
  count=$((${range%:*} + RANDOM % (${range#*:} - ${range%:*})))
  cli_in_background build-infra
  wait_for_calls "$count" 60
  kill -INT "$CLI_PID" 2>/dev/null
  wait_for_cli 60
  expect_exit '130|0' "section 5: build-infra, Ctrl-C after $count calls" # 0: it was done already
  [[ $RC -ne 130 ]] || says 'build-infra' 'section 5: it says how to go on'
  converges "interrupted after $count calls"
done

# An update, killed in its middle.
cli_in_background build-infra
wait_for_cli 60
setting DEREGISTRATION_DELAY 12
count=$((5 + RANDOM % 8))
kill_after_calls "$count" build-infra
converges "an update, killed after $count calls"

# Answers that get lost after the call took effect, and throttling.
NAME=lost
new_project "$NAME"
for operation in CreateStack CreateChangeSet ExecuteChangeSet CreateRule; do
  cli sandbox fault "$operation" --cut-after --dir "$SANDBOX_DIR" # not all of them need be calls that it makes
done
cli build-infra
expect_exit '0|1' 'issue 5: the answer to each write is lost once'
clear_faults
converges 'lost answers'
NAME=throttled
new_project "$NAME"
fault '*' --throttle --nth 4 --times 3
cli build-infra
expect_exit 0 'issue 5: throttled in between'
clear_faults
converges 'throttled'

finish
