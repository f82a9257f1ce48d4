#!/usr/bin/env bash
# Stacks that were left in ROLLBACK_COMPLETE, REVIEW_IN_PROGRESS or in the middle of something, by a run that died or by
# somebody else; two runs at once; an account that never saw ECS: each handled or explained (issue 5.2).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox

# Killed while a stack is created that can't be: CloudFormation rolls it back alone, and nobody looks.
new_project wreck
hold_port "$PORT_PUBLIC"
cli_in_background build-infra
wait_until 20 stack_in_progress wreck
kill -KILL "$CLI_PID"
wait_for_cli 5 2>/dev/null
expect_soon 20 'preparing: a stack is left in ROLLBACK_COMPLETE' 'wreck ROLLBACK_COMPLETE' stack_is wreck ROLLBACK_COMPLETE
kill "$HOLDER"
wait_until 10 port_closed "$PORT_PUBLIC"
cli build-infra --dry-run
expect_exit '0|1' 'issue 5.2: --dry-run where a stack is left in ROLLBACK_COMPLETE'
cli build-infra
expect_exit '0|2' 'issue 5.2: a stack left in ROLLBACK_COMPLETE' # 2: it replaces something, which may need consent
if [[ $RC -eq 2 ]]; then
  says 'ROLLBACK_COMPLETE' 'issue 5.2: a stack left in ROLLBACK_COMPLETE: explained'
  cli build-infra --yes
  expect_exit 0 'issue 5.2: a stack left in ROLLBACK_COMPLETE: and with --yes handled'
fi
check 'issue 5.2: ROLLBACK_COMPLETE is gone' 'wreck CREATE_COMPLETE' "$(stack_status wreck)" stack_is wreck CREATE_COMPLETE

# A change set that somebody made for a stack that never was.
new_project draft
answer=$(cfn CreateChangeSet StackName=draft ChangeSetName=first ChangeSetType=CREATE \
  'TemplateBody={"Resources":{"Log":{"Type":"AWS::Logs::LogGroup"}}}')
expect_soon 10 'preparing: a stack in REVIEW_IN_PROGRESS' 'draft REVIEW_IN_PROGRESS' stack_is draft REVIEW_IN_PROGRESS
cli build-infra
expect_exit '0|1|2' 'issue 5.2: a stack in REVIEW_IN_PROGRESS'
if [[ $RC -ne 0 ]]; then
  says 'REVIEW_IN_PROGRESS' 'issue 5.2: a stack in REVIEW_IN_PROGRESS: explained'
else
  again 'issue 5.2: a stack in REVIEW_IN_PROGRESS: handled'
fi
! stack_is draft REVIEW_IN_PROGRESS || cfn DeleteStack StackName=draft >/dev/null # where it was only explained

# A --change-set that was killed while AWS worked on it, of an account where nothing is yet, and of one where all is.
killed_change_set() { # TEXT
  local mark
  cli sandbox fault DescribeChangeSet --delay 20s --times always --dir "$SANDBOX_DIR"
  log_mark mark
  cli_in_background build-infra --change-set
  begun() { tail -n "+$((mark + 1))" "$SANDBOX_DIR/requests.ndjson" | grep -q '"CreateChangeSet"' || cli_ended; }
  wait_until 20 begun
  kill -KILL "$CLI_PID" 2>/dev/null
  wait_for_cli 5 2>/dev/null
  check "issue 5.2: $1: it is at work on one" 'killed' "exit $RC" test "$RC" = 137
  clear_faults
  cli build-infra
  expect_exit 0 "issue 5.2: $1, and build-infra"
  expect_no_change_set "issue 5.2: $1, and build-infra"
  again "issue 5.2: $1, then nothing is left to do"
}
new_project sketch
killed_change_set 'a --change-set that was killed, of nothing'
setting DEREGISTRATION_DELAY 12
killed_change_set 'a --change-set that was killed, of what is there'

# Another run is at work: this one waits for it, or says so.
new_project busy
cli_in_background build-infra
wait_until 20 stack_in_progress busy
kill -KILL "$CLI_PID"
wait_for_cli 5 2>/dev/null
cli build-infra
expect_exit '0|1|6' 'issue 5.2: a stack in the middle of being created'
[[ $RC -eq 0 ]] || says '_IN_PROGRESS' 'issue 5.2: a stack in the middle of being created: explained'
cli build-infra
expect_exit 0 'issue 5.2: a stack in the middle of being created: and once more'
again 'issue 5.2: a stack in the middle of being created: and then nothing is left to do'

# Two at once.
new_project both
cli_in_background build-infra
first=$CLI_PID first_out=$OUT first_err=$ERR
cli build-infra
second=$RC
expect_exit '0|1|6' 'issue 5.2: two runs at once, the second'
[[ $RC -eq 0 ]] || says 'in progress|another run|IN_PROGRESS|already' 'issue 5.2: two runs at once: the second explains'
CLI_PID=$first OUT=$first_out ERR=$first_err COMMAND='ecs-canary build-infra (the first of two)'
wait_for_cli 60
expect_exit '0|1|6' 'issue 5.2: two runs at once, the first'
check 'issue 5.2: two runs at once: one of them did it' 'an exit 0' "$RC and $second" test "$RC" = 0 -o "$second" = 0
wait_until 20 stack_rests both
cli build-infra
expect_exit 0 'issue 5.2: two runs at once, and once more'
expect_no_change_set 'issue 5.2: two runs at once'
check 'issue 5.2: two runs at once: one rule with the pair' one "$(rule_lines | grep -c "HTTP:$PORT_PUBLIC ")" \
  test "$(rule_lines | grep -c "HTTP:$PORT_PUBLIC ")" -eq 1
again 'issue 5.2: two runs at once: then nothing is left to do'

# A fresh account: the roles that AWS makes on first use are refused for some seconds.
must sandbox stop --dir "$SANDBOX_DIR"
SANDBOX_DIR=$WORK/fresh API_PORT=''
SANDBOXES+=("$SANDBOX_DIR")
API_PORT=$(free_ports 1)
cli sandbox start --detach --port "$API_PORT" --dir "$SANDBOX_DIR" --speed "$SPEED" --fresh-account
eval "$(grep '^export ' "$OUT")"
new_project harbour DESIRED_COUNT=1
cli build-infra
expect_exit 0 'issue 5.2: build-infra in a fresh account'
says_not 'unable to assume|rollback|_FAILED' 'issue 5.2: in a fresh account errors of roles just made are not shown'
take_endpoint
make_app v3.1 3.1
must push v3.1 --tag 3.1
cli rollout --tag 3.1
expect_exit 0 'issue 5.2: rollout in a fresh account'
says_not 'unable to assume' 'issue 5.2: rollout in a fresh account shows no error of a role'

finish
