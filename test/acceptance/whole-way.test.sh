#!/usr/bin/env bash
# The way of a newcomer, command by command, with A's request loop beside it; then `update`, which is all of it in one.
# Every request has to be answered, and the versions have to come in order: old, both, new (section 7, A:106-160).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

MODIFIED='Modified [1-9][0-9]* listener rules?'

start_sandbox
new_project harbour
for version in 3.1 3.2 3.3 3.4; do make_app "v$version" "$version"; done

cli build-infra
expect_exit 0 'section 2: build-infra'
expect_lines_in_order 'section 3: build-infra prints the public endpoint' 'Public endpoint:' "http://127\.0\.0\.1:$PORT_PUBLIC/?"
says_not 'Bastion endpoint:' 'section 3: no bastion endpoint where there is no bastion'
expect_stderr "$ACCOUNT.*|.*$REGION" 'section 2: a writing command first says account and region, on stderr'
take_endpoint

cli push v3.1 --tag 3.1
expect_exit 0 'section 2: push'
check 'section 2: push prints the digest' 'sha256:… on stdout' "$(head -c 200 "$OUT")" grep -Eq 'sha256:[0-9a-f]{64}' "$OUT"

cli rollout
expect_exit 0 'section 2: rollout takes the version pushed last'
expect_lines_in_order 'section 3: the lines of a rollout' 'Waiting for ECS Service to be in RUNNING state\.\.\.' \
  'Tasks are starting \(0/2\)\.\.\.' 'Tasks started'
for word in "$ACCOUNT" "$REGION" quay "127\.0\.0\.1:$API_PORT"; do
  expect_stderr "$word" "section 2: a writing command says account, region, service and endpoint ($word)"
done
check 'section 3: plain lines, one per change' 'no line twice in a row' "$(uniq -d "$OUT" | head -n 1)" test -z "$(uniq -d "$OUT")"
expect_status 'section 2: the first version owns production at once' \
  'o.schemaVersion === 1 && o.project === "harbour" && o.service === "quay" && o.state === "primary" && o.primary.version === "3.1"
   && o.primary.weight === 100 && o.primary.running === 2 && o.primary.healthy === 2 && o.canary === null && o.old === null'
expect_soon 5 'section 7: the first version answers at the public endpoint' 'Version 3.1' answers 3.1

cli status
expect_exit 0 'section 2: status'
says '3\.1' 'section 2: status names the version'

start_requests
cli push v3.2 --tag 3.2
expect_exit 0 'section 2: push of the second version'
cli rollout --tag 3.2
expect_exit 0 'section 2: rollout of a canary'
expect_lines_in_order 'section 3: the lines of a rollout beside a primary' 'Waiting for ECS Service to be in RUNNING state\.\.\.' 'Tasks started'
expect_status 'section 2: the canary runs in the other colour, at weight 0' \
  'o.state === "primary+canary" && o.canary.version === "3.2" && o.canary.weight === 0 && o.canary.healthy === 2
   && o.primary.weight === 100 && o.canary.colour !== o.primary.colour && o.next.length > 0'
more_requests 30

now ROUTED
cli route --canary 50
expect_exit 0 'section 2: route --canary 50'
expect_lines_in_order 'section 3: the lines of a route' 'Updating traffic route' 'Routing 50% of traffic to the new service' "$MODIFIED"
rules=$(read_status && in_status 'o.rules.length')
expect_line "Modified $rules listener rules?" "section 3: all $rules rules of the pair were written"
now BOTH
expect_soon 10 'section 7: the loop sees the new version' 'Version 3.2' seen_since 3.2 "$BOTH"
expect_soon 10 'section 7: the loop still sees the old one' 'Version 3.1' seen_since 3.1 "$BOTH"
more_requests 30

cli promote
now PROMOTED
expect_exit 0 'section 2: promote'
expect_lines_in_order 'section 3: the lines of a promotion' 'Updating traffic route' 'Routing 100% of traffic to the new service' \
  "$MODIFIED" 'The Quay 3\.1 can now be safely destroyed\.'
expect_status 'section 1: the canary became the primary where it stands, the old one keeps running' \
  'o.state === "primary+old" && o.primary.version === "3.2" && o.primary.weight === 100 && o.old.version === "3.1"
   && o.old.weight === 0 && o.old.running === 2 && o.old.rolledBack === false'
more_requests 30

cli destroy-old --yes
expect_exit 0 'section 2: destroy-old'
expect_status 'section 2: only the new version is left' 'o.state === "primary" && o.primary.version === "3.2" && o.old === null'
expect_soon 5 'section 2: no process of the old version is left' 'none' nothing_runs 3.1
more_requests 30
now END
stop_requests
expect_no_errors 'section 7: command by command' 200
expect_order 'section 7: versions in order' 3.1 3.2 3.2
expect_only 'section 2: until the route command only the old version' 3.1 0 "$ROUTED"
expect_only 'section 2: from the end of promote only the new version' 3.2 "$PROMOTED" "$END"

start_requests
cli update v3.3 --tag 3.3
now UPDATED
more_requests 30
now END
stop_requests
expect_exit 0 'section 2: update'
expect_lines_in_order "section 3: the lines of an update, in A's order" 'Waiting for ECS Service to be in RUNNING state\.\.\.' \
  'Tasks are starting \(0/2\)\.\.\.' 'Tasks started' 'Updating traffic route' 'Routing 50% of traffic to the new service' \
  'Routing 100% of traffic to the new service' "$MODIFIED" 'The Quay 3\.2 can now be safely destroyed\.'
check 'section 3: plain lines, one per change' 'no line twice in a row' "$(uniq -d "$OUT" | head -n 1)" test -z "$(uniq -d "$OUT")"
expect_no_errors 'section 7: update' 100
expect_order 'section 7: versions in order' 3.2 3.3 3.3
expect_only 'section 7: after update only the new version' 3.3 "$UPDATED" "$END"

cli update v3.4 --tag 3.4 --steps 25,100 --hold 1s --destroy-old
expect_exit 0 'section 2: update --steps 25,100 --hold 1s --destroy-old, without a question'
expect_lines_in_order 'section 2: the steps asked for' 'Routing 25% of traffic to the new service' 'Routing 100% of traffic to the new service'
says_not 'Routing 50%' 'section 2: and no others'
expect_status 'section 2: --destroy-old for the end as well' 'o.state === "primary" && o.primary.version === "3.4"'
expect_soon 5 'section 2: no process of 3.3 is left' none nothing_runs 3.3

finish
