#!/usr/bin/env bash
# Where tasks run: public subnets by default, private ones with one NAT gateway, one per zone, or endpoints; a bastion only
# where it is asked for; termination protection; secrets (issue 5.1).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
mkdir "$WORK/apps"
PROJECT=$WORK/apps make_app v3.1 3.1

built() { # NAME [LINE…]: a project of its own, with a first version
  new_project "$@" DESIRED_COUNT=1
  set_setting SETTLE 0.2s
  cli build-infra
  expect_exit 0 "issue 5.1: build-infra with ${2:-defaults}"
}
runs() { # NAME ENABLED|DISABLED: a task does, with or without a public address, in subnets of the stack
  local seen
  cp -r "$WORK/apps/v3.1" "$PROJECT/"
  cli update v3.1 --tag 3.1
  expect_exit 0 "issue 5.1: $1: a version runs"
  api_json ecs "$ECS.DescribeServices" '{"cluster":"'"$1"'","services":["quay-blue","quay-green"]}' >"$WORK/services.json"
  seen=$(json "$WORK/services.json" '[...new Set(o.services.map((s) => s.networkConfiguration.awsvpcConfiguration.assignPublicIp ?? "DISABLED"))].join(" ")' 2>&1)
  check "issue 5.1: $1: assignPublicIp" "$2" "$seen" test "$seen" = "$2"
  seen=$(json "$WORK/services.json" 'new Set(o.services.flatMap((s) => s.networkConfiguration.awsvpcConfiguration.subnets)).size' 2>&1)
  check "issue 5.1: $1: two zones" 2 "$seen" test "$seen" = 2
}

built open
expect_resources open AWS::EC2::NatGateway 0 'issue 5.1: by default no NAT gateway'
expect_resources open AWS::EC2::VPCEndpoint 0 'issue 5.1: by default no endpoints'
expect_resources open AWS::EC2::Instance 0 'issue 5.1: by default no bastion'
runs open ENABLED
setting NAT none
again 'issue 5.1: NAT=none is the default'

built single NAT=one
expect_resources single AWS::EC2::NatGateway 1 'issue 5.1: NAT=one: one NAT gateway'
runs single DISABLED
again 'issue 5.1: NAT=one'

built zones NAT=per-zone
expect_resources zones AWS::EC2::NatGateway 2 'issue 5.1: NAT=per-zone: a NAT gateway for each zone'

built closed NAT=endpoints
expect_resources closed AWS::EC2::NatGateway 0 'issue 5.1: NAT=endpoints: no NAT gateway'
expect_resources closed AWS::EC2::VPCEndpoint 4 'issue 5.1: NAT=endpoints: ecr.api, ecr.dkr, logs and s3'
runs closed DISABLED

# From public subnets to private ones, under a version that runs.
PROJECT=$WORK/open
take_setting() { sed -n "s/^$1=//p" "$PROJECT/.env"; }
ENDPOINT=http://127.0.0.1:$(take_setting LISTENER_PORT)
start_requests
setting NAT one
cli build-infra --yes
expect_exit '0|1|2' 'issue 5.1: from none to NAT=one' # whether subnets can change under tasks is the program's to say
[[ $RC -eq 0 ]] || says 'NAT|subnet' 'issue 5.1: from none to NAT=one: it says what stands against it'
changed=$RC
more_requests 5
stop_requests
expect_no_errors 'issue 5.1: from none to NAT=one, under a version that runs' 5
[[ $changed -ne 0 ]] || again 'issue 5.1: from none to NAT=one'

# A bastion, protection, a secret.
SECRET=arn:aws:secretsmanager:$REGION:$ACCOUNT:secret:tide-AbCdEf
built guarded TERMINATION_PROTECTION=true KEY_PAIR=anchor BASTION_CIDR=203.0.113.4/32 "SECRETS=QUAY_WORD=$SECRET"
expect_lines_in_order 'section 3: the bastion is printed, then the public endpoint' 'Bastion endpoint:' '[0-9.]+' 'Public endpoint:' 'http://.*'
expect_resources guarded AWS::EC2::Instance 1 'issue 5.1: a bastion with KEY_PAIR and BASTION_CIDR'
answer=$(cfn DescribeStacks StackName=guarded-quay)
check 'issue 5.1: the secret is known to the service stack' "$SECRET" "$(head -c 600 <<<"$answer")" grep -qF "$SECRET" <<<"$answer$(cfn GetTemplate StackName=guarded-quay)"
answer=$(cfn DescribeStacks StackName=guarded | grep -o '<EnableTerminationProtection>[^<]*')
check 'issue 5.1: termination protection of the base' true "$answer" test "${answer#*>}" = true
answer=$(cfn DeleteStack StackName=guarded)
check 'issue 5.1: the base can not be deleted by another tool' 'TerminationProtection' "$(head -c 300 <<<"$answer")" grep -q 'TerminationProtection' <<<"$answer"
again 'issue 5.1: with a bastion, a secret and protection'
cli destroy-infra --dry-run
says 'protection' 'issue 5.1: destroy-infra shows that it ends the protection'
cli destroy-infra
expect_exit 2 'issue 5.1: destroy-infra does not get past termination protection without consent'
check 'issue 5.1: what is protected is there' 'both stacks' "$(stacks | tr '\n' ';')" test "$(stacks | grep -c '^guarded.* [A-Z]*_COMPLETE$')" -eq 2
cli destroy-infra --yes
expect_exit 0 'issue 5.1: with consent it can be destroyed'
check 'issue 5.1: and is' 'no stack guarded' "$(stacks | tr '\n' ';')" test -z "$(stacks | grep '^guarded')"

finish
