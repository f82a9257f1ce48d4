#!/usr/bin/env bash
# examples/echo-http as its reader takes it: a copy of it, a .env of one's own, `make build-infra`, the version edited,
# `make update` (issue 2, part b; A:27-162), and one more update in steps of one's own.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
new_project echoes SERVICE_NAME=server HEALTH_CHECK_PATH=/ping
settings=$PROJECT/.env
sed -i '/^SERVICE_NAME=quay$/d; /^HEALTH_CHECK_PATH=\/health$/d' "$settings"

# The copy lies in a repository of its own, all else of which is the one under test, so that the Makefile finds the CLI
# by whatever way it goes: a path upwards, the variable ECS_CANARY, or the PATH.
mkdir -p "$WORK/repository/examples" "$WORK/bin"
for entry in "$ROOT"/*; do
  [[ ${entry##*/} == examples ]] || ln -s "$entry" "$WORK/repository/"
done
cp -r "$ROOT/examples/echo-http" "$WORK/repository/examples/echo-http" || give_up 'issue 2: there is examples/echo-http' "$ROOT/examples/echo-http" none
printf '#!/bin/sh\nexec node "%s" "$@"\n' "$CLI" >"$WORK/bin/ecs-canary"
chmod +x "$WORK/bin/ecs-canary"
export PATH="$WORK/bin:$PATH" ECS_CANARY="node $CLI"
PROJECT=$WORK/repository/examples/echo-http
cp "$settings" "$PROJECT/.env"

make_target() { # TARGET: like cli, with make
  prepare_call "make $1"
  in_project timeout -s KILL "$LIMIT" make "$1"
}

says_hello() { # VERSION
  [[ $(web "$ENDPOINT/?name=Yusuke") =~ ^'Response from the server: Hello, Yusuke-san! (Said '[0-9a-f.:]+", Version $1)"$ ]]
}
set_version() { # FROM TO: the one line that A:82-83 edits
  local files
  mapfile -t files < <(grep -rlE "version = ['\"]${1//./\\.}['\"]" "$PROJECT" --include='*.[jt]s' --include='*.mjs' --include='*.cjs' --exclude-dir=node_modules)
  check "issue 2: the version $1 is a one-line constant" 'one file with it' "${files[*]}" test "${#files[@]}" -eq 1
  sed -i -E "s/(version = ['\"])${1//./\\.}(['\"])/\1$2\2/" "${files[@]}"
}

check "issue 2: .env-sample has A's variables" 'PROJECT_NAME AWS_DEFAULT_REGION AWS_ACCOUNT_ID ENVOY_IMAGE KEY_PAIR' "$(tr '\n' ' ' <"$ROOT/.env-sample")" \
  test "$(grep -oE '(PROJECT_NAME|AWS_DEFAULT_REGION|AWS_ACCOUNT_ID|ENVOY_IMAGE|KEY_PAIR)=' "$ROOT/.env-sample" | sort -u | wc -l)" -eq 5

make_target build-infra
expect_exit 0 'A:37: make build-infra'
take_endpoint
expect_soon 5 'A:46-57: the first version answers at the public endpoint' 'Hello, Yusuke-san! … Version 0.9' says_hello 0.9
ping=$(web -o /dev/null -w '%{http_code}' "$ENDPOINT/ping")
check 'issue 2: /ping is there' 200 "$ping" test "$ping" = 200

set_version 0.9 1.0
start_requests '/?name=Yusuke'
make_target update
more_requests 20
stop_requests
expect_exit 0 'A:121: make update'
expect_lines_in_order "A:127-162: A's lines in A's order" 'Waiting for ECS Service to be in RUNNING state\.\.\.' 'Tasks are starting \(0/2\)\.\.\.' \
  'Tasks started' 'Updating traffic route' 'Routing 50% of traffic to the new service' 'Routing 100% of traffic to the new service' \
  'Modified [1-9][0-9]* listener rules?' 'The Server 0\.9 can now be safely destroyed\.'
expect_soon 5 'A:154: the new version answers' 'Hello, Yusuke-san! … Version 1.0' says_hello 1.0
bad=$(grep -vcE ' HTTP=200$' "$WORK/requests.log")
check 'A:108: "seamlessly": not one error' 0 "$bad of $(request_count)" test "$bad" -eq 0
seq=$(grep -oE 'Version [0-9.]+' "$WORK/requests.log" | awk '{ print $2 }' | uniq | tr '\n' ' ')
check 'A:138-160: the loop saw the old version, both, the new one' '0.9 … 1.0, changing in between' "${seq:0:100}" \
  grep -Eqx '(0\.9 1\.0 ){2,}' <<<"$seq"

set_version 1.0 1.1
cli update --tag 1.1 --steps 25,100 --hold 1s
expect_exit 0 'section 2: update with steps, of this directory'
expect_lines_in_order 'section 2: the steps asked for' 'Routing 25% of traffic to the new service' 'Routing 100% of traffic to the new service' \
  'The Server 1\.0 can now be safely destroyed\.'
expect_soon 5 'section 2: the new version answers' 'Hello, Yusuke-san! … Version 1.1' says_hello 1.1

finish
