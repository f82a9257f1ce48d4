#!/usr/bin/env bash
# Wrong usage of what routing added: exit 2, one clear message, no write (section 5).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at AWS's time
ready 3.1 3.2
must rollout --tag 3.1
must rollout --tag 3.2
take_pair
read_status
rule=$(in_status 'o.rules[0].rule')

wrong() { # REGEX-OF-THE-MESSAGE TEXT ARGUMENT…
  local regex=$1 text=$2 mark
  shift 2
  log_mark mark
  cli "$@"
  expect_exit 2 "$text"
  expect_stderr "$regex" "$text: the message says what is wrong"
  says_not 'unknown (option|command)' "$text: for what it is, not because nobody knows it"
  expect_one_message "$text"
  expect_no_writes "$mark" "$text"
}
unknown() { # OPTION ARGUMENT…: given to a command that has no such option
  local option=$1 mark
  shift
  log_mark mark
  cli "$@"
  expect_exit 2 "an option of another command: $*"
  expect_stderr "$option" "an option of another command: $*: is named"
  expect_one_message "an option of another command: $*"
  expect_no_writes "$mark" "an option of another command: $*"
}

wrong 'listener' 'route --listener with no ARN' route --canary 10 --listener public
wrong 'listener' 'route --listener with the ARN of a rule' route --canary 10 --listener "$rule"
wrong 'listener' 'route --listener with nothing' route --canary 10 --listener ''
wrong 'rule' 'route --rule with no ARN' route --canary 10 --rule 471
wrong 'rule' 'route --rule with the ARN of a listener' route --canary 10 --rule "$LISTENER"
wrong 'rule' 'route --rule with one wrong of two' route --canary 10 --rule "$rule,471"
for tasks in 0 -1 abc 1.5 '' 0% 101% %; do
  wrong 'tasks' "rollout --tasks='$tasks'" rollout --tag 3.2 "--tasks=$tasks"
done
wrong 'tasks' 'update --tasks none' update v3.2 --tag 3.2 --tasks none
wrong 'target-group' 'history with one of two groups' history --primary-target-group "$PAIR_PRIMARY"
wrong 'target-group' 'unlock with one of two groups' unlock --yes --canary-target-group "$PAIR_CANARY"
wrong 'target.?group' 'history with what is no target group' history --primary-target-group "$PAIR_PRIMARY" --canary-target-group "$rule"
wrong 'same|different|twice|two' 'route with the same group twice' route --canary 10 --primary-target-group "$PAIR_PRIMARY" --canary-target-group "$PAIR_PRIMARY"
unknown scale-down rollback --scale-down
unknown break-stickiness route --canary 0 --break-stickiness
unknown accept-drift status --accept-drift
unknown listener promote --listener "$LISTENER"
unknown tasks route --canary 10 --tasks 1

# Fault orders.
here=(--dir "$SANDBOX_DIR")
wrong 'operation' 'sandbox fault without an operation' sandbox fault --throttle "${here[@]}"
wrong '--error|throttle|delay|cut' 'sandbox fault without what is to happen' sandbox fault ModifyRule "${here[@]}"
wrong 'throttle|cut-after|one of' 'sandbox fault with two things' sandbox fault ModifyRule --throttle --cut-after "${here[@]}"
wrong 'nth' 'sandbox fault --nth 0' sandbox fault ModifyRule --throttle --nth 0 "${here[@]}"
wrong 'nth' 'sandbox fault --nth first' sandbox fault ModifyRule --throttle --nth first "${here[@]}"
wrong 'times' 'sandbox fault --times 0' sandbox fault ModifyRule --throttle --times 0 "${here[@]}"
wrong 'times' 'sandbox fault --times never' sandbox fault ModifyRule --throttle --times never "${here[@]}"
wrong 'delay' 'sandbox fault --delay soon' sandbox fault ModifyRule --delay soon "${here[@]}"
cli sandbox faults --json "${here[@]}"
expect_json 'and none of these is an order' '!JSON.stringify(o).includes("ModifyRule")'

# The sandbox's new options: it is not started.
not_started() { # REGEX TEXT OPTION…
  local regex=$1 text=$2
  shift 2
  SANDBOXES+=("$WORK/second")
  cli sandbox start --detach --port 0 --dir "$WORK/second" "$@"
  expect_exit 2 "sandbox start $text"
  expect_stderr "$regex" "sandbox start $text: the message says what is wrong"
  says_not 'unknown option' "sandbox start $text: for what it is"
  expect_one_message "sandbox start $text"
}
not_started 'page-size' '--page-size 0' --page-size 0
not_started 'page-size' '--page-size many' --page-size many
not_started 'quota' '--quota without a number' --quota target-groups
not_started 'quota|target-groups' '--quota with a word' --quota target-groups=many
not_started 'harbours' '--quota of an unknown name' --quota harbours=5

cli route --canary 10 --listener "$LISTENER" --rule "$rule" --no-scale
expect_exit 0 'and the right way works'
take_pair
expect_weights 10 'and does what it says'

finish
