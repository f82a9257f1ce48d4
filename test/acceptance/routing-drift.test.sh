#!/usr/bin/env bash
# Weights that someone else changed since the last run are shown and stop the run, unless told to go on with
# --accept-drift; the way back needs no consent (sections 4.9 and 4.11).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at AWS's time
ready 3.1 3.2 3.3
must rollout --tag 3.1
must rollout --tag 3.2
must route --canary 20
take_pair
add_rule 471
by_hand "$RULE" 20 # as all the others: a new rule that agrees
cli route --canary 20
expect_exit 0 'section 4.9: a rule added by somebody else that agrees is no drift'
expect_line 'Modified 0 listener rules' 'section 4.9: and nothing to do'

stopped() { # TEXT ARGUMENT…: by the drift of $RULE from 20 to 35
  local text=$1 mark
  shift
  log_mark mark
  cli "$@"
  expect_exit '1|4' "section 4.9: $text stops"
  expect_names "section 4.9: $text: names the rule" "${RULE##*/}"
  expect_stderr '\b20\b' "section 4.9: $text: shows what it was"
  expect_stderr '\b35\b' "section 4.9: $text: shows what it is"
  expect_stderr 'accept-drift' "section 4.9: $text: says how to go on"
  expect_one_message "section 4.9: $text"
  expect_no_modify "$mark" "section 4.9: $text"
}

by_hand "$RULE" 35
stopped 'route' route --canary 50
stopped 'promote' promote
cli route --canary 50 --accept-drift
expect_exit 0 'section 4.9: route --accept-drift goes on'
says '\b35\b' 'section 4.9: and says what it found'
expect_weights 50 'section 4.9: every rule has what was asked'
cli route --canary 40
expect_exit 0 'section 4.9: once accepted, it is no drift any more'
expect_weights 40 'section 4.9: nor in the way'

# The way back.
by_hand "$RULE" 70
cli route --canary 0
expect_exit 0 'section 4.11: route --canary 0 needs no consent'
says '\b70\b' 'section 4.9: but shows the drift'
expect_weights 0 'section 4.11: all weight is back'
must route --canary 20
by_hand "$RULE" 35
stopped 'update' update v3.2 --tag 3.2
cli rollback
expect_exit 0 'section 4.11: rollback needs no consent'
expect_weights 0 'section 4.11: rollback: all weight is back'

# promote --accept-drift, and what destroy-old does where the old one has weight again.
must rollout --tag 3.3
must route --canary 20
take_pair
by_hand "$RULE" 35
cli promote --accept-drift
expect_exit 0 'section 4.9: promote --accept-drift goes on'
expect_weights 100 'section 4.9: to its end'
by_hand "$RULE" 90 # the replaced version gets 10 % again
before=$(running 3.1 | sort)
log_mark MARK
cli destroy-old --yes
expect_exit '1|4' 'section 4.8: destroy-old never stops what has weight'
expect_names 'section 4.8: names the rule' "${RULE##*/}"
seen=$(log_since "$MARK" 'c.operation === "UpdateService"')
check 'section 4.8: stops nothing' 'no UpdateService' "$seen" test -z "$seen"
check 'section 4.8: its tasks run' "${before//$'\n'/ }" "$(running 3.1 | sort | tr '\n' ' ')" test -n "$before" -a "$before" = "$(running 3.1 | sort)"
by_hand "$RULE" 100
cli destroy-old --yes --accept-drift
expect_exit 0 'section 4.8: and stops it when the weight is gone'
expect_soon 10 'section 4.8: it is gone' 'no process of 3.1' nothing_runs 3.1

finish
