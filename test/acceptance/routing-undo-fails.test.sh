#!/usr/bin/env bash
# A route upwards fails between its writes, and what was written can't be put back either: exit 5, and which rule carries
# what; then the way back works as soon as AWS does (section 4.5).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"

ready_with_four_rules
CLI_ENV=(SETTLE=0)

# Even the undo fails: act now, and know what has what.
fault ModifyRule --nth 2 --times always --error AccessDenied
fault ModifyListener --nth 2 --times always --error AccessDenied
cli route --canary 50 --timeout 5s
expect_exit 5 'section 4.5: when the undo fails too: exit 5'
mixed=$(weights)
check 'the weights are mixed indeed' 'rules that disagree' "$mixed" grep -qF "=" <<<"$mixed"
for one in $mixed; do # at least those that are not where they were
  [[ $one != *=0/100 ]] || continue
  id=${one%%=*} canary=${one#*=}
  canary=${canary%/*}
  check "section 4.5: and says that rule $id carries $canary" "$canary beside it" "$(grep -h -A 1 -F "$id" "$ERR" | head -c 200)" \
    test -n "$(grep -h -A 1 -F "$id" "$ERR" | grep -E "\b$canary\b")"
done
expect_stderr 'ecs-canary.*(rollback|route --canary 0)' 'section 5: and names the command to type'
clear_faults
cli route --canary 0
expect_exit 0 'section 4.11: which works once AWS does'
expect_weights 0 'section 4.11: and puts all weight back'

finish
