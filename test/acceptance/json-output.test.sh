#!/usr/bin/env bash
# With --json, stdout is exactly one JSON object with the keys of section 3, of errors too; all else goes to stderr.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
new_project harbour
for version in 3.1 3.2 3.3; do make_app "v$version" "$version"; done

object() { # CODE EXPRESSION ARGUMENT…
  local code=$1 expression=$2
  shift 2
  cli "$@" --json
  expect_exit "$code" "$* --json"
  expect_json "section 3: $* --json: one object with its keys" "$expression"
}
V='o.schemaVersion === 1'
ERROR='typeof o.error === "object" && typeof o.error.code === "string" && typeof o.error.message === "string" && o.error.message !== ""
  && "usersAre" in o.error && "next" in o.error'

object 0 "$V && /^http:/.test(o.publicEndpoint) && 'bastionEndpoint' in o" build-infra
ENDPOINT=$(json "$OUT" 'o.publicEndpoint')
ENDPOINT=${ENDPOINT%/}
object 0 "$V && o.tag === '3.1' && /^sha256:[0-9a-f]{64}\$/.test(o.digest) && o.image.includes('harbour/quay')" push v3.1 --tag 3.1
digest=$(json "$OUT" 'o.digest')
object 0 "$V" rollout --tag 3.1
expect_stderr 'Waiting for ECS Service to be in RUNNING state' 'section 3: with --json the progress goes to stderr'
expect_soon 5 'section 3: publicEndpoint of build-infra is where it answers' 'Version 3.1' answers 3.1

object 0 "$V && o.project === 'harbour' && o.service === 'quay' && o.state === 'primary' && o.primary.digest === '$digest'
  && o.canary === null && o.old === null && Array.isArray(o.rules) && o.rules.length > 0 && Array.isArray(o.next)
  && o.rules.every((x) => /listener-rule\//.test(x.rule) && /listener\//.test(x.listener) && x.weights.blue + x.weights.green === 100)" status
must push v3.2 --tag 3.2
must rollout --tag 3.2
read_status
rules=$(in_status 'o.rules.map((x) => x.rule).sort()')

RULES='Array.isArray(o.modified) && Array.isArray(o.unchanged)'
object 0 "$V && o.canary === 50 && o.primary === 50 && $RULES && JSON.stringify(o.modified.sort()) === '$rules' && o.unchanged.length === 0" route --canary 50
object 0 "$V && o.canary === 50 && o.primary === 50 && $RULES && JSON.stringify(o.unchanged.sort()) === '$rules' && o.modified.length === 0" route --canary 50
object 0 "$V" rollback --dry-run
object 0 "$V" promote
object 0 "$V" rollback
object 0 "$V" destroy-old --yes
object 0 "$V" update v3.3 --tag 3.3
expect_stderr 'Routing 50% of traffic to the new service' 'section 3: with --json the lines of an update go to stderr'
object 0 "$V" probe --url "$ENDPOINT/" -n 20
object 0 "$V" sandbox status --dir "$SANDBOX_DIR"

# Errors: of usage, of configuration, of the state.
object 2 "$ERROR" route --canary 150
object 2 "$ERROR" sail
object 2 "$ERROR" destroy-old
object 1 "$ERROR" promote
object '1|2' "$ERROR && JSON.stringify(o.error).includes('9.9')" rollout --tag 9.9
CLI_ENV=(DESIRED_COUNT=two)
object 2 "$ERROR && o.error.message.includes('DESIRED_COUNT')" update v3.3 --tag 3.3
CLI_ENV=()

object 0 "$V" destroy-infra --yes

finish
