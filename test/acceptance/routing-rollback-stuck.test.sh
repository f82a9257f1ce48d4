#!/usr/bin/env bash
# The way back is never undone: a rule that can't be written is tried again until the deadline, what moved stays moved, and
# what could not be moved is listed with exit 5; the same command again carries on (section 4.11).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"

ready_with_four_rules
CLI_ENV=(SETTLE=0)

# A fault that goes away while `route --canary 0` tries: it is done, without another command.
must route --canary 50
fault ModifyRule --times always --error AccessDenied --about "${RULE##*/}"
cli_in_background route --canary 0 --timeout 60s
others_moved() { [[ $(weights | tr ' ' '\n' | grep -c '=0/100$') == 3 ]]; }
expect_soon 15 'section 4.11: the other rules do not wait for the one that fails' 'three at 0' others_moved
check 'section 4.11: and it still tries' 'running' ended kill -0 "$CLI_PID"
exit_out=$OUT exit_err=$ERR
clear_faults
OUT=$exit_out ERR=$exit_err COMMAND='ecs-canary route --canary 0 --timeout 60s'
wait_for_cli 40
expect_exit 0 'section 4.11: and succeeds once AWS does'
expect_weights 0 'section 4.11: all weight is back'

# One rule can't be written at all, for now.
must route --canary 50
fault ModifyRule --times always --error AccessDenied --about "${RULE##*/}"
cli rollback --timeout 5s
expect_exit 5 'section 4.11: rollback: one rule can not be written until the deadline'
expect_names 'section 4.11: and is named' "${RULE##*/}"
says '\b50\b' 'section 4.11: with what it carries'
expect_stderr 'ecs-canary.*rollback|ecs-canary.*route --canary 0' 'section 5: and the command to type'
seen=$(weights)
check 'section 4.11: what moved stays moved' "all but ${RULE##*/} at 0" "$seen" \
  test "$(tr ' ' '\n' <<<"$seen" | grep -c '=0/100$')" -eq 3 -a "$(tr ' ' '\n' <<<"$seen" | grep -c "^${RULE##*/}=50/50$")" -eq 1
check 'section 4.8: what has weight is not stopped' '2 processes of 3.2' "$(running 3.2 | wc -l)" test "$(running 3.2 | wc -l)" -eq 2
clear_faults
cli rollback
expect_exit 0 'section 7: the same command again carries on'
expect_weights 0 'section 7: to its end'
expect_status 'section 2: the canary is then old' 'o.state === "primary+old" && o.primary.version === "3.1" && o.old.version === "3.2"'

finish
