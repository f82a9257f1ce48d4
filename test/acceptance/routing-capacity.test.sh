#!/usr/bin/env bash
# A small canary that grows with its weight (issue 3, 5): `rollout --tasks`, `route` scales up first and moves weight then,
# 100 % needs the full count, --no-scale refuses, --scale-down shrinks after the weight. With a request loop beside it.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at AWS's time
start_sandbox
new_project harbour DESIRED_COUNT=4
must build-infra
take_endpoint
for version in 3.1 3.2 3.3; do
  make_app "v$version" "$version"
  must push "v$version" --tag "$version"
done
must rollout --tag 3.1
expect_soon 10 'preparing: 3.1 answers' 'Version 3.1' answers 3.1
start_requests

cli rollout --tag 3.2 --tasks 1
expect_exit 0 'issue 3: rollout --tasks 1'
expect_status 'issue 3: rollout --tasks 1: a canary of one task' \
  'o.canary.version === "3.2" && o.canary.desired === 1 && o.canary.healthy === 1 && o.canary.weight === 0 && o.primary.desired === 4'
take_pair

calls_in_order() { # TEXT MARK FIRST SECOND: the successful writes since MARK are one or more FIRST, then one or more SECOND
  local seen
  seen=$(log_since "$2" 'c.write && c.status === 200 && /^(UpdateService|ModifyRule|ModifyListener)$/.test(c.operation)' |
    awk '{ print $2 }' | sed 's/Modify.*/Modify/' | uniq | tr '\n' ' ')
  check "$1" "$3, then $4" "$seen" test "$seen" = "$3 $4 "
}

log_mark MARK
cli route --canary 50 --no-scale
expect_exit 1 'issue 3: route --no-scale beyond what one task carries'
says '\b1\b' 'issue 3: --no-scale: says what there is'
says '\b2\b' 'issue 3: --no-scale: says what it needs'
expect_no_writes_but_log() { # TEXT: since MARK
  local seen
  seen=$(log_since "$MARK" 'c.write && c.service !== "ssm"')
  check "$1: nothing changed" 'no write call' "${seen//$'\n'/, }" test -z "$seen"
}
expect_no_writes_but_log 'issue 3: --no-scale'

log_mark MARK
cli route --canary 25
expect_exit 0 'section 4.7: 25 % of 4 tasks is what one task carries'
check 'section 4.7: and starts none' 'no UpdateService' "$(log_since "$MARK" 'c.operation === "UpdateService"')" \
  test -z "$(log_since "$MARK" 'c.operation === "UpdateService"')"
expect_status 'section 4.7: still one task' 'o.canary.desired === 1 && o.canary.weight === 25'

log_mark MARK
cli route --canary 50
expect_exit 0 'issue 3: route --canary 50 grows the canary'
expect_status 'issue 3: to its share of the primary'\''s tasks' 'o.canary.desired === 2 && o.canary.healthy === 2 && o.canary.weight === 50'
calls_in_order 'section 4.8: tasks first, then weight' "$MARK" UpdateService Modify

log_mark MARK
cli promote --no-scale
expect_exit '1|4' 'issue 3: promote --no-scale: 100 % needs the full count'
expect_no_writes_but_log 'issue 3: promote --no-scale'

log_mark MARK
cli route --canary 25
expect_exit 0 'issue 3: less weight'
expect_status 'issue 3: never down without --scale-down' 'o.canary.desired === 2 && o.canary.weight === 25'
log_mark MARK
cli route --canary 20 --scale-down
expect_exit 0 'issue 3: --scale-down'
expect_status 'issue 3: --scale-down: one task is enough for 20 %' 'o.canary.desired === 1 && o.canary.weight === 20'
calls_in_order 'issue 3: weight first, then tasks' "$MARK" Modify UpdateService

log_mark MARK
cli promote
expect_exit 0 'issue 3: promote from a small canary'
expect_status 'issue 3: promote: to the full count' \
  'o.state === "primary+old" && o.primary.version === "3.2" && o.primary.desired === 4 && o.primary.healthy === 4 && o.primary.weight === 100'
calls_in_order 'section 4.8: promote: tasks first, then weight' "$MARK" UpdateService Modify

cli rollout --tag 3.3 --tasks 10%
expect_exit 0 'issue 3: rollout --tasks 10%'
expect_status 'issue 3: 10 % of 4 is at least one task' 'o.canary.version === "3.3" && o.canary.desired === 1'
must rollback
stop_requests
expect_no_errors 'section 7: through all of it' 100

cli update v3.3 --tag 3.3 --tasks 50% --steps 60,100
expect_exit 0 'issue 3: update --tasks'
expect_status 'issue 3: update --tasks ends at the full count' 'o.primary.version === "3.3" && o.primary.desired === 4 && o.primary.healthy === 4'

finish
