#!/usr/bin/env bash
# A shared load balancer that somebody else made: 3 listeners and 90 rules over many pages, 4 of which carry the pair (a
# default one, a sticky one, one behind OIDC, one by path), and all sorts of others that look alike. `route` by ARN writes
# exactly those four, and nothing of them but the two weights (issue 3, "It is done when"; section 4.2 to 4.4).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"

PAGE=7
start_sandbox --page-size "$PAGE"
new_project harbour
must build-infra
own_balancer shared
read -r port_a port_b port_c <<<"$(free_ports 3)"
groups=()
for name in tide-old tide-new other-one other-two; do
  own_group "$name"
  groups+=("$GROUP")
done
PAIR_PRIMARY=${groups[0]} PAIR_CANARY=${groups[1]}

# The other 86: each kind of action, condition and look-alike, again and again. Weights of the pair are 100 and 0.
elb_must '3 listeners and 90 rules' '
  const [balancer, a, b, c, primary, canary, one, two, region, account] = args;
  const forward = (groups, sticky) => ({ Type: "forward", ForwardConfig: {
    TargetGroups: groups.map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight })),
    ...(sticky && { TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: sticky } }) } });
  const fixed = { Type: "fixed-response", FixedResponseConfig: { StatusCode: "418", MessageBody: "<tea> & \"pots\"", ContentType: "text/plain" } };
  const redirect = { Type: "redirect", RedirectConfig: { Protocol: "HTTPS", Port: "443", Host: "#{host}", Path: "/new/#{path}", Query: "#{query}&x=1", StatusCode: "HTTP_302" } };
  const oidc = { Type: "authenticate-oidc", AuthenticateOidcConfig: { Issuer: "https://id.example.com", AuthorizationEndpoint: "https://id.example.com/a",
    TokenEndpoint: "https://id.example.com/t", UserInfoEndpoint: "https://id.example.com/u", ClientId: "harbour", ClientSecret: "anchors-aweigh",
    SessionCookieName: "Quay", Scope: "openid email", SessionTimeout: 86400, OnUnauthenticatedRequest: "authenticate" } };
  const cognito = { Type: "authenticate-cognito", AuthenticateCognitoConfig: { UserPoolArn: `arn:aws:cognito-idp:${region}:${account}:userpool/${region}_Harbour1`,
    UserPoolClientId: "berth", UserPoolDomain: "quay", OnUnauthenticatedRequest: "deny" } };
  const inOrder = (actions) => actions.map((x, i) => ({ ...x, Order: i + 1 }));
  const listener = async (Port, actions, more = {}) => (await call("CreateListener", { LoadBalancerArn: balancer, Port, Protocol: "HTTP", DefaultActions: actions, ...more })).Listeners[0].ListenerArn;
  const A = await listener(a, [forward([[primary, 100], [canary, 0]])]);
  const B = await listener(b, [fixed]);
  const C = await listener(c, [redirect], { Protocol: "HTTPS", SslPolicy: "ELBSecurityPolicy-TLS13-1-2-2021-06",
    Certificates: [{ CertificateArn: `arn:aws:acm:${region}:${account}:certificate/12345678-1234-1234-1234-123456789012` }] });
  const rule = async (ListenerArn, Priority, Conditions, Actions) => (await call("CreateRule", { ListenerArn, Priority, Conditions, Actions })).Rules[0].RuleArn;
  const path = (p) => [{ Field: "path-pattern", Values: [p] }];
  const ours = {
    sticky: await rule(A, 500, path("/sticky/*"), [forward([[canary, 0], [primary, 100]], 777)]),
    path: await rule(B, 500, [...path("/tide/*"), { Field: "host-header", Values: ["tide.example.com", "*.tide.example.com"] }], [forward([[primary, 100], [canary, 0]])]),
    oidc: await rule(C, 500, path("/members/*"), inOrder([oidc, forward([[primary, 100], [canary, 0]])])),
  };
  const conditions = [
    (n) => path(`/berth/${n}/*`),
    (n) => [{ Field: "host-header", HostHeaderConfig: { Values: [`h${n}.example.com`] } }],
    (n) => [{ Field: "http-header", HttpHeaderConfig: { HttpHeaderName: "X-Quay", Values: [`b${n}`] } }],
    (n) => [{ Field: "http-request-method", HttpRequestMethodConfig: { Values: ["PUT"] } }, ...path(`/put/${n}`)],
    (n) => [{ Field: "query-string", QueryStringConfig: { Values: [{ Key: "berth", Value: String(n) }] } }],
    (n) => [{ Field: "source-ip", SourceIpConfig: { Values: [`10.1.${n}.0/24`] } }, ...path(`/ip/${n}`)],
  ];
  const kinds = (l) => [
    [forward([[primary, 1]])], [forward([[canary, 1]])], [forward([[primary, 60], [one, 40]])], [forward([[canary, 30], [two, 70]], 600)],
    [forward([[primary, 50], [canary, 0], [one, 50]])], [forward([[one, 80], [two, 20]], 3600)], [fixed], [redirect],
    [{ Type: "forward", TargetGroupArn: two }],
    ...(l === C ? [inOrder([oidc, forward([[one, 1]])]), inOrder([cognito, forward([[one, 5], [two, 5]])])] : []),
  ];
  let n = 0;
  for (const l of [A, B, C]) for (let i = 0; i < 28; i++, n++) { // 84, with ours 87, with the default ones 90
    const all = kinds(l);
    await rule(l, 100 + i * 31, conditions[n % conditions.length](n), all[i % all.length]);
  }
  const rules = await all("DescribeRules", { ListenerArn: A }, "Rules");
  ours.default = rules.find((r) => r.IsDefault === "true").RuleArn;
  return { A, B, C, ...ours };' \
  "$BALANCER" "$port_a" "$port_b" "$port_c" "${groups[@]}" "$REGION" "$ACCOUNT"
printf '%s' "$ELB" >"$WORK/ours.json"
ours() { json "$WORK/ours.json" "$1"; }
default=$(ours o.default) sticky=$(ours o.sticky) path=$(ours o.path) oidc=$(ours o.oidc)
four=$(ours '[o.default, o.sticky, o.path, o.oidc].sort()')
four_ids=("${default##*/}" "${sticky##*/}" "${path##*/}" "${oidc##*/}")
count=$(elb 'return (await Promise.all(args.map((ListenerArn) => all("DescribeRules", { ListenerArn }, "Rules")))).flat().length' "$(ours o.A)" "$(ours o.B)" "$(ours o.C)")
check 'the load balancer has its 90 rules' 90 "$count" test "$count" = 90
pages=$(elb 'const r = await call("DescribeRules", { ListenerArn: args[0] }); return `${r.Rules.length} ${!!r.NextMarker}`' "$(ours o.A)")
check "sandbox --page-size $PAGE: they come in pages" "$PAGE rules and a marker" "$pages" test "$pages" = "$PAGE true"

push_image 3.1
own_service tide-old "$PAIR_PRIMARY" 2
push_image 3.2
own_service tide-new "$PAIR_CANARY" 2
await_healthy "$PAIR_PRIMARY" 2
await_healthy "$PAIR_CANARY" 2

mkdir "$WORK/elsewhere"
PROJECT=$WORK/elsewhere # no settings: nothing but a region and credentials
alone() { # ARGUMENT…
  CLI_ENV=("AWS_REGION=$REGION" SETTLE=0 POLL_INTERVAL=0.2)
  cli route --primary-target-group "$PAIR_PRIMARY" --canary-target-group "${OTHER:-$PAIR_CANARY}" "$@"
  CLI_ENV=()
}
snapshot() { elb 'fs.writeFileSync(args[0], JSON.stringify(await everything()))' "$1" || not_ok 'reading every rule' 'AWS answers' "$(cat "$WORK/elb.err")"; } # FILE

# What differs between two snapshots, field by field: one line per field, without the pair's weights in the RULEs (a
# default rule is seen twice, in its listener as well), which have to be as told.
differences() { # BEFORE AFTER PERCENT [RULE…]
  node -e '
    const fs = require("node:fs");
    const [before, after] = process.argv.slice(1, 3).map((f) => JSON.parse(fs.readFileSync(f, "utf8")));
    const percent = Number(process.argv[3]), [primary, canary] = process.argv.slice(4, 6), rules = process.argv.slice(6);
    for (const rule of rules) { // what is to come, put into `before`
      const actions = [before.rules[rule].Actions];
      if (before.rules[rule].IsDefault === "true") actions.push(before.listeners[before.rules[rule].Listener].DefaultActions);
      for (const a of actions.flat()) for (const g of a.ForwardConfig?.TargetGroups ?? []) g.Weight = String(g.TargetGroupArn === canary ? percent : 100 - percent);
    }
    const flat = (v, path = "") => typeof v === "object" ? Object.entries(v).flatMap(([k, x]) => flat(x, `${path}/${k}`)) : [[path, v]];
    const [b, a] = [new Map(flat(before)), new Map(flat(after))];
    for (const path of new Set([...b.keys(), ...a.keys()])) if (b.get(path) !== a.get(path)) console.log(`${path}: expected ${b.get(path)}, is ${a.get(path)}`);
  ' "$1" "$2" "$3" "$PAIR_PRIMARY" "$PAIR_CANARY" "${@:4}" 2>&1
}
as_expected() { snapshot "$WORK/after.json" && [[ -z $(differences "$WORK/before.json" "$WORK/after.json" "$@") ]]; }
expect_only_weights() { # TEXT PERCENT [RULE…]: since the last call of this or of `snapshot before.json`
  local text=$1
  shift
  wait_until 4 as_expected "$@"
  check "$text" 'nothing else, field by field' "$(differences "$WORK/before.json" "$WORK/after.json" "$@" | head -n 4 | tr '\n' ';')" \
    test -z "$(differences "$WORK/before.json" "$WORK/after.json" "$@")"
  mv "$WORK/after.json" "$WORK/before.json"
}
snapshot "$WORK/before.json"

# --dry-run first.
log_mark MARK
alone --canary 50 --dry-run
expect_exit 0 'issue 3: route --dry-run'
expect_names 'issue 3: --dry-run names each of the four rules' "${four_ids[@]}"
for rule in "${four_ids[@]}"; do
  check "issue 3: --dry-run shows rule $rule before → after" 'its line, or the next, with 0, 50 and an arrow' "$(grep -A 2 -F "$rule" "$OUT" | head -c 200)" \
    test -n "$(grep -A 2 -F "$rule" "$OUT" | tr '\n' ' ' | grep -E '\b0\b.*(→|->|=>|\bto\b).*\b50\b')"
done
reads=$(log_since "$MARK" '/^Describe(TargetGroups|LoadBalancers|Listeners|Rules)$/.test(c.operation)' | grep -c .)
extra=$((3 * ((30 + PAGE - 1) / PAGE - 1))) # pages after the first, of 30 rules in each of 3 listeners
check 'issue 3: finding the rules takes at most 2 + listeners calls plus pages' "at most 2 + 3 + $extra" "$reads" test "$reads" -le $((5 + extra)) -a "$reads" -gt 0
expect_no_writes "$MARK" 'issue 3: route --dry-run'
expect_only_weights 'issue 3: --dry-run changes nothing' 0

# In earnest.
log_mark MARK
alone --canary 50
expect_exit 0 'issue 3: route by ARN on a shared load balancer'
expect_lines_in_order 'section 3: its lines' 'Updating traffic route' 'Routing 50% of traffic to the new service' 'Modified 4 listener rules'
expect_names 'issue 3: the modified rules are named' "${four_ids[@]}"
writes=$(log_since "$MARK" 'c.write && c.service !== "ssm"')
check 'issue 3: exactly 4 writes' 'ModifyRule 3 times, ModifyListener once (or ModifyRule 4 times)' "${writes//$'\n'/, }" \
  test "$(grep -cE ' Modify(Rule|Listener) 200' <<<"$writes")" -eq 4 -a "$(grep -c . <<<"$writes")" -eq 4
expect_only_weights 'section 4.3: everything else is identical, also the rest of the four' 50 "$default" "$sticky" "$path" "$oidc"

log_mark MARK
alone --canary 50
expect_exit 0 'section 3: the second run'
expect_line 'Modified 0 listener rules' 'section 3: the second run modifies nothing, and says so'
expect_no_modify "$MARK" 'section 4.3: the second run'

RULES='Array.isArray(o.modified) && Array.isArray(o.unchanged)'
alone --canary 30 --json
expect_exit 0 'issue 3: route --json'
expect_json 'section 3: --json names the four modified ones' "o.schemaVersion === 1 && o.canary === 30 && o.primary === 70 && $RULES
  && JSON.stringify(o.modified.sort()) === '$four' && o.unchanged.length === 0"
expect_only_weights 'section 4.3: and nothing else changed' 30 "$default" "$sticky" "$path" "$oidc"
alone --canary 30 --json
expect_json 'section 3: --json names the four unchanged ones' "$RULES && JSON.stringify(o.unchanged.sort()) === '$four' && o.modified.length === 0"

# Restricted.
alone --canary 60 --listener "$(ours o.A)"
expect_exit 0 'issue 3: route --listener'
expect_line 'Modified 2 listener rules' 'issue 3: --listener: only the two rules of that listener'
expect_only_weights 'issue 3: --listener: nothing of the others' 60 "$default" "$sticky"
alone --canary 60 --rule "$path,$oidc" --json
expect_exit 0 'issue 3: route --rule with a comma; what a restricted run left is no drift'
expect_json 'issue 3: --rule: only those two' "$RULES && JSON.stringify(o.modified.sort()) === JSON.stringify(['$path', '$oidc'].sort())"
expect_only_weights 'issue 3: --rule: nothing of the others' 60 "$path" "$oidc"
alone --canary 40 --rule "$sticky" --rule "$default"
expect_exit 0 'issue 3: route --rule twice'
expect_only_weights 'issue 3: --rule twice: those two' 40 "$sticky" "$default"
alone --canary 40 --json
expect_exit 0 'issue 3: route without restriction after that'
expect_json 'issue 3: modified counts real changes only' "$RULES && JSON.stringify(o.modified.sort()) === JSON.stringify(['$path', '$oidc'].sort())
  && JSON.stringify(o.unchanged.sort()) === JSON.stringify(['$sticky', '$default'].sort())"
expect_only_weights 'issue 3: and all four agree' 40 "$path" "$oidc"
foreign=$(json "$WORK/before.json" "Object.values(o.rules).find((r) => r.Listener === '$(ours o.B)' && !r.RuleArn.endsWith('${path##*/}') && r.IsDefault !== 'true').RuleArn")
log_mark MARK
alone --canary 20 --rule "$foreign"
expect_exit '1|2|4' 'issue 3: --rule with a rule that has no such pair is refused'
expect_names 'issue 3: and the message names it' "${foreign##*/}"
expect_no_modify "$MARK" 'issue 3: --rule with a foreign rule'

# No rule with the pair: never "success, nothing moved".
log_mark MARK
OTHER=${groups[3]}
alone --canary 10
OTHER=''
expect_exit 1 'section 4.4: no rule has this pair'
mapfile -t some < <(json "$WORK/before.json" "Object.values(o.rules).filter((r) => JSON.stringify(r.Actions).includes('$PAIR_PRIMARY')).map((r) => r.RuleArn.split('/').pop()).slice(0, 3).join('\n')")
expect_names 'section 4.4: the error lists the rules looked at' "${some[@]}"
check 'section 4.4: and why each was passed over' 'a reason beside each rule' "$(grep -F "${some[0]}" "$ERR" | head -c 200)" \
  test -n "$(grep -A 1 -F "${some[0]}" "$ERR" | grep -Ei '[a-z]+ [a-z]+')"
expect_no_modify "$MARK" 'section 4.4: no rule with the pair'
expect_only_weights 'section 4.4: nothing changed' 40

finish
