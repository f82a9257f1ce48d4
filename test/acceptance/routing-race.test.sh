#!/usr/bin/env bash
# Two runs that start at once never leave the rules of a service disagreeing, and the emergency exit wins over a run that
# is in the middle of its writes, also when the last of those arrives late (issue 3; sections 4.10 and 4.11).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"

ready_with_four_rules

CLI_ENV=(SETTLE=0)
for round in 1 2 3 4 5 6; do
  a=$((round * 10 + 1)) b=$((round * 10 + 5))
  cli_in_background route --canary "$a"
  pid_a=$CLI_PID
  nap "0.$((RANDOM % 4))"
  cli_in_background route --canary "$b"
  wait_for_cli 30
  code_b=$RC CLI_PID=$pid_a
  wait_for_cli 30
  code_a=$RC
  check "issue 3: race $round: one is done, the other done or refused" 'exit 0 and 0, or 0 and 6' "$code_a and $code_b" \
    grep -qxE '0 0|0 6|6 0' <<<"$code_a $code_b"
  good=()
  [[ $code_a == 0 ]] && good+=("$a")
  [[ $code_b == 0 ]] && good+=("$b")
  agreed() { [[ " ${good[*]} " == *" $(weights) "* ]]; }
  expect_soon 5 "issue 3: race $round: all rules agree, on the weight of a run that says it is done" "one of: ${good[*]}; at last $(weights)" agreed
done
CLI_ENV=()

# Took over between the writes of another run, one of which AWS answers late.
for delayed in 1 2 3; do
  must route --canary 5 --accept-drift # whatever the round before has left
  fault ModifyRule --nth "$delayed" --delay 2s
  log_mark MARK
  CLI_ENV=(SETTLE=10s)
  cli_in_background route --canary 70
  CLI_ENV=()
  under_way() { [[ $(weights) != 5 ]] || cli_ended; }
  wait_until 10 under_way || not_ok "preparing: a route is between its writes ($delayed)" 'a write' "$(weights)"
  cli route --canary 0
  expect_exit 0 "section 4.11: route --canary 0 takes over, write $delayed late"
  expect_weights 0 "section 4.11: its weights count, write $delayed late"
  exit_out=$OUT exit_err=$ERR
  wait_for_cli 30
  check "section 4.11: the other run ends and does not say it is done, write $delayed late" 'exit 6' "exit $RC" test "$RC" = 6
  OUT=$exit_out ERR=$exit_err COMMAND='ecs-canary route --canary 0' RC=0
  expect_weights 0 "section 4.11: the weights of the emergency exit stay, write $delayed late"
  clear_faults
done

finish
