#!/usr/bin/env bash
# A version that runs but never answers its health check: `update` ends 1 in bounded time and says why, every request is
# answered by the old version, and the colour is empty again (issue 2; section 7).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
LIMIT=75 # "bounded": the grace period is 1 s here, and AWS's own patience 1/20 of what it is

ready 3.1
must rollout --tag 3.1
make_app mute mute-1 mute

start_requests
cli update mute --tag mute-1
expect_exit 1 "issue 2: an update that is never healthy ends 1, in less than $LIMIT s"
says 'health' 'issue 2: and says why'
says 'Quay mute-1 opens' 'issue 2: with the last lines of the log'
says_not 'Routing [0-9]+%' 'section 7: it never had weight'
expect_status 'section 2: the primary is what it was, and alone' \
  'o.state === "primary" && o.primary.version === "3.1" && o.primary.weight === 100 && o.primary.healthy === 2 && !o.canary && !o.old'
expect_soon 10 'section 2: 0 tasks: no process of the bad version' none nothing_runs mute-1
more_requests 20
stop_requests
expect_no_errors 'issue 2: an update that is never healthy' 50
expect_requests 'issue 2: every request was answered by the old version' 'r.every((x) => x.version === "3.1")' 'only 3.1'

make_app v3.2 3.2
cli update v3.2 --tag 3.2
expect_exit 0 'section 7: a good update works after it'
expect_status 'section 7: and takes production' 'o.state === "primary+old" && o.primary.version === "3.2" && o.old.version === "3.1"'

finish
