#!/usr/bin/env bash
# B's stage on its own: `route` on any two target groups, with nothing but a region and credentials (section 2). And what
# section 4 says of the rules: every rule that holds exactly the pair, no other, and nothing of it but the two weights.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ready 3.1 3.2
must rollout --tag 3.1
must rollout --tag 3.2
read_status
primary=$(in_status 'o.primary.targetGroup') canary=$(in_status 'o.canary.targetGroup')
rules=$(in_status 'o.rules.map((x) => x.rule).sort()')
harbour=$PROJECT

# A folder without .env and an environment without anything else, as a CI step of a foreign pipeline has it.
mkdir "$WORK/elsewhere"
alone() { # ARGUMENT…
  PROJECT=$WORK/elsewhere
  CLI_ENV=(-i "PATH=$PATH" "HOME=$WORK/elsewhere" "AWS_REGION=$REGION" "AWS_ENDPOINT_URL=$AWS_ENDPOINT_URL"
    "AWS_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY" "QUAY_WORK=$WORK" "${SETTLING[@]}")
  cli route --primary-target-group "$primary" --canary-target-group "${OTHER:-$canary}" "$@"
  CLI_ENV=() PROJECT=$harbour
}
SETTLING=() OTHER=''

alone --canary 0 # is so already, so that nobody has to wait for the default SETTLE of 15 s
expect_exit 0 'section 2: route by ARNs, with only a region and credentials'
expect_line 'Modified 0 listener rules' 'section 2: finds the rules of the pair, and that they need no change'

SETTLING=(SETTLE=1s POLL_INTERVAL=0.2)
alone --canary 40
expect_exit 0 'section 2: route by ARNs'
expect_lines_in_order 'section 3: the lines of a route' 'Updating traffic route' 'Routing 40% of traffic to the new service' 'Modified [1-9][0-9]* listener rules?'
expect_status 'section 2: the weights are as asked' 'o.rules.every((x) => x.weights[o.canary.colour] === 40 && x.weights[o.primary.colour] === 60)'

alone --primary 60
expect_exit 0 'section 3: route by ARNs that changes nothing'
expect_line 'Modified 0 listener rules' 'section 3: says so'

alone --canary 70 --json
expect_exit 0 'section 3: route by ARNs, --json'
expect_json 'section 3: names the rules it wrote' "o.schemaVersion === 1 && o.canary === 70 && o.primary === 30 && JSON.stringify(o.modified.sort()) === '$rules'"

OTHER=${canary%/*}/ffffffffffffffff
alone --canary 10
OTHER=''
expect_exit '1|2' 'section 4.4: a group that is not there'
expect_one_message 'section 4.4: a group that is not there'
expect_status 'section 4.4: nothing moved' 'o.rules.every((x) => x.weights[o.canary.colour] === 70)'

# Two more rules, made by someone else's tool: one with exactly the pair, in the other order and with stickiness, and one
# with a single group of it.
if ! have_aws; then
  echo 'skipped: no aws (rules made by another tool)'
else
  listener=$(in_status 'o.rules[0].listener')
  twin=$(aws_cli elbv2 create-rule --listener-arn "$listener" --priority 471 --conditions Field=path-pattern,Values=/twin \
    --actions "Type=forward,ForwardConfig={TargetGroups=[{TargetGroupArn=$canary,Weight=70},{TargetGroupArn=$primary,Weight=30}],TargetGroupStickinessConfig={Enabled=true,DurationSeconds=777}}" \
    --query 'Rules[0].RuleArn' --output text)
  single=$(aws_cli elbv2 create-rule --listener-arn "$listener" --priority 472 --conditions Field=path-pattern,Values=/single \
    --actions "Type=forward,TargetGroupArn=$primary" --query 'Rules[0].RuleArn' --output text)
  check 'section 6: the sandbox takes rules of another client' 'two rule ARNs' "$twin $single" test "${twin:0:8}${single:0:8}" = arn:aws:arn:aws:

  alone --canary 20 --json
  expect_exit 0 'section 4.2: route with a foreign rule'
  expect_json 'section 4.2: every rule that holds exactly the pair, and no other' \
    "o.modified.length === $rules.length + 1 && o.modified.includes('$twin') && !o.modified.includes('$single') && !o.unchanged.includes('$single')"
  # "order, stickiness … and everything else survive" (section 4.3)
  aws_cli elbv2 describe-rules --rule-arns "$twin" --query 'Rules[0].Actions[0].ForwardConfig' >"$WORK/twin.json"
  expected="o.TargetGroups.map((g) => g.TargetGroupArn + '=' + g.Weight).join() === '$canary=20,$primary=80'
    && o.TargetGroupStickinessConfig.Enabled === true && o.TargetGroupStickinessConfig.DurationSeconds === 777"
  check 'section 4.3: only the two weights change: order and stickiness survive' "$expected" "$(tr -d ' \n' <"$WORK/twin.json")" \
    test "$(json "$WORK/twin.json" "$expected" 2>/dev/null)" = true
fi

finish
