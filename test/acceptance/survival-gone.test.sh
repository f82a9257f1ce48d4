#!/usr/bin/env bash
# `rollback` with the canary gone while it has weight (issue 4.4): its service scaled to 0, or deleted, by somebody. All
# traffic is back, and the next update finds nothing in its way. And with a primary that was stopped under its own weight.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at AWS's time
start_sandbox
new_project harbour
set_setting SETTLE 0.2s
set_setting HOLD 0.3s
must build-infra
take_endpoint
for version in 4.1 4.2; do
  make_ferry "v$version" "$version"
  must push "v$version" --tag "$version"
done
must rollout --tag 4.1
must rollout --tag 4.2
take_pair
add_rule 471

went_back() { # TEXT
  expect_exit 0 "$1"
  expect_weights 0 "$1: in every rule of the pair"
  expect_primary 4.1 "$1"
  expect_all_from 4.1 "$1"
  expect_status "$1: nobody holds the pair" 'o.holder === null'
}

text='issue 4: the canary was scaled to 0 by hand, at 50 %'
canary_at 50 "$text"
set_desired "$CANARY" 0
expect_soon 20 "preparing: $text" 'no process of 4.2' nothing_runs 4.2
cli status
expect_exit 0 "$text: status shows it"
cli rollback
went_back "$text"
cli rollback
expect_exit '0|1' "$text: a second rollback"
expect_weights 0 "$text: a second rollback does not turn round"

text='issue 4: the primary was scaled to 0 by hand, at 50 %'
canary_at 50 "$text"
set_desired "$PRIMARY" 0
expect_soon 20 "preparing: $text" 'no process of 4.1' nothing_runs 4.1
log_mark MARK
cli rollback
went_back "$text"
seen=$(log_since "$MARK" 'c.write && c.status === 200 && /^(UpdateService|ModifyRule|ModifyListener)$/.test(c.operation)' | awk '{ print $2 }' | sed 's/Modify.*/Modify/' | uniq | tr '\n' ' ')
check "$text: it is brought back first, then gets the weight" 'UpdateService, then Modify' "$seen" grep -q '^UpdateService Modify ' <<<"$seen"

text='issue 4: the service of the canary was deleted by hand, at 50 %'
canary_at 50 "$text"
answer=$(api_json ecs $ECS.DeleteService "{\"cluster\":\"harbour\",\"service\":\"$CANARY\",\"force\":true}")
[[ $answer == *'"serviceArn"'* ]] || give_up "preparing: DeleteService $CANARY" 'AWS takes it' "$(head -c 300 <<<"$answer")"
expect_soon 20 "preparing: $text" 'no process of 4.2' nothing_runs 4.2
cli status
expect_exit 0 "$text: status shows it"
cli rollback
went_back "$text"

start_requests
cli update v4.2 --tag 4.2
expect_exit 0 "$text: the next update finds nothing in its way"
expect_primary 4.2 "$text: the next update"
more_requests 10
stop_requests
expect_no_errors "$text: the next update" 20

finish
