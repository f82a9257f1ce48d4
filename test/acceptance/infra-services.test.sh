#!/usr/bin/env bash
# Several services share one load balancer by path and by host, each with settings of its own; a service that is added
# later disturbs no release that runs; two that one request could be meant for are exit 2 (issue 5.3, 5.5).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
new_project harbour SERVICES=quay,tug EXPOSE=public TUG_PATH_PATTERN='/tug/*' TUG_CONTAINER_PORT=9191 TUG_DESIRED_COUNT=1 \
  TUG_HEALTH_CHECK_INTERVAL=6 TUG_CPU=512 TUG_MEMORY=1024 DESIRED_COUNT=1
set_setting SETTLE 0.2s

says_version() { [[ $(web "$ENDPOINT$1" "${@:3}" 2>/dev/null) == *"(Version $2,"* ]]; } # PATH VERSION [CURL OPTION…]

cli build-infra
expect_exit 0 'issue 5.5: build-infra of two services'
take_endpoint
check 'issue 5.5: a base, and a part for each service' 'harbour, harbour-quay, harbour-tug' "$(stacks | tr '\n' ';')" \
  test "$(stacks | awk '{ print $1 }' | tr '\n' ' ')" = 'harbour harbour-quay harbour-tug '
expect_resources harbour AWS::ElasticLoadBalancingV2::LoadBalancer 1 'issue 5.5: one load balancer for both'
check 'issue 5.3: a rule for each' 'two, one for /* and one for /tug/*' "$(rule_lines | tr '\n' ';')" \
  test "$(rule_lines | awk '{ print $2 }' | tr '\n' ' ')" = 'path-pattern=/* path-pattern=/tug/* '
for name in q1 q2 t1 k1; do make_app "v$name" "$name"; done
for name in q1 q2; do must push "v$name" --tag "$name"; done
must rollout --tag q1
must push vt1 --tag t1 --service tug
must rollout --tag t1 --service tug
expect_soon 10 'issue 5.5: a path of its own' 'tug answers /tug/boat' says_version /tug/boat t1
expect_soon 10 'issue 5.5: the rest is of the first service' 'quay answers /' says_version /boat q1
seen=$(elb 'return (await all("DescribeTargetGroups", {}, "TargetGroups")).map((g) => g.HealthCheckIntervalSeconds).sort().join(" ")')
check 'issue 5.5: each has settings of its own: health checks' '5 5 6 6' "$seen" test "$seen" = '5 5 6 6'
cli status --service tug --json
definition=$(json "$OUT" 'o.primary.taskDefinition')
api_json ecs "$ECS.DescribeTaskDefinition" "{\"taskDefinition\":\"$definition\"}" >"$WORK/definition.json"
seen=$(json "$WORK/definition.json" '[o.taskDefinition.cpu, o.taskDefinition.memory, o.taskDefinition.containerDefinitions[0].portMappings[0].containerPort].join(" ")')
check 'issue 5.5: each has settings of its own: size and port' '512 1024 9191' "$seen" test "$seen" = '512 1024 9191'
again 'issue 5.5: with two services'

# A third one by host, while the first is in the middle of a release.
must rollout --tag q2
must route --canary 50
start_requests /boat
remember_rules
setting SERVICES quay,tug,kiosk
setting KIOSK_HOST_HEADER kiosk.example
cli build-infra
expect_exit 0 'issue 5.5: a service is added while another is released'
check 'issue 5.3: the rules of the others are as they were' "$RULES" "$(rule_lines)" \
  test "$(rule_lines | grep -v host-header)" = "$RULES"
check 'issue 5.3: the new rule is by host' 'host-header=kiosk.example' "$(rule_lines | tr '\n' ';')" \
  grep -q 'host-header=kiosk.example' <<<"$(rule_lines)"
must push vk1 --tag k1 --service kiosk
must rollout --tag k1 --service kiosk
expect_soon 10 'issue 5.5: a host of its own' 'kiosk answers kiosk.example' says_version / k1 -H 'Host: kiosk.example'
expect_soon 10 'issue 5.5: its host only' 'tug answers /tug/boat' says_version /tug/boat t1
must promote
more_requests 5
stop_requests
expect_no_errors 'issue 5.5: the release of the first one' 20
expect_soon 10 'issue 5.5: the others are where they were' 'kiosk answers kiosk.example' says_version /boat k1 -H 'Host: kiosk.example'

# One condition twice.
cp "$PROJECT/.env" "$WORK/good.env"
remember_rules
setting KIOSK_HOST_HEADER ''
log_mark mark
cli build-infra
expect_exit 2 'issue 5.3: two services with the same condition'
says 'quay' 'issue 5.3: both are named: quay'
says 'kiosk' 'issue 5.3: both are named: kiosk'
expect_no_writes "$mark" 'issue 5.3: two services with the same condition'
same_rules 'issue 5.3: two services with the same condition: the rules are as they were'
cp "$WORK/good.env" "$PROJECT/.env"

# Without EXPOSE the first service is public, the others are internal.
new_project basin SERVICES=one,two SERVICE_NAME=one
cli build-infra
expect_exit 0 'section 2: of several services the first is public, the others are internal'
expect_resources basin AWS::ElasticLoadBalancingV2::LoadBalancer 2 'issue 5.1: an internet-facing load balancer and an internal one'
expect_lines_in_order 'section 3: both endpoints are printed' 'Public endpoint:' "http://.*:$PORT_PUBLIC/?" 'Internal endpoint:' "http://.*:$PORT_INTERNAL/?"

PROJECT=$WORK/harbour
cli destroy-infra --yes
expect_exit 0 'issue 5.4: destroy-infra of several services'
check 'issue 5.4: it removes all of them, and nothing of another project' 'only basin' "$(stacks | tr '\n' ';')" \
  test "$(stacks | awk '{ print $1 }' | tr '\n' ' ')" = 'basin basin-one basin-two '

finish
