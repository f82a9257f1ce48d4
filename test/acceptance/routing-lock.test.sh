#!/usr/bin/env bash
# One writer per pair (section 4.10): a second run is refused with exit 6 and told who holds it and since when; `rollback`
# takes over from the holder and its weights stay (4.11); a killed run does not keep the pair; `unlock` and `history`.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at AWS's time
ready 3.1
must rollout --tag 3.1
make_app v3.2 3.2
cli status --json
expect_json 'issue 3: status: nobody holds the pair' 'o.holder === null'

CLI_ENV=(HOLD=18s)
cli_in_background update v3.2 --tag 3.2
CLI_ENV=()
holder_out=$OUT holder_err=$ERR
expect_soon 40 'preparing: an update holds at 50 %' 'Routing 50% of traffic to the new service' printed 'Routing 50% of traffic to the new service'
take_pair
expect_status 'issue 3: status names the holder' \
  'o.holder && /update/.test(o.holder.command) && typeof o.holder.by === "string" && o.holder.by !== "" && Math.abs(Date.now() - Date.parse(o.holder.since)) < 120000'
by=$(in_status 'o.holder?.by ?? "(no holder)"')

refused() { # ARGUMENT…
  local mark
  log_mark mark
  cli "$@"
  expect_exit 6 "section 4.10: $* beside a running update"
  expect_stderr "$(sed 's/[][().*+?^$|{}\\/]/./g' <<<"$by")" "section 4.10: $*: told who holds it"
  expect_stderr '[0-9]:[0-9]{2}|ago|[0-9] ?s(ec|\b)|[0-9] ?min' "section 4.10: $*: told since when"
  expect_one_message "section 4.10: $*"
  check "section 4.10: $* changes nothing" 'no write to load balancer or services' "$(log_since "$mark" 'c.write && !/^ssm$/.test(c.service)' | tr '\n' ',')" \
    test -z "$(log_since "$mark" 'c.write && !/^ssm$/.test(c.service)')"
}
refused route --canary 20
refused promote
cli route --canary 20 --json
expect_exit 6 'section 5: the same with --json'
expect_json 'section 5: as an error object' 'o.error && typeof o.error.code === "string" && o.error.message !== "" && "usersAre" in o.error'
expect_weights 50 'section 4.10: and the weights are the holder'\''s'

cli rollback
expect_exit 0 'section 4.11: rollback does not wait for the holder'
check 'section 4.11: and did not: the update was still there, or told that it lost' 'running, or exit 6' 'done' \
  test -z "$(grep -x 'Routing 100% of traffic to the new service' "$holder_out")"
expect_weights 0 'section 4.11: its weights count'
expect_status 'section 4.11: and the state' 'o.state === "primary+old" && o.primary.version === "3.1" && o.primary.weight === 100 && o.old.rolledBack === true'
cli_out=$OUT cli_err=$ERR COMMAND='ecs-canary update v3.2 --tag 3.2 (the holder)' OUT=$holder_out ERR=$holder_err
wait_for_cli 40
expect_exit 6 'section 4.11: the run that was taken over ends, locked by another run'
check 'section 4.11: it never went on' 'no 100 %' 'Routing 100%' test -z "$(grep -x 'Routing 100% of traffic to the new service' "$OUT")"
says 'rollback' 'section 4.11: it says what took over'
OUT=$cli_out ERR=$cli_err
expect_weights 0 'section 4.11: the weights of the rollback stay'
cli status --json
expect_json 'issue 3: afterwards nobody holds the pair' 'o.holder === null'

cli history --json
expect_exit 0 'issue 3: history --json'
expect_json 'issue 3: history: oldest first, each numbered, with time and author' \
  'o.schemaVersion === 1 && o.entries.length >= 2 && o.entries.every((e, i) => Number.isInteger(e.number) && (!i || e.number > o.entries[i - 1].number)
   && !Number.isNaN(Date.parse(e.at)) && typeof e.by === "string" && e.by !== "" && typeof e.command === "string")'
expect_json 'issue 3: history has the update and after it the rollback' \
  '((u, r) => u >= 0 && r > u)(o.entries.findIndex((e) => /update/.test(e.command)), o.entries.map((e) => /rollback/.test(e.command)).lastIndexOf(true))'
cli history
expect_exit 0 'issue 3: history'
says 'update' 'issue 3: history prints the update'
says 'rollback' 'issue 3: history prints the rollback'

# A run that was killed.
must rollout --tag 3.2
take_pair
killed() { # PERCENT: a route that is killed once its weights are there
  CLI_ENV=(SETTLE=60s)
  cli_in_background route --canary "$1"
  CLI_ENV=()
  wait_until 20 weights_are "$1" || not_ok 'preparing: a route is under way' "weight $1" "$(weights)"
  kill -KILL "$CLI_PID"
  wait_for_cli 5 2>/dev/null
}
killed 30
now BEGUN
cli route --canary 30
now DONE
expect_exit 0 'section 7: a killed run: the same command again carries on'
check 'section 7: at once' 'less than 10 s' "$(((DONE - BEGUN) / 1000)) ms" test $((DONE - BEGUN)) -lt 10000000
expect_weights 30 'section 7: and is where it was to go'

killed 60
read_status
check 'issue 3: status still shows the killed holder' 'a holder with route' "$(in_status 'o.holder' 2>&1)" test "$(in_status '/route/.test(o.holder?.command)')" = true
log_mark MARK
cli unlock
expect_exit 2 'section 2: unlock without --yes, not on a terminal'
expect_stderr 'unlock.*--yes|--yes.*unlock' 'section 2: names the command to type'
expect_one_message 'section 2: unlock without --yes'
expect_no_writes "$MARK" 'section 2: unlock without --yes'
cli unlock --yes
expect_exit 0 'issue 3: unlock --yes'
cli status --json
expect_json 'issue 3: after it nobody holds the pair' 'o.holder === null'
expect_weights 60 'issue 3: unlock leaves the weights alone'
cli route --canary 40
expect_exit 0 'issue 3: after it another command works'
expect_weights 40 'issue 3: and does what it says'
cli unlock --yes --primary-target-group "$PAIR_PRIMARY" --canary-target-group "$PAIR_CANARY"
expect_exit 0 'issue 3: unlock of a pair that nobody holds is done already'

cli history --json
entries=$(json "$OUT" 'o.entries.map((e) => [e.number, e.command, e.percent])' 2>/dev/null)
cli history --json --primary-target-group "$PAIR_PRIMARY" --canary-target-group "$PAIR_CANARY"
expect_exit 0 'issue 3: history of two groups by ARN'
expect_json 'issue 3: is the same' "o.entries.length > 0 && JSON.stringify(o.entries.map((e) => [e.number, e.command, e.percent])) === '${entries//\'/}'"

finish
