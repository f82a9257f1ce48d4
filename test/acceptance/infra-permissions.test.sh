#!/usr/bin/env bash
# The policies of docs/iam, enforced by the sandbox: each command works with its policy, and what a policy does not grant is
# refused: exit 1, the action is named, nothing has changed (issue 5.6).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
for name in infra deploy route read-only; do
  check "issue 5.6: docs/iam has a policy $name" "docs/iam/$name.json" "$(cd "$ROOT/docs" && find . -path './iam/*' | sort | tr '\n' ' ')" \
    test -f "$ROOT/docs/iam/$name.json"
done
[[ -f $ROOT/docs/iam/infra.json ]] || finish

# The file as it stands; or, where it has places to fill in, filled in as a reader would.
policy() { # NAME: POLICY
  POLICY=$WORK/$1.json
  sed -E "s/\\$\{?(AWS_)?ACCOUNT(_?ID)?\}?|<account(-id)?>|123456789012|111122223333/$ACCOUNT/gi
    s/\\$\{?(AWS_DEFAULT_|AWS_)?REGION\}?|<region>|us-east-1|eu-west-1/$REGION/gi
    s/\\$\{?PROJECT(_?NAME)?\}?|<project(-name)?>/harbour/gi
    s/\\$\{?SERVICE(_?NAME)?\}?|<service(-name)?>/quay/gi
    s/\b(AWS_)?ACCOUNT(_ID)?\b/$ACCOUNT/g
    s/\b(AWS_DEFAULT_)?REGION\b/$REGION/g
    s/\bPROJECT(_NAME)?\b/harbour/g
    s/\bSERVICE(_NAME)?\b/quay/g" "$ROOT/docs/iam/$1.json" >"$POLICY"
  check "issue 5.6: policy $1 is JSON" 'a Statement' "$(head -c 200 "$POLICY")" test "$(json "$POLICY" '!!o.Statement' 2>&1)" = true
  check "issue 5.6: policy $1 has resource limits" 'no action * and some resource with the project or a pattern' 'none' \
    test "$(json "$POLICY" '((all) => all.every((s) => ![].concat(s.Action ?? []).includes("*")) && all.some((s) => ![].concat(s.Resource ?? []).includes("*")))([].concat(o.Statement))' 2>&1)" = true
}
under() { # POLICY: the same sandbox, with all it holds, whose callers have that policy
  [[ ! -d $WORK/sandbox ]] || must sandbox stop --dir "$WORK/sandbox"
  policy "$1"
  start_sandbox --policy "$POLICY"
  UNDER=$1
}
works() { # ARGUMENT…
  cli "$@"
  expect_exit 0 "issue 5.6: $* works with policy $UNDER"
  says_not 'AccessDenied|not authorized' "issue 5.6: $* with policy $UNDER: nothing is refused"
}
refused() { # ARGUMENT…
  local mark seen text="issue 5.6: $* with policy $UNDER"
  log_mark mark
  cli "$@"
  expect_exit 1 "$text is refused"
  expect_stderr '\b[a-z0-9-]+:[A-Z][A-Za-z]+' "$text: the action is named"
  seen=$(log_since "$mark" 'c.write && c.status === 200')
  check "$text: no write came through" none "${seen//$'\n'/, }" test -z "$seen"
}

start_sandbox
new_project harbour DESIRED_COUNT=1
set_setting SETTLE 0.2s
for version in 4.1 4.2 4.3; do make_ferry "v$version" "$version"; done

under infra
works build-infra --dry-run
works build-infra --change-set
works build-infra
take_endpoint
setting CERTIFICATE_ARN "$(certificate)"
setting HTTPS_LISTENER_PORT "$(free_ports 1)"
setting DEREGISTRATION_DELAY 12
works build-infra
works build-infra # nothing to do

under deploy
works update v4.1 --tag 4.1
works push v4.2 --tag 4.2
works rollout --tag 4.2
works route --canary 50
works rollback
works rollout --tag 4.2
works promote
works status
works history
works destroy-old --yes
works update v4.3 --tag 4.3 --destroy-old
works rollout --tag 4.2
take_pair
cp "$PROJECT/.env" "$WORK/good.env"
setting DEREGISTRATION_DELAY 17
refused build-infra
cp "$WORK/good.env" "$PROJECT/.env"

under route
await_healthy "$PAIR_PRIMARY" 1
await_healthy "$PAIR_CANARY" 1
works status
works route --canary 30
works route --canary 10 --primary-target-group "$PAIR_PRIMARY" --canary-target-group "$PAIR_CANARY"
# The policy grants what the command needs, and not the calls of this test.
read_status
seen=$(in_status 'JSON.stringify(o.rules.map(({ weights }) => Math.min(weights.blue, weights.green)))')
check 'issue 5.6: weights are moved with policy route' 'weight 10 for the canary in every rule' "$seen" grep -qE '^\[10(,10)*\]$' <<<"$seen"
works route --canary 0
refused push v4.1 --tag 9.9
setting DEREGISTRATION_DELAY 17
refused build-infra
cp "$WORK/good.env" "$PROJECT/.env"

under read-only
await_healthy "$PAIR_PRIMARY" 1
await_healthy "$PAIR_CANARY" 1
remember_rules
remember_status
works status
works history
works build-infra --dry-run
works route --canary 60 --dry-run
refused route --canary 60
refused promote
refused rollout --tag 4.1 --replace
refused destroy-infra --yes
setting DEREGISTRATION_DELAY 17
refused build-infra
same_rules 'issue 5.6: after all that was refused no weight moved'
same_status 'issue 5.6: and all runs as it did'

under infra
works destroy-infra --dry-run
works destroy-infra --yes
check 'issue 5.6: destroy-infra with policy infra leaves nothing' 'no stack' "$(stacks | tr '\n' ';')" no_stacks

# A policy of one's own that lacks an action: it is named, and so is what to do.
node -e '
  const fs = require("node:fs");
  const policy = JSON.parse(fs.readFileSync(process.argv[1], "utf8"));
  policy.Statement = [].concat(policy.Statement, { Sid: "Not", Effect: "Deny", Action: "elasticloadbalancing:CreateRule", Resource: "*" });
  fs.writeFileSync(process.argv[2], JSON.stringify(policy));' "$POLICY" "$WORK/lacking.json"
must sandbox stop --dir "$WORK/sandbox"
start_sandbox --policy "$WORK/lacking.json"
cli build-infra
expect_exit 1 'issue 5.6: build-infra without elasticloadbalancing:CreateRule'
expect_stderr 'elasticloadbalancing:CreateRule' 'issue 5.6: the action that is missing is named'
must sandbox stop --dir "$WORK/sandbox"
start_sandbox --policy "$POLICY"
works build-infra

finish
