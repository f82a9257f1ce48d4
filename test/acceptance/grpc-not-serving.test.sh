#!/usr/bin/env bash
# A gRPC server that answers its health check with NOT_SERVING never gets weight (issue 7, section 7): as the first version,
# by update, by route; nor does one whose health service never answers, or that becomes NOT_SERVING while it waits. The check
# ends with a status other than OK then: it is all that AWS's load balancers look at, and the sandbox's (section 6).
# shellcheck disable=SC2016 # JavaScript, and texts for people
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"
LIMIT=80

start_sandbox
grpc_project harbour
infra
make_quay closed bad-1 closed
make_quay mute bad-2 mute
make_quay v3.1 3.1
make_quay v3.2 3.2 fickle

never_hailed() { # TEXT VERSION: by what the app itself saw
  check "$1: no call ever reached it" none "$(grep -m 1 " $2 .*open /quay" "$WORK/events")" test -z "$(grep -m 1 " $2 .*open /quay" "$WORK/events")"
}
refused() { # TEXT VERSION
  expect_exit 1 "$1: ends 1, in less than $LIMIT s"
  expect_stderr health "$1: says that it is about health"
  says_not 'Routing [0-9]+%' "$1: it never had weight"
  expect_soon 10 "$1: no process of it is left" none nothing_runs "$2"
  never_hailed "$1" "$2"
}

must push closed --tag bad-1
cli rollout --tag bad-1
refused 'issue 7, NOT_SERVING as the first version' bad-1
expect_status 'section 2: a rollout that fails leaves its colour empty' 'o.state === "nothing"'

must update v3.1 --tag 3.1
expect_soon 20 'issue 7: a good first version is not in its way' 'Version 3.1' hails 3.1
grpc_in_background 'const line = (r) => `${r.version ?? "none"} ${r.code} ${r.message}`;
  for (let left = 8000; left > 0 && !stopped(); left--) { console.log(line(await channel.hail("boat", 0, { timeout: 15000 }))); await sleep(25); }'

cli update closed --tag bad-1
refused 'issue 7, update to NOT_SERVING' bad-1
expect_status 'issue 7, update to NOT_SERVING: the primary is what it was, and alone' \
  'o.state === "primary" && o.primary.version === "3.1" && o.primary.weight === 100 && o.primary.healthy === 2 && !o.canary && !o.old'
cli update mute --tag bad-2
refused 'issue 7, update to a health service that never answers' bad-2

# One that was SERVING when it was started, and is not when it is to get weight.
must push v3.2 --tag 3.2
must rollout --tag 3.2
take_pair
await_healthy "$PAIR_CANARY" 2
: >"$WORK/closed-3.2"
expect_soon 20 'issue 7.2: its targets become unhealthy' 'none of two healthy' healthy_is "$PAIR_CANARY" 0
log_mark mark
cli route --canary 50 --no-scale --timeout 30s
expect_exit '1|124' 'issue 7: route to a canary that is NOT_SERVING: the weights are as before'
expect_stderr health 'issue 7: it says so'
expect_no_modify "$mark" 'section 4.7: no weight without healthy targets'
expect_weights 0 'issue 7: a canary that is NOT_SERVING has no weight'
cli promote --no-scale --timeout 30s
expect_exit '1|124' 'issue 7: promote of a canary that is NOT_SERVING'
expect_weights 0 'issue 7: it has no weight after that either'
never_hailed 'issue 7: NOT_SERVING later' 3.2

# Once it is SERVING, it gets weight like any other.
rm "$WORK/closed-3.2"
expect_soon 30 'issue 7.2: SERVING again, its targets become healthy' 'two of two' healthy_is "$PAIR_CANARY" 2
cli route --canary 50
expect_exit 0 'issue 7: route to it, now that it is SERVING'
expect_soon 10 'issue 7: it gets calls' 'Version 3.2' hails 3.2
stop_grpc
seen=$(grep -v '^3\.[12] 0 ' "$WORK/grpc.log" | head -n 3 | tr '\n' ';')
check 'issue 7: through all of that no call fails' "none of $(wc -l <"$WORK/grpc.log")" "$seen" test -z "$seen" -a "$(wc -l <"$WORK/grpc.log")" -gt 100

finish
