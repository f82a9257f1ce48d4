#!/usr/bin/env bash
# The emergency exit is never locked (section 4.11): `route --canary 0` works with the canary's tasks all dead, with the
# log unwritable, with it unreadable, and over a living holder; without a healthy primary it wants --force.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at AWS's time
start_sandbox
new_project harbour
must build-infra
take_endpoint
make_app v3.1 3.1
make_app v3.2 3.2
sed -i "s|^  if (request.url === '/health')|  if (request.url === '/health' \&\& require('node:fs').existsSync('$WORK/sick')) return response.writeHead(500).end();\n&|" "$PROJECT/v3.1/app.js"
must push v3.1 --tag 3.1
must push v3.2 --tag 3.2
must rollout --tag 3.1
must rollout --tag 3.2
take_pair
add_rule 471
canary=quay-$(in_status o.canary.colour)

back() { # TEXT [ARGUMENT…]
  local text=$1
  shift
  cli route --canary 0 "$@"
  expect_exit 0 "section 4.11: route --canary 0, $text"
  expect_weights 0 "section 4.11: all weight is back, $text"
}

# What an exit did that the log could not take is told like anybody else's change (section 4.9), until one is on record.
recorded() {
  cli route --canary 50
  expect_exit 1 'section 4.9: weights that no run recorded stop what goes forward'
  must route --canary 0
}

must route --canary 50
set_desired "$canary" 0
expect_soon 20 'preparing: the canary is dead' 'no process of 3.2' nothing_runs 3.2
back 'the canary has no task'
set_desired "$canary" 2
await_healthy "$PAIR_CANARY" 2

# The log can't be written: on the way up that stops everything before the first write, on the way down it is a warning.
must route --canary 20
fault PutParameter --error AccessDeniedException --times always
log_mark MARK
cli route --canary 50
expect_exit '1|4' 'section 4.1: on the way up with an unwritable log'
expect_one_message 'section 4.1: an unwritable log'
expect_no_modify "$MARK" 'section 4.1: the load balancer is untouched'
expect_weights 20 'section 4.1: with an unwritable log'
back 'the log is unwritable'
expect_stderr 'log|record|PutParameter|parameter' 'section 4.11: the log is unwritable: warns'
clear_faults
recorded

# It can't be read.
for operation in GetParametersByPath GetParameters; do
  must route --canary 50
  fault "$operation" --error AccessDeniedException --times always
  [[ $operation == GetParametersByPath ]] || fault GetParametersByPath --error AccessDeniedException --times always
  if [[ $operation == GetParametersByPath ]]; then
    back 'the log is unreadable, two groups by ARN' --primary-target-group "$PAIR_PRIMARY" --canary-target-group "$PAIR_CANARY"
    clear_faults
    recorded
    must route --canary 50
    fault "$operation" --error AccessDeniedException --times always
  fi
  back "the log is unreadable ($operation)"
  clear_faults
  recorded
done

# The primary is sick as well.
must route --canary 50
: >"$WORK/sick"
wait_until 20 healthy_is "$PAIR_PRIMARY" 0 || not_ok 'preparing: the primary is sick' '0 healthy targets' "$(healthy "$PAIR_PRIMARY")"
log_mark MARK
cli route --canary 0
expect_exit '1|4' 'section 4.11: not without one healthy target there'
says 'force' 'section 4.11: names --force'
expect_no_modify "$MARK" 'section 4.11: not without one healthy target there'
back '--force without a healthy target' --force
rm "$WORK/sick"
await_healthy "$PAIR_PRIMARY" 2

# A living holder.
CLI_ENV=(HOLD=8s)
cli_in_background update v3.2 --tag 3.2
CLI_ENV=()
expect_soon 40 'preparing: an update holds at 50 %' 'Routing 50% of traffic to the new service' printed 'Routing 50% of traffic to the new service'
holder_out=$OUT holder_err=$ERR
back 'a living holder'
OUT=$holder_out ERR=$holder_err COMMAND='ecs-canary update v3.2 --tag 3.2 (the holder)'
wait_for_cli 30
expect_exit 6 'section 4.11: the holder ends, locked by another run'
expect_weights 0 'section 4.11: all weight stays back'

finish
