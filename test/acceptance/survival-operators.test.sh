#!/usr/bin/env bash
# Two operators who do not know of each other (issue 4): two commands, drawn by lot, at a moment drawn by lot, eight times.
# Each ends with a code of the list, the rules agree when both are done, no request fails, and a rerun converges.
#
#   survival-operators.test.sh [SEED]
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"

take_seed "$@"
SPEED=$((SPEED * 2)) # nothing here looks at AWS's time
start_sandbox
new_project harbour
set_setting SETTLE 0.1s
set_setting HOLD 0.2s
echo DESIRED_COUNT=1 >>"$PROJECT/.env"
must build-infra
take_endpoint
for version in 4.1 4.2 4.3 4.4; do make_ferry "v$version" "$version"; done
must update v4.1 --tag 4.1
must push v4.2 --tag 4.2
must push v4.3 --tag 4.3
must rollout --tag 4.2
take_pair
add_rule 471
add_rule 472
start_requests

CHOICE=('update v4.2 --tag 4.2' 'update v4.3 --tag 4.3 --replace' 'rollout --tag 4.2' 'rollout --tag 4.3 --replace' 'route --canary 30'
  'route --canary 70' 'route --canary 0' 'promote' 'promote' 'rollback' 'rollback' 'destroy-old --yes')
pair_is_one() { [[ $(weights) =~ ^(0|[1-9][0-9]?|100)$ ]]; }

for round in 1 2 3 4 5 6 7 8; do
  a=${CHOICE[RANDOM % ${#CHOICE[@]}]} b=${CHOICE[RANDOM % ${#CHOICE[@]}]} moment=$((RANDOM % 25))
  [[ $a$b != update*update* ]] || b=rollback # would take longest of all, and say no more
  text="issue 4: round $round: $a; after $moment calls $b"
  # shellcheck disable=SC2086 # the words of the command
  cli_in_background $a
  pid_a=$CLI_PID out_a=$OUT err_a=$ERR
  wait_for_calls "$moment" 30
  # shellcheck disable=SC2086
  cli_in_background $b
  wait_for_cli 90
  code_b=$RC
  check "$text: the second ends with a code of the list" '0, 1, 3, 4, 6 or 124' "$code_b: $(tail -n 3 "$ERR" | tr '\n' ' ' | cut -c1-300)" grep -qxE '0|1|3|4|6|124' <<<"$code_b"
  CLI_PID=$pid_a
  wait_for_cli 90
  check "$text: the first ends with a code of the list" '0, 1, 3, 4, 6 or 124' "$RC: $(tail -n 3 "$err_a" | tr '\n' ' ' | cut -c1-300)" grep -qxE '0|1|3|4|6|124' <<<"$RC"
  echo "# round $round: $RC and $code_b"
  expect_soon 8 "$text: all rules agree" "one weight; at last $(weights)" pair_is_one
done

# What they left can be gone on from, and gone back from, without a word about drift or locks.
cli update v4.4 --tag 4.4 --replace --destroy-old
expect_exit 0 'issue 4: after all of that: an update converges'
expect_primary 4.4 'issue 4: after all of that'
expect_nothing_left 'issue 4: after all of that' 1 4.4
more_requests 10
stop_requests
expect_no_errors 'issue 4: through all rounds' 100

finish
