#!/usr/bin/env bash
# Group stickiness (issue 3, 7): in the sandbox cookies really stick; a rollback on a sticky rule exits 4 and says until
# when; --break-stickiness switches it off and the next route puts it back; destroy-old waits it out.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"

ready 3.1 3.2 3.3
must rollout --tag 3.1
must rollout --tag 3.2
take_pair
read_status
RULE=$(in_status 'o.rules[0].rule')
stick() { # SECONDS: the rule's stickiness, by hand
  elb_must 'stickiness' 'await change(args[0], (a) => { a.ForwardConfig.TargetGroupStickinessConfig = { Enabled: true, DurationSeconds: args[1] }; })' "$RULE" "$1"
}
stickiness() { # as AWS has it: "true 600"
  elb 'const s = (await everything()).rules[args[0]].Actions.at(-1).ForwardConfig.TargetGroupStickinessConfig ?? {}; return `${s.Enabled} ${s.DurationSeconds ?? "-"}`' "$RULE"
}
sticky_is() { [[ $(stickiness) == "$1"* ]]; }

# destroy-old waits for the last visitor: his time runs from the moment the weight went away.
stick 8
must route --canary 50
must promote
cli destroy-old --yes --timeout 60s
expect_exit 0 'issue 3: destroy-old after a promotion on a sticky rule'
waited=$(node -e '
  const calls = require("node:fs").readFileSync(process.argv[1], "utf8").split("\n").filter(Boolean).map(JSON.parse).filter((c) => c.status === 200);
  const last = (name) => calls.findLastIndex((c) => name.test(c.operation));
  const weight = last(/^Modify(Rule|Listener)$/), stop = calls.findIndex((c, i) => i > weight && c.operation === "UpdateService");
  console.log(stop > weight ? Date.parse(calls[stop].time) - Date.parse(calls[weight].time) : `no UpdateService after the last weight`);' "$SANDBOX_DIR/requests.ndjson")
check 'issue 3: it waits the stickiness out' 'at least 8 s from the last weight to the stop' "$waited ms" grep -qxE '[0-9]{5,}|[89][0-9]{3}' <<<"$waited"
expect_soon 10 'section 2: then it is gone' 'no process of 3.1' nothing_runs 3.1

must rollout --tag 3.3
stick 1200 # a minute in this sandbox

cli route --canary 50
expect_exit 0 'issue 3: route on a sticky rule'
expect_stderr 'stick' 'issue 3: warns of the stickiness'
expect_stderr '1200|20 ?m' 'issue 3: says for how long'
check 'section 4.3: and leaves it alone' 'true 1200' "$(stickiness)" sticky_is 'true 1200'
take_pair
expect_weights 50 'section 4.3: the weights are as asked'

# Twelve visitors with a cookie jar each.
version_of() { sed -E 's/^.*\(Version ([^,]*),.*$/\1/' <<<"$1"; }
visit() { version_of "$(web -b "$WORK/jar.$1" "$ENDPOINT/" 2>&1)"; } # VISITOR: with the cookies as they were
visitors=()
moved=0
for v in 1 2 3 4 5 6 7 8 9 10 11 12; do
  visitors[v]=$(version_of "$(web -c "$WORK/jar.$v" "$ENDPOINT/" 2>&1)")
  seen=$(web -b "$WORK/jar.$v" -w '\n' "$ENDPOINT/?n=[1-12]" 2>&1 | grep . | sed -E 's/^.*\(Version ([^,]*),.*$/\1/' | sort -u)
  [[ $seen == "${visitors[v]}" ]] || moved=$((moved + 1))
done
check 'issue 3: the sandbox gives the cookie' AWSALBTG "$(grep -ho 'AWSALBTG[A-Z]*' "$WORK/jar.1" | sort -u | tr '\n' ' ')" grep -qw AWSALBTG "$WORK/jar.1"
check 'issue 3: whoever has one stays where he is' 'nobody moves' "$moved of 12 moved: ${visitors[*]}" test "$moved" -eq 0
on_new='' on_old=''
for v in "${!visitors[@]}"; do
  [[ ${visitors[v]} == 3.3 ]] && on_new=$v
  [[ ${visitors[v]} == 3.2 ]] && on_old=$v
done
check 'section 1: at 50 % there are visitors of both (fails once in 2000)' 'both versions' "${visitors[*]}" test -n "$on_new" -a -n "$on_old"
[[ -n $on_new ]] || { on_new=1; }

cli rollback
expect_exit 4 'issue 3: rollback on a sticky rule'
expect_weights 0 'issue 3: the weights are back all the same'
says 'stick' 'issue 3: rollback says why'
says '[0-9]{1,2}:[0-9]{2}' 'issue 3: and until when'
says 'break-stickiness' 'issue 3: and how to end it'
check 'issue 3: indeed: who was on the canary stays there' 'Version 3.3' "$(visit "$on_new")" test "$(visit "$on_new")" = 3.3
seen=$(count_versions 40)
check 'section 2: who is new comes to the old version' '3.2 40' "$seen" test "$seen" = '3.2 40'

cli rollback
expect_exit 4 'issue 3: the same rollback again: cookies still hold clients'

cli rollback --break-stickiness
expect_exit 0 'issue 3: rollback --break-stickiness'
expect_soon 5 'issue 3: switches the group stickiness off' false sticky_is false
back_on_old() { [[ $(visit "$on_new") == 3.2 ]]; }
expect_soon 5 'issue 3: and nobody is on the canary any more' 'Version 3.2' back_on_old
expect_weights 0 'issue 3: the weights stay back'

must rollout --tag 3.1
cli route --canary 10
expect_exit 0 'issue 3: the next route'
expect_soon 5 'issue 3: puts the stickiness back' 'true 1200' sticky_is 'true 1200'
take_pair
expect_weights 10 'issue 3: and the weights are as asked'

# With the switch at once, from a canary with weight.
log_mark MARK
cli rollback --break-stickiness
expect_exit 0 'issue 3: rollback --break-stickiness from a canary'
expect_weights 0 'issue 3: the weights are back'
expect_soon 5 'issue 3: the stickiness is off' false sticky_is false
writes=$(modifies_since "$MARK")
check 'section 2: in one weight change, and at most one more for the stickiness' '1 or 2 writes for the one rule' "$writes" test "$writes" -ge 1 -a "$writes" -le 2

finish
