#!/usr/bin/env bash
# A bad version never takes production (section 7, issue 2): one whose process crashes at start, and one that runs but
# never answers its health check. `update` ends 1 in bounded time and says why, every request is answered by the old
# version, the colour is empty again, and a good version is not in its way.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
LIMIT=60 # "bounded": AWS would take minutes, the sandbox 1/20 of them

colour_empty() { # COLOUR
  api_json ecs $ECS.DescribeServices "{\"cluster\":\"harbour\",\"services\":[\"quay-$1\"]}" >"$WORK/services.json" &&
    [[ $(json "$WORK/services.json" 'o.services.every((s) => s.desiredCount === 0 && s.runningCount === 0)') == true ]]
}

refused() { # TEXT VERSION REASON…: what the update or rollout just made has to say
  local text=$1 version=$2 reason
  shift 2
  expect_exit 1 "$text: ends 1, in less than $LIMIT s"
  expect_stderr . "$text: an error is on stderr"
  for reason; do says "$reason" "$text: says why ($reason)"; done
  says_not 'Routing [0-9]+%' "$text: it never had weight"
  expect_soon 10 "$text: no process of it is left" none nothing_runs "$version"
}

primary_alone() { # TEXT COLOUR-OF-THE-BAD-ONE
  expect_status "$1: the primary is what it was, and alone" \
    'o.state === "primary" && o.primary.version === "3.1" && o.primary.weight === 100 && o.primary.healthy === 2 && !o.canary && !o.old'
  expect_soon 10 "$1: 0 tasks in $2" '0 desired, 0 running' colour_empty "$2"
}

ready 3.1
make_app crash bad-1 crash
make_app mute bad-2 mute

# Already as the first version.
must push crash --tag bad-1
cli rollout --tag bad-1
refused 'section 7, a first version that crashes' bad-1 '\b42\b' 'the harbour wall is missing'
expect_status 'section 2: a rollout that fails leaves its colour empty' 'o.state === "nothing"'
must rollout --tag 3.1
expect_soon 5 'section 7: a good first version is not in its way' 'Version 3.1' answers 3.1
if status_is 'o.primary.colour === "blue"'; then empty=green; else empty=blue; fi

start_requests
cli update crash --tag bad-1
refused 'issue 2, a version that crashes' bad-1 '\b42\b' 'the harbour wall is missing'
primary_alone 'issue 2, a version that crashes' "$empty"

cli update mute --tag bad-2
refused 'issue 2, a version that is never healthy' bad-2 health 'Quay bad-2 opens'
primary_alone 'issue 2, a version that is never healthy' "$empty"
more_requests 20
stop_requests
expect_no_errors 'issue 2: through both' 100
expect_requests 'issue 2: every request was answered by the old version' 'r.every((x) => x.version === "3.1")' 'only 3.1'

make_app v3.2 3.2
cli update v3.2 --tag 3.2
expect_exit 0 'section 7: a good update works after them'
expect_status 'section 7: and takes production' 'o.state === "primary+old" && o.primary.version === "3.2" && o.old.version === "3.1"'

finish
