#!/usr/bin/env bash
# A version whose process crashes at start never takes production: `update` ends 1 in bounded time and says why, every
# request is answered by the old version, and the colour is empty again (issue 2; section 7).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
LIMIT=60 # "bounded": AWS would take minutes, the sandbox 1/20 of them

bad_version() { # TEXT: of the update or rollout just made
  expect_exit 1 "$1: ends 1, in less than $LIMIT s"
  says '\b42\b' "$1: says the exit code"
  says 'the harbour wall is missing' "$1: says the last lines of the log"
  expect_stderr . "$1: on stderr"
  says_not 'Routing [0-9]+%' "$1: never routed anything"
}

colour_empty() { # COLOUR
  local answer
  answer=$(api_json ecs $ECS.DescribeServices "{\"cluster\":\"harbour\",\"services\":[\"quay-$1\"]}") || return 1
  [[ $(json <(printf %s "$answer") 'o.services.every((s) => s.desiredCount === 0 && s.runningCount === 0)') == true ]]
}

ready 3.1
make_app bad bad-1 crash

# Already as the first version.
must push bad --tag bad-1
cli rollout --tag bad-1
bad_version 'section 7: a first version that crashes'
expect_status 'section 2: a rollout that fails leaves its colour empty' 'o.state === "nothing"'
expect_soon 5 'section 2: and no process of it' none nothing_runs bad-1

must rollout --tag 3.1
expect_soon 5 'section 7: the next one is not in its way' 'Version 3.1' answers 3.1

start_requests
cli update bad --tag bad-1
bad_version 'issue 2: an update that crashes'
expect_status 'section 2: the primary is what it was, and alone' \
  'o.state === "primary" && o.primary.version === "3.1" && o.primary.weight === 100 && o.primary.healthy === 2 && !o.canary && !o.old'
status_is 'o.primary.colour === "blue"' && empty=green || empty=blue
expect_soon 10 "section 2: 0 tasks in $empty" '0 desired, 0 running' colour_empty "$empty"
expect_soon 5 'section 2: no process of the bad version' none nothing_runs bad-1
more_requests 20
stop_requests
expect_no_errors 'issue 2: an update that crashes' 50
expect_requests 'issue 2: every request was answered by the old version' 'r.every((x) => x.version === "3.1")' 'only 3.1'

make_app v3.2 3.2
cli update v3.2 --tag 3.2
expect_exit 0 'section 7: a good update works after it'
expect_status 'section 7: and takes production' 'o.state === "primary+old" && o.primary.version === "3.2" && o.old.version === "3.1"'

finish
