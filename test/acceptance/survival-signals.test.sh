#!/usr/bin/env bash
# Signals (issue 4.3): the first Ctrl-C or SIGTERM stops at the next safe point and prints which version has which weight
# with the two commands, go on and go back; `--on-interrupt rollback` goes back first; a second one ends at once.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at AWS's time
start_sandbox
new_project harbour
set_setting SETTLE 0.2s
must build-infra
take_endpoint
make_ferry v4.1 4.1
make_ferry v4.2 4.2
must update v4.1 --tag 4.1
expect_soon 10 'preparing: 4.1 answers' 'Version 4.1' answers 4.1
start_requests

signalled() { # SIGNAL: and waits for the command in the background
  kill "-$1" "$CLI_PID" 2>/dev/null
  wait_for_cli 30
}
prints_weights() { # TEXT OLD NEW: a line for each version with its weight
  says "4\.1\b.*\b$2 ?%|\b$2 ?%.*4\.1\b" "$1: prints that 4.1 has $2 %"
  says "4\.2\b.*\b$3 ?%|\b$3 ?%.*4\.2\b" "$1: prints that 4.2 has $3 %"
}
prints_commands() { # TEXT GO-ON
  says "ecs-canary.* ($2)" "$1: prints the command to go on"
  says 'ecs-canary.* (rollback|route --canary 0)' "$1: prints the command to go back"
}

# While the tasks start: nothing of the traffic has moved, and nothing stands in the way of the next run.
fault DescribeServices --delay 2s --times 3 # while it is under way
cli_in_background update v4.2 --tag 4.2
text='issue 4: SIGINT while the rollout is under way'
reaches 'Waiting for ECS Service to be in RUNNING state\.\.\.' "$text" && signalled INT
expect_exit 130 "$text"
says '4\.1\b.*\b100 ?%|\b100 ?%.*4\.1\b' "$text: prints that 4.1 has 100 %"
says 'ecs-canary.* (update|rollout)' "$text: prints the command to go on"
expect_one_message "$text"
clear_faults
expect_primary 4.1 "$text"
expect_status "$text: nobody holds the pair" 'o.holder === null'
status_is 'o.primary.version === "4.1"' || alone_again 4.1

hold_at_50() { # TEXT ARGUMENT…: of the update that carries on; false when it does not come that far
  local text=$1
  shift
  CLI_ENV=(HOLD=90s)
  cli_in_background update v4.2 --tag 4.2 "$@"
  CLI_ENV=()
  reaches "$HOLDS_AT_50" "$text: an update holds at 50 %" || wait_for_cli 5
}

for signal in INT TERM; do
  text="issue 4: SIG$signal during a hold"
  hold_at_50 "$text"
  signalled "$signal"
  expect_exit 130 "$text"
  prints_weights "$text" 50 50
  prints_commands "$text" 'update|promote|route --canary 100'
  signal_out=$OUT signal_err=$ERR
  take_pair
  OUT=$signal_out ERR=$signal_err
  expect_weights 50 "$text: the weights are really so"
  expect_status "$text: says status as well, and nobody holds the pair" \
    'o.primary.version === "4.1" && o.primary.weight === 50 && o.canary.version === "4.2" && o.canary.weight === 50 && o.holder === null'
done

# --on-interrupt rollback. It went back by itself: 3 comes before 130 in section 5.
text='issue 4: --on-interrupt rollback'
hold_at_50 "$text" --on-interrupt rollback
signalled INT
expect_exit 3 "$text: ends 3"
says 'roll(ed|ing)? ?back|(went|goes|going) back|(put|is) back|traffic back' "$text: says so"
says '4\.1\b.*\b100 ?%|\b100 ?%.*4\.1\b|\ball\b.*4\.1\b|4\.1\b.*\ball\b' "$text: and that 4.1 has all traffic"
expect_weights 0 "$text: the old version has 100 % in the rules"
expect_primary 4.1 "$text"
expect_all_from 4.1 "$text"

# In the middle of its writes: the rules agree when it is gone.
must rollback
must rollout --tag 4.2
take_pair
add_rule 471
add_rule 472
modified() { grep -Ec '"operation": ?"ModifyRule"' "$SANDBOX_DIR/requests.ndjson"; }
under_way() { (($(modified) > $1)) || cli_ended; } # BEFORE: the first of the rules is written
text='issue 4: SIGTERM between the writes of a route'
fault ModifyRule --nth 2 --delay 6s
before=$(modified)
cli_in_background route --canary 30
wait_until 20 under_way "$before" || not_ok "preparing: $text" 'a first write' "$(weights)"
signalled TERM
expect_exit 130 "$text"
agree() { [[ $(weights) =~ ^(0|30)$ ]]; }
expect_soon 8 "$text: all rules agree, on the old weights or the new ones" '0 or 30 everywhere' agree
weight=$(weights)
prints_weights "$text" $((100 - ${weight//[!0-9]/})) "${weight//[!0-9]/}"
clear_faults
must route --canary 0
more_requests 10
stop_requests
expect_no_errors 'issue 4: through all signals' 100

# The second one does not wait for anything: here for a write that takes longer than this test has patience.
fault ModifyRule --nth 2 --delay 100s
before=$(modified)
cli_in_background route --canary 40
wait_until 20 under_way "$before" || not_ok 'preparing: a route between its writes' 'a first write' "$(weights)"
kill -INT "$CLI_PID" 2>/dev/null
heard() { [[ $(cat "$OUT" "$ERR" | wc -c) -gt $1 ]] || cli_ended; } # it may say so
wait_until 3 heard "$(cat "$OUT" "$ERR" | wc -c)" || true
signalled INT
expect_exit 130 'issue 4: a second Ctrl-C ends at once, in the middle of a call'

finish
