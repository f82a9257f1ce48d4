#!/usr/bin/env bash
# destroy-infra shows what it will do and needs consent, in order: weights, tasks, services, rules, stacks; interrupted by
# Ctrl-C or killed, it continues; foreign things are not touched, nothing of ours is left (issue 5.4).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"

take_seed "$@"
SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
new_project harbour DESIRED_COUNT=1
set_setting SETTLE 0.2s
for version in 4.1 4.2; do make_ferry "v$version" "$version"; done

alive() { # a primary and a canary, half and half
  must build-infra
  take_endpoint
  must update v4.1 --tag 4.1
  must push v4.2 --tag 4.2
  must rollout --tag 4.2
  must route --canary 50
}

# What is somebody else's, asked in one go, so that it can be compared.
foreign() {
  cfn DescribeStacks StackName=ferry | grep -o '<StackStatus>[^<]*'
  api_json ecr "$ECR.DescribeRepositories" '{}' | tr -d ' \n' | grep -o '"repositoryName":"ferry/[a-z]*"'
  api_json ecs "$ECS.DescribeClusters" '{"clusters":["ferry"]}' | tr -d ' \n' | grep -o '"status":"[A-Z]*"'
  api_json ssm AmazonSSM.GetParameter '{"Name":"/ferry/timetable"}' | tr -d ' \n' | grep -o '"Value":"[a-z]*"'
  elb 'const g = (await all("DescribeTargetGroups", {}, "TargetGroups")).filter((x) => x.TargetGroupName === "ferry");
    const b = (await all("DescribeLoadBalancers", {}, "LoadBalancers")).filter((x) => x.LoadBalancerName === "ferry");
    return `${g.length} ${b.length} ${b.length && (await all("DescribeListeners", { LoadBalancerArn: b[0].LoadBalancerArn }, "Listeners")).length}`'
}
own_balancer ferry
own_group ferry
elb_must 'a listener of somebody else' 'await call("CreateListener", { LoadBalancerArn: args[0], Port: args[1], Protocol: "HTTP",
  DefaultActions: [{ Type: "forward", TargetGroupArn: args[2] }] })' "$BALANCER" "$(free_ports 1)" "$GROUP"
cfn CreateStack StackName=ferry 'TemplateBody={"Resources":{"Log":{"Type":"AWS::Logs::LogGroup"}}}' >/dev/null
api_json ecr "$ECR.CreateRepository" '{"repositoryName":"ferry/quay"}' >/dev/null
api_json ecs "$ECS.CreateCluster" '{"clusterName":"ferry"}' >/dev/null
api_json ssm AmazonSSM.PutParameter '{"Name":"/ferry/timetable","Type":"String","Value":"hourly"}' >/dev/null
wait_until 10 stack_is ferry CREATE_COMPLETE
FOREIGN=$(foreign)
check 'preparing: things of somebody else' 'six lines or so' "$FOREIGN" test "$(grep -c . <<<"$FOREIGN")" -eq 5
foreign_untouched() { # TEXT
  local seen
  seen=$(foreign)
  check "issue 5.4: $1: foreign things are untouched" "${FOREIGN//$'\n'/, }" "${seen//$'\n'/, }" test "$seen" = "$FOREIGN"
}

nothing_left() { # TEXT
  local answer text="issue 5.4: $1"
  check "$text: no stack is left" 'ferry alone' "$(stacks | tr '\n' ';')" test "$(stacks)" = 'ferry CREATE_COMPLETE'
  expect_soon 5 "$text: no task is left" none nothing_runs 4.1
  expect_soon 5 "$text: no task is left" none nothing_runs 4.2
  answer=$(api_json ecs "$ECS.ListClusters" '{}' | tr -d ' \n')
  check "$text: no cluster is left" 'ferry alone' "$answer" grep -q '"clusterArns":\["[^"]*/ferry"\]' <<<"$answer"
  answer=$(api_json ecr "$ECR.DescribeRepositories" '{}' | tr -d ' \n')
  check "$text: no repository is left" 'ferry/quay alone' "$answer" test "$(grep -o '"repositoryName":"[^"]*"' <<<"$answer")" = '"repositoryName":"ferry/quay"'
  answer=$(api_json ssm AmazonSSM.DescribeParameters '{}' | tr -d ' \n')
  check "$text: no log entry is left" '/ferry/timetable alone' "$answer" test "$(grep -o '"Name":"[^"]*"' <<<"$answer")" = '"Name":"/ferry/timetable"'
  answer=$(elb 'return (await all("DescribeTargetGroups", {}, "TargetGroups")).map((g) => g.TargetGroupName).join(" ") + "; " +
    (await all("DescribeLoadBalancers", {}, "LoadBalancers")).map((g) => g.LoadBalancerName).join(" ")')
  check "$text: no target group and no load balancer is left" 'ferry; ferry' "$answer" test "$answer" = 'ferry; ferry'
  answer=$(api_json logs Logs_20140328.DescribeLogGroups '{}' | tr -d ' \n' | grep -o '"logGroupName":"[^"]*"' | grep -v ferry)
  check "$text: no log group is left" none "$answer" test -z "$answer"
  foreign_untouched "$1"
}

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

# Killed, and interrupted; the .env is all that the next one needs.
alive
count=$((8 + RANDOM % 25))
kill_after_calls "$count" destroy-infra --yes
[[ $KILLED != yes ]] || elsewhere
cli destroy-infra --yes
expect_exit 0 "issue 5.4: killed after $count calls, and once more"
nothing_left "killed after $count calls, and once more"

alive
count=$((8 + RANDOM % 25))
cli_in_background destroy-infra --yes
wait_for_calls "$count" 60
kill -INT "$CLI_PID" 2>/dev/null
wait_for_cli 60
expect_exit '130|0' "section 5: destroy-infra, Ctrl-C after $count calls"
[[ $RC -ne 130 ]] || says 'destroy-infra' 'section 5: it says how to go on'
cli destroy-infra --yes
expect_exit 0 "issue 5.4: interrupted after $count calls, and once more"
nothing_left "interrupted after $count calls, and once more"

finish
