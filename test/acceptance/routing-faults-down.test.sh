#!/usr/bin/env bash
# On the way back a write that fails, is throttled or lost is tried again (section 4.11, issue 3). What can't be written at
# all is in routing-rollback-stuck.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"

ready_with_four_rules
CLI_ENV=(SETTLE=0)

tried_again() { # TEXT OPTION…: of the fault
  local text=$1
  shift
  must route --canary 50
  fault "$@"
  cli route --canary 0
  expect_exit 0 "section 4.11: route --canary 0: $text"
  expect_weights 0 "section 4.11: $text: all weight is back"
  clear_faults
}
tried_again 'the second ModifyRule fails twice' ModifyRule --nth 2 --times 2 --error AccessDenied
tried_again 'the first ModifyRule fails with a server error' ModifyRule --times 4 --error InternalFailure
tried_again 'ModifyListener fails' ModifyListener --error OperationNotPermitted
tried_again 'ModifyRule is throttled' ModifyRule --throttle --times 2
tried_again 'an answer is lost' ModifyRule --nth 2 --cut-after
tried_again 'three calls never arrive' ModifyRule --nth 2 --cut-before --times 3
tried_again 'reads are stale' DescribeRules --stale --times 3

finish
