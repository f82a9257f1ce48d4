#!/usr/bin/env bash
# One of several writes of a `route` upwards fails, is throttled, or its answer is lost: the old or the new weights
# everywhere, and the exit code says which (section 4.5, issue 3). Where even the undo fails: routing-undo-fails.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"

ready_with_four_rules
CLI_ENV=(SETTLE=0)

back_everywhere() { # TEXT: of a route from 0 to 50
  expect_exit '1|3' "section 4.5: $1: failed, or rolled back"
  expect_one_message "section 5: $1"
  expect_weights 0 "section 4.5: $1: those already written went back"
  says_not '^(Routing 50% of traffic|Modified [1-9])' "section 3: $1: says nothing of success"
}

for nth in 1 2 3; do
  fault ModifyRule --nth "$nth" --error AccessDenied
  cli route --canary 50
  back_everywhere "ModifyRule $nth fails"
  clear_faults
done
fault ModifyListener --error OperationNotPermitted
cli route --canary 50
back_everywhere 'ModifyListener fails'
clear_faults
fault ModifyRule --nth 2 --times always --error AccessDenied --about "${RULE##*/}" # never its turn: only one call is about it
cli route --canary 50 --timeout 8s
expect_exit 0 'a fault that is never due hurts nobody'
expect_weights 50 'a fault that is never due'
clear_faults
must route --canary 0

fault ModifyRule --times always --error AccessDenied --about "${RULE##*/}"
cli route --canary 50 --timeout 8s
back_everywhere 'one rule can never be written'
says "${RULE##*/}" 'section 4.5: and the message names it'
clear_faults

fault ModifyRule --times always --cut-before
cli route --canary 50 --timeout 8s
back_everywhere 'no ModifyRule ever arrives'
clear_faults

# What AWS takes back by itself, or what took effect although no answer came.
fault ModifyRule --nth 2 --throttle --times 2
cli route --canary 50
expect_exit 0 'issue 3: throttled: done all the same'
expect_weights 50 'issue 3: throttled'
clear_faults
must route --canary 0
for nth in 1 3; do
  fault ModifyRule --nth "$nth" --cut-after
  cli route --canary 50
  expect_exit 0 "issue 3: the answer to ModifyRule $nth is lost after it took effect: done all the same"
  expect_weights 50 "issue 3: the answer to ModifyRule $nth is lost"
  clear_faults
  must route --canary 0
done
fault DescribeRules --stale --times 3
cli route --canary 50
expect_exit 0 'section 6: what is written is not always read back at once'
expect_weights 50 'section 6: read back late'
clear_faults
must route --canary 0

finish
