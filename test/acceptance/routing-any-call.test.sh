#!/usr/bin/env bash
# Whichever single call of a `route` fails or is lost, read or write, of whatever service: upwards all rules have the old
# weights or all the new ones, or exit 5 names each that is wrong; back, all have the new ones, or exit 5 (issue 3, "It is done when").
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at AWS's time
ready 3.1 3.2
must rollout --tag 3.1
must rollout --tag 3.2
take_pair
add_rule 471
add_listener
names_the_wrong() { # PERCENT: of the rules that ought to have it
  mapfile -t ids < <(elb 'return (await pairRules(args[0], args[1])).filter((r) => r.canary !== Number(args[2])).map((r) => id(r.rule)).join("\n")' "$PAIR_PRIMARY" "$PAIR_CANARY" "$1")
  expect_names "$text: exit 5 names each rule that is wrong" "${ids[@]}"
}
CLI_ENV=(SETTLE=0)

# What a route calls, so that no k is beyond the last one.
log_mark MARK
must route --canary 2
up=$(log_since "$MARK" true | grep -vc 'GetCallerIdentity') # one such call is the CLI's, see below
log_mark MARK
must route --canary 0
down=$(log_since "$MARK" true | grep -vc 'GetCallerIdentity')
up=$((up + 1)) down=$((down + 1)) old=0
check 'the calls of a route are seen' 'some up, some down' "$up, $down" test "$up" -gt 5 -a "$down" -gt 5

# Every seventh call upwards and back, each kind in turn; where it starts is drawn, so that many runs see all of them.
seed=${1:-$RANDOM}
echo "# the same again: routing-any-call.test.sh $seed"
kinds=('--error AccessDenied' '--cut-after' '--error InternalFailure' '--cut-before' '--throttle')
step=0
for ((k = 1 + seed % 7; k <= up; k += 7)); do
  kind=${kinds[(step + seed / 49) % 5]} new=$((old + 3)) step=$((step + 1))
  read -ra words <<<"$kind"
  fault '*' --nth "$k" "${words[@]}"
  cli route --canary "$new" --timeout 15s
  text="issue 3: route up, call $k of $up with $kind"
  case $RC in
    0) expect_weights "$new" "$text: done, and the new weights everywhere" && old=$new ;;
    1 | 3 | 4) expect_weights "$old" "$text: exit $RC, and the old weights everywhere" ;;
    5) names_the_wrong "$old" ;;
    *) expect_exit '0|1|3|4|5' "$text" ;;
  esac
  clear_faults
  weights_are "$old" || { must route --canary 0 && old=0; }
done

for ((k = 1 + (seed / 7) % 7; k <= down; k += 7)); do
  kind=${kinds[(step + seed / 49) % 5]} step=$((step + 1))
  read -ra words <<<"$kind"
  weights_are 30 || must route --canary 30
  fault '*' --nth "$k" "${words[@]}"
  cli route --canary 0 --timeout 15s
  text="issue 3: route back, call $k of $down with $kind"
  case $RC in
    0) expect_weights 0 "$text: done, and the new weights everywhere" ;;
    5) names_the_wrong 0 ;;
    *) expect_exit '0|5' "$text" ;;
  esac
  clear_faults
done

finish
