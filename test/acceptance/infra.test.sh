#!/usr/bin/env bash
# `build-infra` a second time has nothing to do and says so; `destroy-infra` asks for consent, and leaves nothing behind,
# whatever was running (section 2). AWS is asked directly, service by service.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
ready 3.1 3.2
remember_status
cli build-infra
expect_exit 0 'section 2: build-infra a second time'
says 'nothing to' 'section 2: says that there is nothing to do'
expect_lines_in_order 'section 2: and prints the endpoints' 'Public endpoint:' "http://127\.0\.0\.1:$PORT_PUBLIC/?"
same_status 'section 2: and changes nothing'

# A change of a setting is an update of what is there, under a running service, which does not notice.
must rollout --tag 3.1
start_requests
echo 'DEREGISTRATION_DELAY=12' >>"$PROJECT/.env"
sed -i '/^DEREGISTRATION_DELAY=10$/d' "$PROJECT/.env"
cli build-infra
expect_exit 0 'section 2: build-infra updates what is there'
more_requests 20
stop_requests
expect_no_errors 'section 7: build-infra under a running service' 20
expect_status 'section 2: and keeps what runs' 'o.state === "primary" && o.primary.version === "3.1" && o.primary.weight === 100'

must rollout --tag 3.2
must route --canary 30
unchanged 2 'section 2: destroy-infra without --yes, not on a terminal' destroy-infra
expect_stderr 'destroy-infra.*--yes|--yes.*destroy-infra' 'section 2: names the command to type'

cli destroy-infra --yes
expect_exit 0 'section 2: destroy-infra --yes, with a primary and a canary running'
expect_soon 5 'section 2: no task of the primary is left' none nothing_runs 3.1
expect_soon 5 'section 2: no task of the canary is left' none nothing_runs 3.2
expect_soon 5 'section 2: nobody listens any more' "port $PORT_PUBLIC closed" port_closed "$PORT_PUBLIC"

gone() { # TEXT REGEX COMMAND…: the answer to COMMAND does not name what was ours
  local text=$1 regex=$2 answer
  shift 2
  answer=$("$@" | tr -d '\n')
  if [[ -z $answer ]]; then
    not_ok "section 2: $text" 'an answer' none
  else
    check "section 2: $text" "nothing like /$regex/" "$(grep -Eo ".{0,100}($regex).{0,60}" <<<"$answer" | head -n 1)" \
      test -z "$(grep -Eo "$regex" <<<"$answer")"
  fi
}
gone 'no load balancer is left' ':loadbalancer/' api_query elasticloadbalancing DescribeLoadBalancers 2015-12-01
gone 'no target group is left' ':targetgroup/' api_query elasticloadbalancing DescribeTargetGroups 2015-12-01
gone 'no repository is left' 'harbour/quay' api_json ecr $ECR.DescribeRepositories '{}'
gone 'no parameter is left' 'harbour' api_json ssm AmazonSSM.DescribeParameters '{}'
gone 'no active cluster is left' ':cluster/' api_json ecs $ECS.ListClusters '{}'
# A deleted stack may still be listed, as AWS does for a while; then it says so.
api_query cloudformation DescribeStacks 2010-05-15 | tr -d '\n' >"$WORK/stacks"
left=$(grep -o '<StackStatus>[^<]*' "$WORK/stacks" | grep -v DELETE_COMPLETE)
check 'section 2: no stack is left' 'none but DELETE_COMPLETE' "$left" test -z "$left" -a -s "$WORK/stacks"

cli build-infra
expect_exit 0 'section 2: and it can be built again'
expect_status 'section 2: empty' 'o.state === "nothing"'

finish
