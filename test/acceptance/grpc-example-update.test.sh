#!/usr/bin/env bash
# The example pair as its reader takes it (issue 7.1; A:20-162): a copy of it, a .env of one's own, `make build-infra`, curl
# through the client, the server's version edited, `cd server && make update` behind the running client.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"
LIMIT=150

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
new_project echoes
settings=$PROJECT/.env
mkdir -p "$WORK/repository/examples" "$WORK/bin"
for entry in "$ROOT"/*; do
  [[ ${entry##*/} == examples ]] || ln -s "$entry" "$WORK/repository/"
done
cp -r "$ROOT/examples/echo" "$WORK/repository/examples/echo"
printf '#!/bin/sh\nexec node "%s" "$@"\n' "$CLI" >"$WORK/bin/ecs-canary"
chmod +x "$WORK/bin/ecs-canary"
export PATH="$WORK/bin:$PATH" ECS_CANARY="node $CLI"
PROJECT=$WORK/repository/examples/echo
# The sample, with values of this test in place of its own.
KEYS='PROJECT_NAME|AWS_DEFAULT_REGION|AWS_ACCOUNT_ID|LISTENER_PORT|INTERNAL_LISTENER_PORT|HEALTH_CHECK_GRACE_PERIOD|DEREGISTRATION_DELAY|POLL_INTERVAL|SETTLE|HOLD'
{
  grep -hvE "^($KEYS|KEY_PAIR|BASTION_CIDR)=" "$PROJECT/.env-sample" 2>/dev/null
  grep -E "^($KEYS)=" "$settings"
} >"$PROJECT/.env"

make_target() { # FOLDER TARGET: like cli, with make
  prepare_call "cd $1 && make $2"
  in_project timeout -s KILL "$LIMIT" make -C "$1" --no-print-directory "$2"
}
says_hello() { # VERSION
  [[ $(web "$ENDPOINT/?name=Yusuke") =~ ^'Response from the server: Hello, Yusuke-san! (Said '[0-9a-f.:]+", Version $1)"$ ]]
}

make_target "$EXAMPLE_INFRA" build-infra
expect_exit 0 'A:37: make build-infra'
take_endpoint
expect_soon 20 'A:46-57: curl is answered, through client and server' 'Hello, Yusuke-san! … Version 0.9' says_hello 0.9
seen=$(elb 'return [...new Set((await all("DescribeTargetGroups", {}, "TargetGroups")).map((g) => g.ProtocolVersion))].sort().join(" ")')
check 'issue 7.1: HTTP before the client, gRPC before the server' 'GRPC HTTP1' "$seen" test "$seen" = 'GRPC HTTP1'

mapfile -t files < <(grep -rlE "version = ['\"]0\.9['\"]" "$PROJECT/server" --include='*.[jt]s' --include='*.mjs' --include='*.cjs' --exclude-dir=node_modules)
check 'A:82: the version is a one-line constant' 'one file with it' "${files[*]}" test "${#files[@]}" -eq 1
sed -i -E "s/(version = ['\"])0\.9(['\"])/\11.0\2/" "${files[@]}"
start_requests '/?name=Yusuke'
make_target server update
more_requests 20
stop_requests
expect_exit 0 'A:120-121: cd server, make update'
expect_lines_in_order "A:127-162: A's lines in A's order" 'Waiting for ECS Service to be in RUNNING state\.\.\.' 'Tasks are starting \(0/2\)\.\.\.' \
  'Tasks started' 'Updating traffic route' 'Routing 50% of traffic to the new service' 'Routing 100% of traffic to the new service' \
  'The Server 0\.9 can now be safely destroyed\.'
expect_soon 5 'A:154: the new version answers' 'Hello, Yusuke-san! … Version 1.0' says_hello 1.0
bad=$(grep -vE 'Hello, Yusuke-san! \(Said [0-9a-f.:]+, Version (0\.9|1\.0)\) +HTTP=200$' "$WORK/requests.log" | head -n 3 | tr '\n' ';')
check 'A:108: "seamlessly without breaking the client": not one error' "none of $(request_count)" "$bad" test -z "$bad"
seq=$(grep -oE 'Version [0-9.]+' "$WORK/requests.log" | awk '{ print $2 }' | uniq | tr '\n' ' ')
check 'A:138-160: the loop saw the old version, both, the new one' '0.9 … 1.0, changing in between' "${seq:0:100}" \
  grep -Eqx '(0\.9 1\.0 ){2,}' <<<"$seq"

finish
