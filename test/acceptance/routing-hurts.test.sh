#!/usr/bin/env bash
# Say what hurts (issue 3, 7), on stderr and in words that name it: groups of unlike port, a canary group that no rule
# names, a rule outside the pair that names the group being emptied, cross-zone off with a zone left without targets,
# another ECS service in one of the pair's groups. And never stop what any rule still gives weight to (section 4.8).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at AWS's time
ready 3.1
must rollout --tag 3.1
push_image 3.2
must rollout --tag 3.2
take_pair
canary=$(in_status o.canary.colour)

cli route --canary 10
expect_exit 0 'nothing hurts'
check 'issue 3: where nothing hurts nothing is said' 'no warning on stderr' "$(grep -Ei 'warn|stick|zone|port|protocol' "$ERR" | grep -v '^Account' | head -c 200)" \
  test -z "$(grep -Ei 'warn|stick|zone|protocol' "$ERR")"

# A rule of somebody else's that names the canary's group.
elb_must 'a rule that names the canary' 'return (await call("CreateRule", { ListenerArn: args[0], Priority: 480, Conditions: [{ Field: "path-pattern", Values: ["/private/*"] }],
  Actions: [{ Type: "forward", TargetGroupArn: args[1] }] })).Rules[0].RuleArn' "$LISTENER" "$PAIR_CANARY"
foreign=$ELB
cli route --canary 0
expect_exit 0 'issue 3: emptying a group that another rule names'
expect_stderr "${foreign##*/}" 'issue 3: warns, and names the rule'
must route --canary 100
must route --canary 10

# A service of somebody else's in the canary's group.
own_service intruder "$PAIR_CANARY" 1
await_healthy "$PAIR_CANARY" 3
cli route --canary 20
expect_exit 0 'issue 3: another ECS service in the group'
expect_stderr 'intruder' 'issue 3: warns, and names the service'
api_json ecs $ECS.DeleteService '{"cluster":"harbour","service":"intruder","force":true}' >/dev/null
wait_until 20 healthy_is "$PAIR_CANARY" 2 || not_ok 'preparing: the intruder is gone' '2 healthy targets' "$(healthy "$PAIR_CANARY")"

# Cross-zone off, and the canary in one zone only.
elb_must 'cross-zone off' 'await call("ModifyTargetGroupAttributes", { TargetGroupArn: args[0], Attributes: [{ Key: "load_balancing.cross_zone.enabled", Value: "false" }] })' "$PAIR_CANARY"
set_desired "quay-$canary" 1
wait_until 20 healthy_is "$PAIR_CANARY" 1 || not_ok 'preparing: the canary has one task' '1 healthy target' "$(healthy "$PAIR_CANARY")"
cli route --canary 30
expect_exit '0|1|4' 'issue 3: cross-zone off, a zone without targets: goes on, or refuses'
expect_stderr 'zone' 'issue 3: says so'
zones=$(elb 'return (await call("DescribeTargetHealth", { TargetGroupArn: args[0] })).TargetHealthDescriptions.filter((t) => t.TargetHealth.State === "healthy").map((t) => t.Target.AvailabilityZone).join()' "$PAIR_CANARY")
empty=${REGION}a
[[ $zones != "$empty" ]] || empty=${REGION}b
expect_stderr "$empty" "issue 3: and names the zone that has none (the canary is in $zones)"
elb_must 'cross-zone on' 'await call("ModifyTargetGroupAttributes", { TargetGroupArn: args[0], Attributes: [{ Key: "load_balancing.cross_zone.enabled", Value: "use_load_balancer_configuration" }] })' "$PAIR_CANARY"
set_desired "quay-$canary" 2
await_healthy "$PAIR_CANARY" 2

# What any rule gives weight to is never stopped: the old version's group is named by a rule that is not the pair's.
elb_must 'the foreign rule names the other group' 'await call("ModifyRule", { RuleArn: args[0], Actions: [{ Type: "forward", TargetGroupArn: args[1] }] })' "$foreign" "$PAIR_PRIMARY"
must promote
before=$(running 3.1 | sort)
log_mark MARK
cli destroy-old --yes
expect_exit 1 'section 4.8: destroy-old of a group that a foreign rule sends to'
expect_stderr "${foreign##*/}" 'section 4.8: names the rule'
seen=$(log_since "$MARK" 'c.operation === "UpdateService"')
check 'section 4.8: stops nothing' 'no UpdateService' "$seen" test -z "$seen"
check 'section 4.8: its tasks run' "${before//$'\n'/ }" "$(running 3.1 | sort | tr '\n' ' ')" test -n "$before" -a "$before" = "$(running 3.1 | sort)"
elb_must 'the foreign rule goes' 'await call("DeleteRule", { RuleArn: args[0] })' "$foreign"
cli destroy-old --yes
expect_exit 0 'section 4.8: and stops it when the rule is gone'

# Two groups of unlike port, and one that no rule names.
own_balancer other
own_group plain 8080
PAIR_PRIMARY=$GROUP
own_group unlike 9090
PAIR_CANARY=$GROUP
own_group loose 8080
loose=$GROUP
elb_must 'a listener with both' 'return (await call("CreateListener", { LoadBalancerArn: args[0], Port: args[3], Protocol: "HTTP", DefaultActions: [{ Type: "forward", ForwardConfig: {
  TargetGroups: [{ TargetGroupArn: args[1], Weight: 100 }, { TargetGroupArn: args[2], Weight: 0 }] } }] })).Listeners[0].ListenerArn' \
  "$BALANCER" "$PAIR_PRIMARY" "$PAIR_CANARY" "$(free_ports 1)"
own_service plain "$PAIR_PRIMARY" 1
own_service unlike "$PAIR_CANARY" 1
await_healthy "$PAIR_PRIMARY" 1
await_healthy "$PAIR_CANARY" 1
cli route --canary 10 --primary-target-group "$PAIR_PRIMARY" --canary-target-group "$PAIR_CANARY"
expect_exit 0 'issue 3: groups of unlike port'
expect_stderr 'port' 'issue 3: warns'
expect_stderr '8080.*9090|9090.*8080' 'issue 3: and says which'
expect_weights 10 'issue 3: a warning is no refusal'
log_mark MARK
cli route --canary 10 --primary-target-group "$PAIR_PRIMARY" --canary-target-group "$loose"
expect_exit 1 'issue 3: a canary group that no rule names'
expect_stderr 'no rule|any rule|not linked|unlinked' 'issue 3: says so'
expect_no_modify "$MARK" 'issue 3: a canary group that no rule names'

finish
