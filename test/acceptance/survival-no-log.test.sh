#!/usr/bin/env bash
# `rollback` without the release log (issue 4.4): deleted by somebody, and with SSM out of reach. Traffic comes first, and
# not one request fails; the next update finds nothing in its way.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at AWS's time
start_sandbox
new_project harbour
set_setting SETTLE 0.2s
set_setting HOLD 0.3s
must build-infra
take_endpoint
for version in 4.1 4.2; do
  make_ferry "v$version" "$version"
  must push "v$version" --tag "$version"
done
must rollout --tag 4.1
expect_soon 10 'preparing: 4.1 answers' 'Version 4.1' answers 4.1
start_requests

# Everything that SSM holds: a rollback does not need it to see who has most of the weight, and since when.
delete_parameters() {
  local name names
  api_json ssm AmazonSSM.GetParametersByPath '{"Path":"/","Recursive":true}' >"$WORK/parameters.json"
  mapfile -t names < <(json "$WORK/parameters.json" 'o.Parameters.map((p) => p.Name).join("\n")')
  check 'preparing: there is a log to delete' 'some parameters' "$(head -c 200 "$WORK/parameters.json")" test -n "${names[0]:-}"
  while [[ -n ${names[0]:-} ]]; do
    for name in "${names[@]}"; do api_json ssm AmazonSSM.DeleteParameter "{\"Name\":\"$name\"}" >/dev/null; done
    api_json ssm AmazonSSM.GetParametersByPath '{"Path":"/","Recursive":true}' >"$WORK/parameters.json"
    mapfile -t names < <(json "$WORK/parameters.json" 'o.Parameters.map((p) => p.Name).join("\n")')
  done
}
text='issue 4: half-way, with the release log deleted'
canary_at 30 "$text"
delete_parameters
cli rollback
expect_exit 0 "$text"
expect_primary 4.1 "$text"
expect_weights 0 "$text: in every rule of the pair"

# SSM does not answer at all.
text='issue 4: half-way, with SSM out of reach'
canary_at 30 "$text"
for operation in GetParameter GetParameters GetParametersByPath PutParameter DeleteParameter DeleteParameters; do
  fault "$operation" --cut-before --times always
done
cli rollback
expect_exit 0 "$text"
expect_stderr 'SSM|log|record|parameter|lock' "$text: warns"
rollback_out=$OUT rollback_err=$ERR
clear_faults
OUT=$rollback_out ERR=$rollback_err COMMAND='ecs-canary rollback'
expect_weights 0 "$text: in every rule of the pair"
expect_primary 4.1 "$text"

# Who goes on from there has to look, and to say so.
cli update v4.2 --tag 4.2 --accept-drift
expect_exit 0 'issue 4: the next update finds nothing in its way'
expect_primary 4.2 'issue 4: the next update'
more_requests 10
stop_requests
expect_no_errors 'issue 4: through all of it' 100

finish
