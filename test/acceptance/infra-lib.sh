# shellcheck shell=bash disable=SC2016,SC2034
# What the infra-*.test.sh scripts share, on top of lib.sh, routing-lib.sh and survival-lib.sh: CloudFormation asked
# directly, settings of issue 5, the weights of all rules, an endpoint where nobody is home. "issue 5.N" in a message is
# part N of the issue's "Build"; "issue 5" alone is its "It is done when".

# Settings that lib.sh does not know yet.
unset NAT CERTIFICATE_ARN HTTPS_LISTENER_PORT SECRETS TERMINATION_PROTECTION VPC_ID SUBNET_IDS CLUSTER LISTENER_ARNS \
  BLUE_TARGET_GROUP_ARN GREEN_TARGET_GROUP_ARN SECURITY_GROUP_IDS HEALTHY_THRESHOLD UNHEALTHY_THRESHOLD

NOTHING_TO_DO='nothing to (do|change)|no changes|up to date'

setting() { # NAME VALUE: in .env, whether it is there or not
  unset_setting "$1"
  printf '%s=%s\n' "$1" "$2" >>"$PROJECT/.env"
}
unset_setting() { sed -i "/^$1=/d" "$PROJECT/.env"; } # NAME

# The folder of the project on another machine: only its .env and its versions come along.
elsewhere() {
  ELSEWHERE=$((${ELSEWHERE:-0} + 1))
  mkdir "$WORK/elsewhere-$ELSEWHERE"
  find "$PROJECT" -mindepth 1 -maxdepth 1 \( -name .env -o -name 'v*' \) -exec cp -r {} "$WORK/elsewhere-$ELSEWHERE/" \;
  PROJECT=$WORK/elsewhere-$ELSEWHERE
}

# --- CloudFormation --------------------------------------------------------------------------------------------------

cfn() { # ACTION [NAME=VALUE…]: the answer, on one line
  local action=$1 parameter data=()
  shift
  for parameter; do data+=(--data-urlencode "$parameter"); done
  web -H "$(authorization cloudformation)" -H 'X-Amz-Date: 20260101T000000Z' --data "Action=$action&Version=2010-05-15" \
    "${data[@]}" "$AWS_ENDPOINT_URL/" | tr -d '\n'
}

stacks() { # those that are there, as "NAME STATUS" lines
  cfn DescribeStacks | sed 's/<StackName>/\n&/g' | sed -nE 's/^<StackName>([^<]*).*<StackStatus>([^<]*).*/\1 \2/p' | grep -v ' DELETE_COMPLETE$' | sort
}
stack_status() { # NAME: its status, or none
  local status
  status=$(stacks | sed -n "s/^$1 //p")
  echo "${status:-none}"
}
stack_is() { [[ $(stack_status "$1") == "$2" ]]; }      # NAME STATUS
stack_rests() { [[ $(stack_status "$1") != *_IN_PROGRESS ]]; } # NAME
stack_in_progress() { [[ $(stack_status "$1") == *_IN_PROGRESS ]]; }
no_stacks() { [[ -z $(stacks) ]]; }

resources() { # STACK TYPE: how many of that type it has
  cfn DescribeStackResources "StackName=$1" | grep -oF "<ResourceType>$2</ResourceType>" | wc -l
}
expect_resources() { # STACK TYPE COUNT TEXT
  local seen
  seen=$(resources "$1" "$2")
  check "$4" "$3 × $2 in stack $1" "$seen" test "$seen" -eq "$3"
}

# Change sets that were not executed, and stacks that only ever had one.
expect_no_change_set() { # TEXT
  local stack answer left=''
  for stack in $(stacks | awk '{ print $1 }'); do
    answer=$(cfn ListChangeSets "StackName=$stack")
    if [[ $answer != *'<ListChangeSetsResult'* ]]; then
      left+=" ListChangeSets of $stack: $(grep -o '<Code>.*</Message>' <<<"$answer")"
    else
      left+=$(sed 's/<ChangeSetName>/\n&/g' <<<"$answer" | grep '^<ChangeSetName>' | grep -v '<ExecutionStatus>EXECUTE_COMPLETE' |
        sed -E "s/^<ChangeSetName>([^<]*).*/ \1 of $stack/" | tr -d '\n')
    fi
  done
  check "$1: leaves no change set" none "$left" test -z "$left"
  left=$(stacks | grep 'REVIEW_IN_PROGRESS')
  check "$1: leaves no stack in review" none "$left" test -z "$left"
}

# Writes but those of change sets: what a run may not make before it has consent, or where it has nothing to do.
BUT_CHANGE_SETS='c.write && !/ChangeSet$/.test(c.operation)'
expect_no_change() { # MARK TEXT
  local seen
  seen=$(log_since "$1" "$BUT_CHANGE_SETS")
  check "$2: no write call but for change sets" none "${seen//$'\n'/, }" test -z "$seen"
}

# A run that has nothing to do: "the second run writes nothing", and says so.
again() { # TEXT [ARGUMENT…]
  local text=$1 mark
  shift
  log_mark mark
  cli build-infra "$@"
  expect_exit 0 "$text"
  says "$NOTHING_TO_DO" "$text: says that there is nothing to do"
  expect_no_writes "$mark" "$text"
}

# --- rules -----------------------------------------------------------------------------------------------------------

# A line for each rule that forwards to two groups: "PROTOCOL:PORT CONDITIONS GROUP=WEIGHT,GROUP=WEIGHT".
rule_lines() {
  elb '
    const { listeners, rules } = await everything();
    return Object.values(rules).filter((r) => groups(r.Actions).length === 2).map((r) => {
      const l = listeners[r.Listener];
      const values = (c) => (c.Values || c.PathPatternConfig?.Values || c.HostHeaderConfig?.Values || []);
      const conditions = (Array.isArray(r.Conditions) ? r.Conditions : []).map((c) => `${c.Field}=${values(c)}`).sort().join("&");
      return `${l.Protocol}:${l.Port} ${conditions || "default"} ${groups(r.Actions).map((g) => `${id(g.TargetGroupArn.replace(/\/[^/]*$/, ""))}=${g.Weight}`).sort()}`;
    }).sort().join("\n")'
}
rules_are() { [[ $(rule_lines) == "$1" ]]; } # LINES
remember_rules() { RULES=$(rule_lines); }
same_rules() { # TEXT
  if wait_until 5 rules_are "$RULES"; then ok "$1"; else
    not_ok "$1" "$RULES" "$(rule_lines)"
    show_call
  fi
}
# The weights that the rules have, each once: one line where all of a pair's rules agree.
weights_of_rules() { rule_lines | awk '{ print $3 }' | sort -u; }

attribute() { # KEY: what the target groups of AWS have, each value once
  elb 'const seen = new Set();
    for (const g of await all("DescribeTargetGroups", {}, "TargetGroups"))
      seen.add((await call("DescribeTargetGroupAttributes", { TargetGroupArn: g.TargetGroupArn })).Attributes.find((a) => a.Key === args[0])?.Value);
    return [...seen].sort().join(" ")' "$1"
}

# --- an endpoint where nobody is home --------------------------------------------------------------------------------

# Whoever knocks is counted. For commands that may not call AWS; there are no credentials either.
nobody_home() {
  local port
  port=$(free_ports 1)
  : >"$WORK/knocks"
  node -e '
    const [port, file] = process.argv.slice(1);
    require("node:net").createServer((socket) => {
      require("node:fs").appendFileSync(file, "knock\n");
      socket.destroy();
    }).listen(Number(port), "127.0.0.1")' "$port" "$WORK/knocks" &
  BACKGROUND+=("$!")
  wait_until 10 port_open "$port"
  wait_until 10 test -s "$WORK/knocks" # of port_open itself
  : >"$WORK/knocks"
  export AWS_ENDPOINT_URL=http://127.0.0.1:$port
}
expect_no_knock() { # TEXT
  check "$1: no AWS call" 'no connection to the endpoint' "$(wc -l <"$WORK/knocks")" test ! -s "$WORK/knocks"
  : >"$WORK/knocks"
}

# --- a release, and updates of the infrastructure under it -----------------------------------------------------------

certificate() { echo "arn:aws:acm:$REGION:$ACCOUNT:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"; }

# Versions 4.1 (primary) and 4.2 (canary at weight 0).
two_versions() {
  SPEED=$((SPEED * 2)) # nothing here looks at AWS's time
  start_sandbox
  new_project harbour DESIRED_COUNT=1
  set_setting SETTLE 0.2s
  must build-infra
  take_endpoint
  make_ferry v4.1 4.1
  make_ferry v4.2 4.2
  must update v4.1 --tag 4.1
  must push v4.2 --tag 4.2
  must rollout --tag 4.2
}

# Each kind of update of "It is done when", under requests: none fails, and no weight moves.
updates_keep_weights() { # TEXT
  local text=$1 https free before after
  read -r https free <<<"$(free_ports 2)"
  remember_rules
  before=$(weights_of_rules)
  start_requests

  setting DEREGISTRATION_DELAY 12
  cli build-infra
  expect_exit 0 "issue 5: $text, a target-group attribute changed"
  check "issue 5: $text: both groups have it" 12 "$(attribute deregistration_delay.timeout_seconds)" \
    test "$(attribute deregistration_delay.timeout_seconds)" = 12
  same_rules "issue 5: $text, a target-group attribute changed: same weights"
  more_requests 5

  setting CERTIFICATE_ARN "$(certificate)"
  setting HTTPS_LISTENER_PORT "$https"
  cli build-infra
  expect_exit 0 "issue 5: $text, a certificate added"
  after=$(rule_lines)
  check "issue 5.3: $text, a certificate added: the HTTP rule stays as it is" "$RULES" "$after" grep -qxF "$RULES" <<<"$after"
  check "issue 5.3: $text, a certificate added: a rule on HTTPS" "HTTPS:$https path-pattern=/* …" "$after" \
    grep -q "^HTTPS:$https path-pattern=/\* " <<<"$after"
  check "issue 5.3: $text, a certificate added: it has the live weights of its sibling" "$before" "$(weights_of_rules)" \
    test "$(weights_of_rules)" = "$before"
  expect_redirect "issue 5.1: $text, a certificate added" "$https"
  more_requests 5
  remember_rules

  # A listener on a port that somebody has can't be had: CloudFormation takes back the whole update.
  hold_port "$free"
  cp "$PROJECT/.env" "$WORK/before-failure.env"
  setting HEALTH_CHECK_INTERVAL 7
  setting LISTENER_PORT "$free"
  cli build-infra --yes
  expect_exit 1 "issue 5: $text, an update that fails"
  expect_stderr "\b$free\b" "issue 5.2: $text, an update that fails: the cause is named"
  same_rules "issue 5: $text, an update that fails: same weights"
  expect_soon 20 "issue 5: $text, an update that fails: it was rolled back" 'harbour UPDATE_ROLLBACK_COMPLETE' \
    stack_is harbour UPDATE_ROLLBACK_COMPLETE
  more_requests 5
  cp "$WORK/before-failure.env" "$PROJECT/.env"
  cli build-infra
  expect_exit 0 "issue 5: $text, the next run after a failed one"
  same_rules "issue 5: $text, the next run after a failed one: same weights"
  again "issue 5: $text, then nothing is left to do"
  kill "$HOLDER" 2>/dev/null

  more_requests 5
  stop_requests
  expect_no_errors "issue 5: $text, all updates" 20
}

expect_redirect() { # TEXT PORT: what the HTTP listener does by default
  local seen
  seen=$(elb 'const { listeners } = await everything();
    const http = Object.values(listeners).find((l) => l.Protocol === "HTTP" && l.Port === args[0]);
    const action = http?.DefaultActions?.at(-1);
    return `${action?.Type} ${action?.RedirectConfig?.Protocol} ${action?.RedirectConfig?.Port} ${action?.RedirectConfig?.StatusCode}`' "$PORT_PUBLIC")
  check "$1: HTTP redirects by default" "redirect HTTPS $2 HTTP_30x" "$seen" grep -Eq "^redirect HTTPS ($2|#\{port\}) HTTP_30" <<<"$seen"
}

# --- destroying --------------------------------------------------------------------------------------------------------

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
make_foreign() {
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
}

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
