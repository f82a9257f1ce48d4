#!/usr/bin/env bash
# A CI job that is killed: `update` gets SIGKILL at random moments, twice in a row, and the same command on another machine
# carries on to its end. Under constant load not one request fails, and nothing is left over (section 7, issue 4.2).
#
#   survival-kill.test.sh [SEED]
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"

take_seed "$@"
SPEED=$((SPEED * 2)) # nothing here looks at AWS's time
start_sandbox
new_project harbour
set_setting HOLD 0.3s
set_setting SETTLE 0.2s
must build-infra
take_endpoint
for version in 4.1 4.2 4.3 4.4 4.5; do make_ferry "v$version" "$version"; done
must update v4.1 --tag 4.1
expect_soon 10 'preparing: 4.1 answers' 'Version 4.1' answers 4.1
start_requests

# How many calls an update makes that nobody kills.
log_mark MARK
must update v4.2 --tag 4.2 --destroy-old
calls=$(log_since "$MARK" true | wc -l)
check 'the calls of an update are seen' 'more than 20' "$calls" test "$calls" -gt 20

round() { # VERSION REPLACED ARGUMENT…: of `update`
  local version=$1 replaced=$2 kill text at moments=''
  shift 2
  text="issue 4: update to $version, killed"
  for kill in 1 2; do
    at=$((1 + RANDOM % calls))
    new_machine
    kill_after_calls "$at" update "v$version" --tag "$version" "$@"
    moments+="${moments:+ and }$at"
    [[ $KILLED == yes ]] || moments+=' (too late)'
  done
  echo "# update to $version: killed after calls $moments"
  new_machine
  cli update "v$version" --tag "$version" "$@"
  expect_exit 0 "$text after calls $moments: the same command on another machine carries on"
  expect_primary "$version" "$text after calls $moments"
  if [[ " $* " == *' --destroy-old '* ]]; then
    expect_status "$text: --destroy-old did its work" 'o.state === "primary"'
    expect_nothing_left "$text" 2 "$version"
  else
    expect_status "$text: the replaced one keeps running" "o.state === 'primary+old' && o.old.version === '$replaced' && o.old.running === 2"
    expect_nothing_left "$text" 4 "$version" "$replaced"
  fi
}

round 4.3 4.2
round 4.4 4.3 --destroy-old
round 4.5 4.4 --destroy-old
more_requests 20
stop_requests
expect_no_errors 'issue 4: through all kills' 100
expect_requests 'issue 4: at the end only the last version' 'r.slice(-5).every((x) => x.version === "4.5")' 'only 4.5'

finish
