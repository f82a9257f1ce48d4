#!/usr/bin/env bash
# build-infra a second time writes nothing, by the sandbox's request log, and says so, whatever state the release is in, on
# whatever machine, and whatever was added to the settings before (issue 5, "Twice in a row").
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox --page-size 3
new_project harbour DESIRED_COUNT=1
set_setting SETTLE 0.2s
must build-infra
take_endpoint
again 'issue 5: twice in a row'
expect_lines_in_order 'section 2: and prints the endpoint' 'Public endpoint:' "http://127\.0\.0\.1:$PORT_PUBLIC/?"
again 'issue 5: as JSON' --json
expect_json 'section 3: as JSON, with nothing to do' 'o.schemaVersion === 1 && /^http:\/\/127/.test(o.publicEndpoint) && o.bastionEndpoint === null'
elsewhere
again 'issue 5: on another machine'

make_ferry v4.1 4.1
make_ferry v4.2 4.2
must update v4.1 --tag 4.1
must push v4.2 --tag 4.2
must rollout --tag 4.2
must route --canary 30
remember_rules
again 'issue 5: with a canary at 30 %'
must promote
again 'issue 5: after a promotion'
must destroy-old --yes
again 'issue 5: after destroy-old'
expect_primary 4.2 'issue 5: and nothing of it was seen by users'

setting CERTIFICATE_ARN "$(certificate)"
setting HTTPS_LISTENER_PORT "$(free_ports 1)"
setting SERVICES quay,tug
setting TUG_EXPOSE public
setting TUG_PATH_PATTERN '/tug/*'
must build-infra
again 'issue 5: with a certificate and a second service'
setting TERMINATION_PROTECTION true
must build-infra
again 'issue 5: with termination protection'

# Drift is not a change of the settings: AWS does not look at it either (issue 5.7).
elb_must 'an attribute changed by hand' 'for (const g of (await call("DescribeTargetGroups")).TargetGroups)
  await call("ModifyTargetGroupAttributes", { TargetGroupArn: g.TargetGroupArn, Attributes: [{ Key: "deregistration_delay.timeout_seconds", Value: "17" }] })'
again 'issue 5.7: with drift'
# But a rule is of the CLI, and one that is gone is made again, with the live weights.
remember_rules
elb_must 'a rule deleted by hand' 'const { rules, listeners } = await everything();
  const ours = Object.values(rules).filter((r) => r.IsDefault !== "true");
  const rule = ours.find((r) => listeners[r.Listener].Protocol === "HTTPS") ?? ours.find((r) => JSON.stringify(r.Conditions).includes("/tug/"));
  await call("DeleteRule", { RuleArn: rule.RuleArn })'
cli build-infra
expect_exit 0 'issue 5.3: a rule that somebody deleted'
same_rules 'issue 5.3: a rule that somebody deleted is there again, with the live weights'

finish
