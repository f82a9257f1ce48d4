#!/usr/bin/env bash
# `rollback` and `destroy-old` that are killed with SIGKILL at random moments: the same command on another machine carries
# on, from a canary half-way and after a promotion, and a rollback never turns round. Not one request fails (issue 4.2).
#
#   survival-kill-back.test.sh [SEED]
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"

take_seed "$@"
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
must rollout --tag 4.1
must rollout --tag 4.2
take_pair
add_rule 471
add_rule 472
start_requests

# Calls of each that nobody kills.
must route --canary 50
log_mark MARK
must rollback
back=$(log_since "$MARK" true | wc -l)
log_mark MARK
must destroy-old --yes
destroy=$(log_since "$MARK" true | wc -l)
check 'the calls of rollback and destroy-old are seen' 'some each' "$back and $destroy" test "$back" -gt 5 -a "$destroy" -gt 5

# At any moment, then near the end, where what is left to do is least but not nothing.
killed_twice() { # CALLS ARGUMENT…: then the same once more; AT says after which calls it was killed
  local calls=$1 at
  shift
  AT=''
  for at in $((1 + RANDOM % calls)) $((calls - RANDOM % 4)); do
    new_machine
    kill_after_calls "$at" "$@"
    AT+="${AT:+ and }$at"
    [[ $KILLED == yes ]] || AT+=' (too late)'
  done
  new_machine
  cli "$@"
}

for round in 1 2; do
  must rollout --tag 4.2
  if ((round == 2)); then
    from='after a promotion'
    must promote
  else
    from='from 50 %'
    must route --canary 50
  fi
  killed_twice "$back" rollback
  text="issue 4: rollback $from, killed after calls $AT"
  expect_exit 0 "$text: the same command carries on"
  expect_primary 4.1 "$text"
  expect_status "$text: the other one was rolled back" 'o.state === "primary+old" && o.old.version === "4.2" && o.old.rolledBack === true'
  expect_all_from 4.1 "$text"

  killed_twice "$destroy" destroy-old --yes
  text="issue 4: destroy-old, killed after calls $AT"
  expect_exit 0 "$text: the same command carries on"
  expect_status "$text: the colour is empty" 'o.state === "primary" && o.primary.version === "4.1" && !o.old'
  expect_nothing_left "$text" 2 4.1
done
more_requests 20
stop_requests
expect_no_errors 'issue 4: through all kills' 100

finish
