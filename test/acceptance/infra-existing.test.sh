#!/usr/bin/env bash
# Into what exists: VPC, subnets, security groups, cluster, listener and target groups of somebody else's are used instead
# of what the stacks would give (issue 5.1); destroy-infra leaves them as they were (issue 5.4).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
own_balancer pier
own_group pier-blue
blue=$GROUP
own_group pier-green
green=$GROUP
own_group pier-other
port=$(free_ports 1)
elb_must 'a listener with a rule of its owner' '
  const { ListenerArn } = (await call("CreateListener", { LoadBalancerArn: args[0], Port: args[1], Protocol: "HTTP",
    DefaultActions: [{ Type: "fixed-response", FixedResponseConfig: { StatusCode: "404" } }] })).Listeners[0];
  await call("CreateRule", { ListenerArn, Priority: 7, Conditions: [{ Field: "path-pattern", Values: ["/pier/*"] }],
    Actions: [{ Type: "forward", TargetGroupArn: args[2] }] });
  return ListenerArn' "$BALANCER" "$port" "$GROUP"
listener=$ELB
answer=$(api_json ecs "$ECS.CreateCluster" '{"clusterName":"pier"}')
[[ $answer == *'"clusterArn"'* ]] || give_up 'preparing: a cluster' 'AWS takes it' "$(head -c 300 <<<"$answer")"
SUBNETS=subnet-0aaaaaaaaaaaaaaa1,subnet-0aaaaaaaaaaaaaaa2

owners() { # what the owner of the listener had before
  elb 'const { rules, listeners } = await everything();
    const l = listeners[args[0]];
    return JSON.stringify([l.DefaultActions, Object.values(rules).filter((r) => r.Listener === args[0] && JSON.stringify(r.Actions).includes("pier-other")),
      (await all("DescribeTargetGroups", {}, "TargetGroups")).filter((g) => g.TargetGroupName.startsWith("pier")).map((g) => [g.TargetGroupName, g.HealthCheckPath, g.HealthCheckIntervalSeconds])])' "$listener"
}
OWNERS=$(owners)
owners_untouched() { # TEXT
  local seen
  seen=$(owners)
  check "issue 5: $1: what the owner has is as it was" "$OWNERS" "$seen" test "$seen" = "$OWNERS"
  check "issue 5: $1: the cluster is there" ACTIVE "$(api_json ecs "$ECS.DescribeClusters" '{"clusters":["pier"]}' | tr -d ' \n' | head -c 300)" \
    grep -q '"status":"ACTIVE"' <<<"$(api_json ecs "$ECS.DescribeClusters" '{"clusters":["pier"]}' | tr -d ' \n')"
}

new_project harbour DESIRED_COUNT=1 "VPC_ID=$VPC" "SUBNET_IDS=$SUBNETS" SECURITY_GROUP_IDS=sg-0aaaaaaaaaaaaaaa1 CLUSTER=pier \
  "LISTENER_ARNS=$listener" "BLUE_TARGET_GROUP_ARN=$blue" "GREEN_TARGET_GROUP_ARN=$green"
set_setting SETTLE 0.2s
cli build-infra --dry-run
expect_exit 0 'issue 5.1: everything exists: --dry-run'
cli build-infra
expect_exit 0 'issue 5.1: everything exists: build-infra'
ENDPOINT=http://127.0.0.1:$port
for type in EC2::VPC EC2::Subnet EC2::InternetGateway ElasticLoadBalancingV2::LoadBalancer ElasticLoadBalancingV2::Listener ECS::Cluster; do
  [[ $(stack_status harbour) == none ]] || expect_resources harbour "AWS::$type" 0 "issue 5.1: everything exists: no $type of ours"
done
expect_resources harbour-quay AWS::ElasticLoadBalancingV2::TargetGroup 0 'issue 5.1: everything exists: no target groups of ours'
expect_resources harbour-quay AWS::ECR::Repository 1 'issue 5.1: everything exists: but a repository'
check 'issue 5.3: the rule is in the listener that exists, at 100/0, with the groups that exist' "HTTP:$port … pier-blue=100,pier-green=0" "$(rule_lines)" \
  grep -qx "HTTP:$port path-pattern=/\* pier-blue=100,pier-green=0" <<<"$(rule_lines)"
again 'issue 5.1: everything exists'
owners_untouched 'everything exists, built'

for version in 4.1 4.2; do make_ferry "v$version" "$version"; done
cli update v4.1 --tag 4.1
expect_exit 0 'issue 5.1: everything exists: a first version'
cli update v4.2 --tag 4.2
expect_exit 0 'issue 5.1: everything exists: an update'
expect_all_from 4.2 'issue 5.1: everything exists'
api_json ecs "$ECS.DescribeServices" '{"cluster":"pier","services":["quay-blue","quay-green"]}' >"$WORK/services.json"
seen=$(json "$WORK/services.json" '[...new Set(o.services.map((s) => JSON.stringify([s.networkConfiguration.awsvpcConfiguration.subnets.slice().sort(), s.networkConfiguration.awsvpcConfiguration.securityGroups])))].join(" and ")')
check 'issue 5.1: the services are in the cluster, the subnets and the security groups that exist' "$SUBNETS, sg-0aaaaaaaaaaaaaaa1" "$seen" \
  test "$seen" = '[["subnet-0aaaaaaaaaaaaaaa1","subnet-0aaaaaaaaaaaaaaa2"],["sg-0aaaaaaaaaaaaaaa1"]]'
again 'issue 5.1: everything exists, after a promotion'
expect_primary 4.2 'issue 5.3: and no weight moved'

cli destroy-infra --yes
expect_exit 0 'issue 5.4: everything exists: destroy-infra'
check 'issue 5.4: our rule is gone' none "$(rule_lines)" test -z "$(rule_lines)"
check 'issue 5.4: our stacks are gone' none "$(stacks | tr '\n' ';')" no_stacks
expect_soon 5 'issue 5.4: our tasks are gone' none nothing_runs 4.2
answer=$(api_json ecs "$ECS.ListServices" '{"cluster":"pier"}' | tr -d ' \n')
check 'issue 5.4: our services are gone' none "$answer" test "$answer" = '{"serviceArns":[]}'
owners_untouched 'everything exists, destroyed'

# A VPC that exists, and the rest of ours.
new_project yard "VPC_ID=$VPC" "SUBNET_IDS=$SUBNETS"
cli build-infra
expect_exit 0 'issue 5.1: a VPC that exists'
expect_resources yard AWS::EC2::VPC 0 'issue 5.1: a VPC that exists: none of ours'
expect_resources yard AWS::EC2::Subnet 0 'issue 5.1: a VPC that exists: no subnet of ours'
expect_resources yard AWS::ElasticLoadBalancingV2::LoadBalancer 1 'issue 5.1: a VPC that exists: but a load balancer'
seen=$(elb 'return [...new Set((await all("DescribeTargetGroups", {}, "TargetGroups")).filter((g) => !g.TargetGroupName.startsWith("pier")).map((g) => g.VpcId))].join(" ")')
check 'issue 5.1: a VPC that exists: the target groups are in it' "$VPC" "$seen" test "$seen" = "$VPC"
again 'issue 5.1: a VPC that exists'

# What is named and is not there.
new_project ghost CLUSTER=phantom
cli build-infra
expect_exit '1|2' 'issue 5.1: a cluster that does not exist'
expect_stderr 'phantom|CLUSTER' 'issue 5.1: it is named'
new_project ghosts "LISTENER_ARNS=${listener%/*}/0000000000000000"
cli build-infra
expect_exit '1|2' 'issue 5.1: a listener that does not exist'
expect_stderr 'listener' 'issue 5.1: it is named'

finish
