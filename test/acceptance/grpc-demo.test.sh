#!/usr/bin/env bash
# `make demo` shows the pair, and updates its server from 0.9 to 1.0 with A's transcript, line by line (issue 7, A:106-162):
# curl calls the client, which calls the server by gRPC, and not one call fails.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"
LIMIT=270

seen=$(node -e 'console.log(require(process.argv[1]).scripts.demo)' "$ROOT/package.json")
check 'section 7: make demo is what is run here' "… ${DEMO[*]}" "$seen" grep -qF "${DEMO[*]}" <<<"$seen"
check 'section 7: the Makefile has it' 'a target demo' none grep -q '^demo:' "$ROOT/Makefile"

prepare_call 'make demo'
PROJECT=$ROOT
in_project timeout -s TERM "$LIMIT" "${DEMO[@]}"
expect_exit 0 'issue 7: make demo'

tr -d '\r' <"$OUT" | sed 's/^ *//' >"$WORK/demo"
response() { echo "Response from the server: Hello, Yusuke-san! \(Said [0-9a-f.:]+, Version $1\)"; } # VERSION
transcript() { # TEXT REGEX…: whole lines, in this order, others may stand between
  local text=$1 line
  shift
  while IFS= read -r line; do
    [[ $# -gt 0 && $line =~ ^($1)$ ]] && shift
  done <"$WORK/demo"
  check "$text" "/${1:-all}/, after the ones before it" "$(tail -n 3 "$WORK/demo" | tr '\n' ';')" test $# -eq 0
}
transcript "A:112-162: A's transcript, in A's order" '.*curl .*name=Yusuke.*' "$(response '0\.9')" 'Waiting for ECS Service to be in RUNNING state\.\.\.' \
  'Tasks are starting \(0/2\)\.\.\.' 'Tasks started' 'Updating traffic route' 'Routing 50% of traffic to the new service' \
  "$(response '(0\.9|1\.0)')" 'Updating traffic route' 'Routing 100% of traffic to the new service' "$(response '1\.0')"
transcript 'A:162: and its end' 'Routing 100% of traffic to the new service' 'The Server 0\.9 can now be safely destroyed\..*'
seen=$(grep -oE '^Response from the server: .*Version [0-9.]+' "$WORK/demo" | sed 's/.* //' | uniq | tr '\n' ' ')
check 'A:113-160: the loop saw 0.9, then both, then 1.0' '0.9 1.0 0.9 … 1.0' "${seen:0:120}" grep -Eqx '(0\.9 1\.0 ){2,}' <<<"$seen"
before=$(sed '/^Routing 50% /q' "$WORK/demo" | grep -c 'Version 1\.0)')
check 'A:113-133: before the route only 0.9' 'no line of 1.0' "$before" test "$before" -eq 0
seen=$(grep -E '\(Error\)|[Ee]rrors?( so far)?: *[1-9]' "$WORK/demo" | head -n 3 | tr '\n' ';')
check 'issue 7: not one call fails' none "$seen" test -z "$seen"
check 'issue 7: and it says so' 'errors: 0' "$(tail -n 3 "$WORK/demo" | tr '\n' ';')" grep -Eiq 'errors?( so far)?: *0\b' "$WORK/demo"
check 'issue 7: that it is a client and a server is told' 'gRPC, client and server' none \
  test "$(grep -ciE 'grpc' "$WORK/demo")" -ge 1 -a "$(grep -ci client "$WORK/demo")" -ge 1

finish
