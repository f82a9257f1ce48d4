#!/usr/bin/env bash
# After each command the AWS CLI, which knows nothing of ecs-canary, reads the same weights, services and images that
# `status --json` shows (issue 2, "It is done when"). With an account of its own, which has to show in every ARN.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if ! have_aws; then
  echo 'skipped: no aws'
  finish
fi
ACCOUNT=202611112222

# Reads what status shows a second time, over the AWS CLI, into $WORK/seen.
read_aws() {
  local rules definitions pids=()
  read_status
  read -ra rules <<<"$(in_status 'o.rules.map((x) => x.rule).join(" ")')"
  read -ra definitions <<<"$(in_status '[o.primary, o.canary, o.old].filter(Boolean).map((x) => x.taskDefinition).join(" ")')"
  mkdir -p "$WORK/seen"
  rm -f "$WORK"/seen/*
  aws_cli elbv2 describe-rules --rule-arns "${rules[@]}" >"$WORK/seen/rules" 2>"$WORK/seen/rules.err" &
  pids+=("$!")
  aws_cli ecs describe-services --cluster harbour --services quay-blue quay-green >"$WORK/seen/services" 2>"$WORK/seen/services.err" &
  pids+=("$!")
  aws_cli ecr describe-images --repository-name harbour/quay >"$WORK/seen/images" 2>"$WORK/seen/images.err" &
  pids+=("$!")
  for definition in "${definitions[@]}"; do
    aws_cli ecs describe-task-definition --task-definition "$definition" >"$WORK/seen/definition.${definition##*[:/]}" 2>"$WORK/seen/definition.err" &
    pids+=("$!")
  done
  wait "${pids[@]}"
}

# Prints what differs, nothing when both say the same.
differences() {
  read_aws
  node -e '
    const fs = require("node:fs");
    const [dir, statusFile, account] = process.argv.slice(1);
    const read = (name) => {
      try { return JSON.parse(fs.readFileSync(`${dir}/${name}`, "utf8")); }
      catch { throw new Error(`aws gave no ${name}: ${fs.readFileSync(`${dir}/${name}.err`, "utf8").trim()}`); }
    };
    const status = JSON.parse(fs.readFileSync(statusFile, "utf8"));
    const same = (what, shown, aws) => { if (shown !== aws) console.log(`${what}: status ${shown}, aws ${aws}`); };
    const roles = ["primary", "canary", "old"].filter((role) => status[role]);

    const rules = read("rules").Rules;
    same("rules", status.rules.length, rules.length);
    for (const shown of status.rules) {
      const rule = rules.find((r) => r.RuleArn === shown.rule);
      if (!rule) { console.log(`aws knows no rule ${shown.rule}`); continue; }
      const groups = rule.Actions.at(-1).ForwardConfig?.TargetGroups ?? [];
      for (const role of roles) {
        const { colour, weight, targetGroup } = status[role];
        const aws = groups.find((g) => g.TargetGroupArn === targetGroup)?.Weight;
        same(`weight of the ${role} in ${shown.rule}`, shown.weights[colour], aws);
        same(`weight of the ${role}`, weight, aws);
      }
    }

    const services = read("services").services;
    for (const colour of ["blue", "green"]) {
      const service = services.find((s) => s.serviceName === `quay-${colour}`);
      const role = roles.find((name) => status[name].colour === colour);
      same(`desired tasks of quay-${colour}`, role ? status[role].desired : 0, service?.desiredCount ?? 0);
      same(`running tasks of quay-${colour}`, role ? status[role].running : 0, service?.runningCount ?? 0);
      if (!role) continue;
      same(`task definition of quay-${colour}`, status[role].taskDefinition, service?.taskDefinition);
      same(`target group of quay-${colour}`, status[role].targetGroup, service?.loadBalancers?.[0]?.targetGroupArn);
      same(`account of quay-${colour}`, account, service?.serviceArn.split(":")[4]);
    }

    const images = read("images").imageDetails;
    for (const role of roles) {
      const { version, digest, image, taskDefinition } = status[role];
      same(`tag ${version} of the ${role}`, true, images.find((i) => i.imageDigest === digest)?.imageTags?.includes(version) ?? false);
      const { containerDefinitions } = read(`definition.${/[^:/]*$/.exec(taskDefinition)[0]}`).taskDefinition;
      same(`image of the ${role}`, image, containerDefinitions.find((c) => c.name === "quay")?.image);
    }
  ' "$WORK/seen" "$WORK/status.json" "$ACCOUNT" >"$WORK/differences" 2>&1
  [[ ! -s $WORK/differences ]]
}

opinion() { # after WHAT
  # AWS does not always read back at once what was written, so a difference has a few seconds to go away.
  wait_until 10 differences
  check "after $1 the AWS CLI reads what status shows" 'no difference' "$(head -n 4 "$WORK/differences" | tr '\n' ';')" \
    test ! -s "$WORK/differences"
}

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox --account "$ACCOUNT"
new_project harbour
for version in 3.1 3.2 3.3; do make_app "v$version" "$version"; done
must build-infra
take_endpoint
check 'section 6: --account sets the account' "$ACCOUNT" "$(aws_cli sts get-caller-identity 2>&1 | tr -d '\n')" \
  test "$(aws_cli sts get-caller-identity --query Account --output text 2>/dev/null)" = "$ACCOUNT"

must push v3.1 --tag 3.1
must rollout --tag 3.1
opinion 'the first rollout'
must push v3.2 --tag 3.2
must rollout --tag 3.2
opinion 'push and rollout of a canary'
must route --canary 50
opinion 'route --canary 50'
expect_status 'section 2: at 50 % status says so' 'o.canary.weight === 50 && o.primary.weight === 50'
must promote
opinion promote
must destroy-old --yes
opinion destroy-old
must update v3.3 --tag 3.3
opinion update
must rollback
opinion rollback

# status finds every rule that carries the pair: the AWS CLI, going down from the load balancers, finds no other.
pair=$(in_status 'o.primary.targetGroup')
found=$(for balancer in $(aws_cli elbv2 describe-load-balancers --query 'LoadBalancers[].LoadBalancerArn' --output text); do
  for listener in $(aws_cli elbv2 describe-listeners --load-balancer-arn "$balancer" --query 'Listeners[].ListenerArn' --output text); do
    aws_cli elbv2 describe-rules --listener-arn "$listener" \
      --query "Rules[?Actions[?ForwardConfig.TargetGroups[?TargetGroupArn=='$pair']]].RuleArn" --output text
  done
done | tr '\t' '\n' | grep . | sort)
shown=$(in_status 'o.rules.map((x) => x.rule).sort().join("\n")')
check 'section 4.2: status shows every rule that carries the pair' "${found:-some rule}" "$shown" test -n "$found" -a "$found" = "$shown"

finish
