#!/usr/bin/env bash
# Which task runner is taken: `process`, whatever is installed, unless --runner says otherwise; one that is not there or does
# not answer is a clear error, and nothing is started (section 6, issue 6.4).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/push-lib.sh"

PROJECT=$WORK/anywhere
mkdir "$PROJECT"
make_path
API_PORT=$(free_ports 1)
SANDBOX_DIR=$WORK/sandbox
SANDBOXES+=("$SANDBOX_DIR")

cli sandbox start --help
expect_exit 0 'section 2: sandbox start --help'
for word in --runner process docker podman; do
  says "(^|[^a-z])$word" "issue 6: sandbox start --help has $word"
done

not_started() { # CODES REGEX TEXT OPTION…
  local codes=$1 regex=$2 text=$3
  shift 3
  CLI_ENV=("PATH=$STUB_PATH" "${EXTRA[@]}")
  cli sandbox start --detach --port "$API_PORT" --dir "$SANDBOX_DIR" "$@"
  CLI_ENV=()
  expect_exit "$codes" "$text"
  expect_stderr "$regex" "$text: the message names it"
  expect_one_message "$text"
  check "$text: nothing was started" "port $API_PORT closed" open port_closed "$API_PORT"
}
EXTRA=()
for runner in docker podman; do
  not_started '1|2' "$runner" "issue 6: --runner $runner where there is none" --runner "$runner"
  has_next "issue 6: --runner $runner where there is none"
  stub "$runner" silent
  not_started '1|2' "$runner" "issue 6: --runner $runner that does not answer" --runner "$runner"
  no_stubs
done
not_started 2 'lxc|process.*docker.*podman' 'issue 6: a runner that there is not' --runner lxc
EXTRA=(ECS_CANARY_RUNNER=podman)
not_started '1|2' 'podman' 'section 2: ECS_CANARY_RUNNER=podman where there is none'
EXTRA=()

# Engines that are there change nothing by themselves.
stub docker good
stub podman good
CLI_ENV=("PATH=$STUB_PATH")
SPEED=$((SPEED * 2))
start_sandbox
new_project harbour
set_line BUILDER pack
make_lantern v1 3.1
cli build-infra
take_endpoint
must push v1 --tag 3.1
cli rollout --tag 3.1
expect_exit 0 'section 6: a rollout without --runner'
expect_soon 10 'section 6: its tasks are processes' 'Version 3.1' answers 3.1
check 'section 6: two processes of this machine' 2 "$(running 3.1 | wc -l)" test "$(running 3.1 | wc -l)" -eq 2
seen=$(grep -lxE 'run|create|start|load' "$WORK"/stub-calls/*/args 2>/dev/null | head -n 1)
check 'section 6: the runner is never chosen by what is installed' 'no container' "$seen" test -z "$seen"

finish
