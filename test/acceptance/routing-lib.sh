# shellcheck shell=bash disable=SC2016,SC2034,SC2086
# What the routing-*.test.sh scripts share, on top of lib.sh: a load-balancer client of their own (Node's fetch and the
# query protocol; the AWS CLI need not be there), the pair as AWS has it, and fault orders.

PAIR_PRIMARY='' PAIR_CANARY='' LISTENER='' GROUP='' BALANCER='' VPC='' IMAGE=''

cat >"$WORK/elb.js" <<'END'
const [, , code, ...args] = process.argv;
const fs = require('node:fs');
const text = (s) => s.replace(/&(lt|gt|quot|apos|amp|#\d+|#x[0-9a-f]+);/gi, (all, e) =>
  ({ lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' })[e] ?? String.fromCodePoint(e[1] === 'x' ? parseInt(e.slice(2), 16) : Number(e.slice(1))));
function parse(xml) { // elements only: {name: value}, a list of <member> is an array, a leaf is its text
  const stack = [{ children: [], text: '' }];
  for (const [, close, name, self, chars] of xml.replace(/<\?[^>]*\?>/g, '').matchAll(/<(\/?)([\w:.-]+)(?:\s[^>]*?)?(\/?)>|([^<]+)/g)) {
    const top = stack[stack.length - 1];
    if (chars !== undefined) top.text += chars;
    else if (close) { stack.pop(); }
    else {
      const node = { name, children: [], text: '' };
      top.children.push(node);
      if (!self) stack.push(node);
    }
  }
  const value = (n) => n.children.length === 0 ? text(n.text)
    : n.children.every((c) => c.name === 'member') ? n.children.map(value)
    : Object.fromEntries(n.children.map((c) => [c.name, value(c)]));
  return value(stack[0]);
}
function flatten(value, path = '') {
  if (value === undefined || value === null || value === '') return [];
  if (Array.isArray(value)) return value.flatMap((v, i) => flatten(v, `${path}.member.${i + 1}`));
  if (typeof value === 'object') return Object.entries(value).flatMap(([k, v]) => flatten(v, path ? `${path}.${k}` : k));
  return [[path, String(value)]];
}
async function call(Action, params = {}) {
  const response = await fetch(`${process.env.AWS_ENDPOINT_URL}/`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded', 'x-amz-date': '20260101T000000Z',
      authorization: `AWS4-HMAC-SHA256 Credential=QUAYQUAYQUAYQUAY/20260101/${process.env.QUAY_REGION}/elasticloadbalancing/aws4_request, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`,
    },
    body: new URLSearchParams([['Action', Action], ['Version', '2015-12-01'], ...flatten(params)]),
  });
  const body = await response.text();
  const answer = parse(body);
  if (!response.ok) {
    const error = answer.ErrorResponse?.Error ?? { Code: response.status, Message: body.slice(0, 200) };
    throw Object.assign(new Error(`${Action}: ${error.Code}: ${error.Message}`), { code: error.Code });
  }
  return answer[`${Action}Response`][`${Action}Result`] || {};
}
async function all(Action, params, key) { // over all pages
  const found = [];
  for (let Marker, page = 0; page < 500; page++) {
    const result = await call(Action, { ...params, Marker });
    found.push(...(result[key] || []));
    Marker = result.NextMarker;
    if (!Marker) return found;
  }
  throw new Error(`${Action}: more than 500 pages`);
}
const groups = (actions) => (actions || []).flatMap((a) => a.ForwardConfig?.TargetGroups || []);
const id = (arn) => arn.split('/').pop();
// Every rule and listener of every load balancer: {listeners: {arn: …}, rules: {arn: …}}
async function everything() {
  const seen = { listeners: {}, rules: {} };
  for (const { LoadBalancerArn } of await all('DescribeLoadBalancers', {}, 'LoadBalancers')) {
    for (const listener of await all('DescribeListeners', { LoadBalancerArn }, 'Listeners')) {
      seen.listeners[listener.ListenerArn] = listener;
      for (const rule of await all('DescribeRules', { ListenerArn: listener.ListenerArn }, 'Rules')) {
        seen.rules[rule.RuleArn] = { ...rule, Listener: listener.ListenerArn };
      }
    }
  }
  return seen;
}
// The rules that hold exactly these two groups, with both weights.
async function pairRules(primary, canary) {
  const { rules } = await everything();
  return Object.values(rules).flatMap((rule) => {
    const found = groups(rule.Actions);
    const weight = (arn) => Number(found.find((g) => g.TargetGroupArn === arn)?.Weight);
    return found.length === 2 && !Number.isNaN(weight(primary) + weight(canary))
      ? [{ rule: rule.RuleArn, listener: rule.Listener, isDefault: rule.IsDefault === 'true', primary: weight(primary), canary: weight(canary) }] : [];
  });
}
// Changes the actions of a rule, default or not, as somebody else's tool would.
async function change(RuleArn, edit) {
  const rule = (await everything()).rules[RuleArn];
  const actions = structuredClone(rule.Actions);
  edit(actions[actions.length - 1], actions);
  for (const a of actions) if (a.ForwardConfig) delete a.TargetGroupArn;
  if (rule.IsDefault === 'true') await call('ModifyListener', { ListenerArn: rule.Listener, DefaultActions: actions });
  else await call('ModifyRule', { RuleArn, Actions: actions });
}
const AsyncFunction = (async () => {}).constructor;
new AsyncFunction('call', 'all', 'everything', 'pairRules', 'change', 'groups', 'id', 'fs', 'args', code)(call, all, everything, pairRules, change, groups, id, fs, args)
  .then((value) => value === undefined || console.log(typeof value === 'string' ? value : JSON.stringify(value)))
  .catch((error) => { console.error(`${error.message}`); process.exitCode = 1; });
END

# JavaScript with call(action, parameters), all(…), everything(), pairRules(…), change(…); `args` are the ARGUMENTs.
elb() { QUAY_REGION=$REGION node "$WORK/elb.js" "$@" 2>"$WORK/elb.err"; } # CODE [ARGUMENT…]

elb_must() { # TEXT CODE [ARGUMENT…]: a call that only prepares the test; its value is in ELB
  local text=$1
  shift
  ELB=$(elb "$@") || {
    not_ok "preparing: $text" 'AWS takes it' "$(head -c 400 "$WORK/elb.err")"
    exit 1
  }
}

# --- things of somebody else's ---------------------------------------------------------------------------------------

own_balancer() { # NAME: BALANCER, and VPC, in which its groups have to be
  elb_must "a load balancer $1" 'const [b] = (await call("CreateLoadBalancer", { Name: args[0],
    Subnets: ["subnet-0aaaaaaaaaaaaaaa1", "subnet-0aaaaaaaaaaaaaaa2"] })).LoadBalancers; return `${b.LoadBalancerArn} ${b.VpcId}`' "$1"
  read -r BALANCER VPC <<<"$ELB"
}

own_group() { # NAME [PORT]: GROUP
  elb_must "a target group $1" 'return (await call("CreateTargetGroup", { Name: args[0], Port: args[1], Protocol: "HTTP", VpcId: args[2],
    TargetType: "ip", HealthCheckPath: "/health", HealthCheckIntervalSeconds: 5, HealthCheckTimeoutSeconds: 2,
    HealthyThresholdCount: 2, UnhealthyThresholdCount: 2 })).TargetGroups[0].TargetGroupArn' "$1" "${2:-8080}" "$VPC"
  GROUP=$ELB
  elb_must "attributes of $1" 'await call("ModifyTargetGroupAttributes", { TargetGroupArn: args[0],
    Attributes: [{ Key: "deregistration_delay.timeout_seconds", Value: "10" }] })' "$GROUP"
}

push_image() { # VERSION: builds v<VERSION> in the project, pushes it; IMAGE
  make_app "v$1" "$1"
  must push "v$1" --tag "$1" --json
  IMAGE=$(json "$OUT" 'o.image')
}

own_service() { # NAME GROUP COUNT: an ECS service made by hand, of IMAGE, in the project's cluster
  local answer
  answer=$(api_json ecs $ECS.RegisterTaskDefinition '{"family":"'"$1"'","networkMode":"awsvpc","requiresCompatibilities":["FARGATE"],"cpu":"256",
    "memory":"512","executionRoleArn":"arn:aws:iam::'"$ACCOUNT"':role/quay","containerDefinitions":[{"name":"quay","image":"'"$IMAGE"'",
    "essential":true,"portMappings":[{"containerPort":8080,"protocol":"tcp"}]}]}')
  [[ $answer == *'"taskDefinition"'* ]] || give_up "preparing: a task definition $1" 'AWS takes it' "$(head -c 300 <<<"$answer")"
  answer=$(api_json ecs $ECS.CreateService '{"cluster":"harbour","serviceName":"'"$1"'","taskDefinition":"'"$1"'","desiredCount":'"$3"',
    "launchType":"FARGATE","healthCheckGracePeriodSeconds":20,"loadBalancers":[{"targetGroupArn":"'"$2"'","containerName":"quay","containerPort":8080}],
    "networkConfiguration":{"awsvpcConfiguration":{"subnets":["subnet-0aaaaaaaaaaaaaaa1","subnet-0aaaaaaaaaaaaaaa2"],
    "securityGroups":["sg-0123456789abcdef0"],"assignPublicIp":"ENABLED"}}}')
  [[ $answer == *'"serviceArn"'* ]] || give_up "preparing: an ECS service $1" 'AWS takes it' "$(head -c 300 <<<"$answer")"
}

set_desired() { # SERVICE COUNT: by hand
  local answer
  answer=$(api_json ecs $ECS.UpdateService '{"cluster":"harbour","service":"'"$1"'","desiredCount":'"$2"'}')
  [[ $answer == *'"serviceArn"'* ]] || give_up "preparing: UpdateService $1 to $2 tasks" 'AWS takes it' "$(head -c 300 <<<"$answer")"
}

healthy() { elb 'return (await call("DescribeTargetHealth", { TargetGroupArn: args[0] })).TargetHealthDescriptions?.filter?.((t) => t.TargetHealth.State === "healthy").length ?? 0' "$1"; } # GROUP
healthy_is() { [[ $(healthy "$1") == "$2" ]]; }                                                                                                       # GROUP COUNT
await_healthy() { wait_until 30 healthy_is "$1" "$2" || give_up "preparing: $2 healthy targets" "$2 within 30 s" "$(healthy "$1") in $1"; }

# --- the pair --------------------------------------------------------------------------------------------------------

take_pair() { # of the project, from status: the canary is the canary or the old one
  read_status
  PAIR_PRIMARY=$(in_status 'o.primary.targetGroup') PAIR_CANARY=$(in_status '(o.canary || o.old).targetGroup')
  LISTENER=$(in_status 'o.rules[0].listener')
}

add_rule() { # PRIORITY [SECONDS OF STICKINESS]: one more rule with exactly the pair, canary first, both weights as now; RULE
  elb_must "a rule at $1" '
    const [listener, primary, canary, priority, sticky] = args;
    const now = (await pairRules(primary, canary))[0] ?? { primary: 100, canary: 0 };
    return (await call("CreateRule", { ListenerArn: listener, Priority: priority, Conditions: [{ Field: "path-pattern", Values: [`/berth-${priority}/*`] }],
      Actions: [{ Type: "forward", ForwardConfig: {
        TargetGroups: [{ TargetGroupArn: canary, Weight: now.canary }, { TargetGroupArn: primary, Weight: now.primary }],
        ...(sticky && { TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: sticky } }) } }] })).Rules[0].RuleArn' \
    "$LISTENER" "$PAIR_PRIMARY" "$PAIR_CANARY" "$@"
  RULE=$ELB
}

add_listener() { # one more listener of the same load balancer, whose default rule carries the pair
  elb_must 'a listener' '
    const [listener, primary, canary, port] = args;
    const now = (await pairRules(primary, canary))[0] ?? { primary: 100, canary: 0 };
    const { LoadBalancerArn } = (await call("DescribeListeners", { ListenerArns: [listener] })).Listeners[0];
    await call("CreateListener", { LoadBalancerArn, Port: port, Protocol: "HTTP", DefaultActions: [{ Type: "forward", ForwardConfig: {
      TargetGroups: [{ TargetGroupArn: primary, Weight: now.primary }, { TargetGroupArn: canary, Weight: now.canary }] } }] })' \
    "$LISTENER" "$PAIR_PRIMARY" "$PAIR_CANARY" "$(free_ports 1)"
}

# The canary's weight where all rules of the pair agree, otherwise what each has: "ID=CANARY/PRIMARY …".
weights() {
  elb 'const rules = await pairRules(...args), one = rules[0];
    if (rules.length && rules.every((r) => r.canary === one.canary && r.primary === 100 - one.canary)) return String(one.canary);
    return rules.map((r) => `${id(r.rule)}=${r.canary}/${r.primary}`).join(" ") || "no rule has the pair"' "$PAIR_PRIMARY" "$PAIR_CANARY" || echo "?"
}
weights_are() { [[ $(weights) == "$1" ]]; } # PERCENT
expect_weights() { # PERCENT TEXT: AWS need not read back at once what was written
  if wait_until 5 weights_are "$1"; then ok "$2"; else
    not_ok "$2" "weight $1 for the canary in every rule" "$(weights)"
    show_call
  fi
}
rule_ids() { elb 'return (await pairRules(...args)).map((r) => id(r.rule)).join("\n")' "$PAIR_PRIMARY" "$PAIR_CANARY"; }

by_hand() { # RULE PERCENT: somebody else changes the weights of one rule
  elb_must 'weights changed by hand' 'await change(args[0], (a) => { for (const g of a.ForwardConfig.TargetGroups) g.Weight = g.TargetGroupArn === args[2] ? args[1] : 100 - args[1]; })' \
    "$1" "$2" "$PAIR_CANARY"
}

# --- fault orders, and the log ---------------------------------------------------------------------------------------

fault() { must sandbox fault "$@" --dir "$SANDBOX_DIR"; } # OPERATION [OPTION…]
clear_faults() { must sandbox faults --clear --dir "$SANDBOX_DIR"; }

# "Every write to the load balancer" of section 4.
MODIFIES='c.write && /^Modify(Rule|Listener)$/.test(c.operation)'
modifies_since() { log_since "$1" "$MODIFIES && c.status === 200" | grep -c .; } # MARK
expect_no_modify() { # MARK TEXT
  local seen
  seen=$(log_since "$1" "$MODIFIES")
  check "$2: no write to the load balancer" none "${seen//$'\n'/, }" test -z "$seen"
}

expect_names() { # TEXT ID…: each of these ids stands in the output
  local text=$1 name missing=''
  shift
  for name; do grep -qF -- "$name" "$OUT" "$ERR" || missing+=" $name"; done
  if [[ -z $missing && $# -gt 0 ]]; then ok "$text"; else
    not_ok "$text" "each of $*" "missing:$missing"
    show_call
  fi
}

run_began() { [[ $(json "$WORK/status.json" '!!o.holder' 2>/dev/null) == true ]]; }
printed() { grep -qx -- "$1" "$OUT" "$ERR"; } # LINE of the last command, also while it runs

# Version 3.1 is the primary and 3.2 the canary at 0, behind four rules. Nothing of what follows looks at AWS's time.
ready_with_four_rules() {
  SPEED=$((SPEED * 2))
  ready 3.1 3.2
  must rollout --tag 3.1
  must rollout --tag 3.2
  take_pair
  add_rule 471
  add_rule 472
  add_listener
  check 'four rules carry the pair, one of them a default one' 4 "$(rule_ids | wc -l)" test "$(rule_ids | wc -l)" -eq 4
}
