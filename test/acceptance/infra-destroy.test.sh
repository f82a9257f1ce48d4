#!/usr/bin/env bash
# destroy-infra shows what it will do and needs consent, in order: tasks, services, rules, stacks; foreign things are not
# touched, nothing of ours is left; a service of somebody else's in our cluster stops it (issue 5.4).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
new_project harbour DESIRED_COUNT=1
set_setting SETTLE 0.2s
for version in 4.1 4.2; do make_ferry "v$version" "$version"; done
make_foreign

# Shown, and consent.
alive
remember_rules
remember_status
for ask in '--dry-run' ''; do
  text="destroy-infra ${ask:-without --yes}"
  log_mark mark
  # shellcheck disable=SC2086 # none or one word
  cli destroy-infra $ask
  [[ -n $ask ]] && expect_exit 0 "issue 5.4: $text"
  [[ -n $ask ]] || expect_exit 2 "issue 5.4: $text"
  for what in 'stack harbour-quay' 'harbour/quay' 'quay-blue' 'quay-green' 'rule'; do
    says "$what" "issue 5.4: $text shows what it will do: $what"
  done
  expect_no_writes "$mark" "issue 5.4: $text"
done
expect_stderr 'destroy-infra.*--yes|--yes.*destroy-infra' 'section 2: the command to type'
same_rules 'issue 5.4: until there is consent, nothing is changed'
same_status 'issue 5.4: until there is consent, all runs'

# On a terminal it asks, and no is no.
if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
  log_mark mark
  prepare_call 'ecs-canary destroy-infra (on a terminal, answered with no)'
  # shellcheck disable=SC2016 # for the shell in script
  answer_no() { (cd "$PROJECT" && printf 'no\n' | exec env -u CI NO_COLOR=1 TERM=dumb CLI="$CLI" timeout 30 script -qec 'node "$CLI" destroy-infra' /dev/null >"$WORK/screen" 2>&1); }
  answer_no
  RC=$?
  check 'section 2: on a terminal it asks' 'a question' "$(tail -c 200 "$WORK/screen" | cat -v)" grep -q '?' "$WORK/screen"
  check 'section 2: answered with no it is not done' 'not 0' "$RC" test "$RC" -ne 0 -a "$RC" -ne 124
  expect_no_writes "$mark" 'section 2: answered with no'
else
  echo 'skipped: no script(1) (the question on a terminal)'
fi

# In order.
log_mark mark
cli destroy-infra --yes
expect_exit 0 'issue 5.4: destroy-infra --yes'
log_since "$mark" 'c.write && c.status === 200' | awk '{ print $2 }' >"$WORK/order"
in_order() { # FIRST LATER: no LATER before the last FIRST
  local first later
  first=$(grep -nx "$1" "$WORK/order" | tail -n 1)
  later=$(grep -nx "$2" "$WORK/order" | head -n 1)
  check "issue 5.4: the order: $1 before $2" "both, in this order" "$(tr '\n' ' ' <"$WORK/order")" \
    test "${first%%:*}" -lt "${later%%:*}"
}
in_order UpdateService DeleteService 2>/dev/null
in_order DeleteService DeleteRule 2>/dev/null
in_order DeleteRule DeleteStack 2>/dev/null
nothing_left 'destroy-infra --yes'
cli destroy-infra --yes
expect_exit 0 'issue 5.4: once more'
says "$NOTHING_TO_DO|there is no" 'issue 5.4: once more: says that there is nothing to do'

# Somebody runs a service of their own in our cluster: it is not ours to end.
alive
seen=$(api_json ecr "$ECR.DescribeRepositories" '{}' | tr -d ' \n' | grep -o '"repositoryUri":"[^"]*harbour/quay"' | cut -d'"' -f4)
IMAGE=$seen:4.1
own_service tug "$GROUP" 1
await_healthy "$GROUP" 1
cli destroy-infra --yes
expect_exit 1 'issue 5.4: a service of somebody else in our cluster'
says '\btug\b|ClusterContainsServices' 'issue 5.4: it says so'
seen=$(api_json ecs "$ECS.DescribeServices" '{"cluster":"harbour","services":["tug"]}' | tr -d ' \n')
check 'issue 5.4: that service still runs' 'ACTIVE, 1 task' "$(head -c 300 <<<"$seen")" grep -q '"desiredCount":1' <<<"$seen"
check 'issue 5.4: and is healthy' 1 "$(healthy "$GROUP")" healthy_is "$GROUP" 1
api_json ecs "$ECS.DeleteService" '{"cluster":"harbour","service":"tug","force":true}' >/dev/null
no_tug() { [[ $(api_json ecs "$ECS.ListTasks" '{"cluster":"harbour","serviceName":"tug"}' | tr -d ' \n') == '{"taskArns":[]}' ]]; }
wait_until 20 no_tug
cli destroy-infra --yes
expect_exit 0 'issue 5.4: once it is gone'
nothing_left 'once a service of somebody else is gone'

finish
