#!/usr/bin/env bash
# HTTP and gRPC services in one project, treated alike (issue 7.2, 7.5): each has its own protocol, health check, name and
# endpoint; each is released while the other is under load; two gRPC services share the internal listener by path.
# shellcheck disable=SC2016 # JavaScript, and texts for people
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
new_project harbour SERVICES=pier,quay,tug DESIRED_COUNT=1 PIER_EXPOSE=public PIER_HEALTH_CHECK_PATH=/health \
  QUAY_PROTOCOL=grpc QUAY_EXPOSE=internal QUAY_PATH_PATTERN='/quay.Harbour/*' \
  TUG_PROTOCOL=grpc TUG_EXPOSE=internal TUG_PATH_PATTERN='/tug.Harbour/*'
sed -i '/^HEALTH_CHECK_PATH=/d; s/^SERVICE_NAME=.*/SERVICE_NAME=pier/; s/^SETTLE=.*/SETTLE=0.2s/; s/^HOLD=.*/HOLD=1s/' "$PROJECT/.env"

cli "${INFRA[@]}"
expect_exit 0 'issue 7.2: build-infra of an HTTP service and two gRPC ones'
expect_lines_in_order 'issue 7.2: both endpoints' 'Public endpoint:' "http://.*:$PORT_PUBLIC/?" 'Internal endpoint:' "$GRPC_ENDPOINT"
take_endpoint
take_channel quay
elb 'return (await all("DescribeTargetGroups", {}, "TargetGroups")).map((g) => `${g.ProtocolVersion} ${g.HealthCheckPath} ${g.Matcher.HttpCode ?? ""}${g.Matcher.GrpcCode ? `grpc ${g.Matcher.GrpcCode}` : ""}`).sort().join("\n")' >"$WORK/groups"
check 'issue 7.2: each has groups of its own protocol' '2 × HTTP1 /health and 4 × GRPC …/Check grpc 0' "$(uniq -c "$WORK/groups" | tr '\n' ';')" \
  test "$(grep -c '^HTTP1 /health [0-9,-]*$' "$WORK/groups") $(grep -c '^GRPC /grpc.health.v1.Health/Check grpc 0$' "$WORK/groups")" = '2 4'
seen=$(rule_lines | awk '{ print $1, $2 }' | sort -u | tr '\n' ';')
check 'issue 7.2: and rules on the listener of its protocol' "HTTP:$PORT_PUBLIC, HTTPS:$PORT_INTERNAL twice" "$seen" \
  test "$seen" = "HTTP:$PORT_PUBLIC path-pattern=/*;HTTPS:$PORT_INTERNAL path-pattern=/quay.Harbour/*;HTTPS:$PORT_INTERNAL path-pattern=/tug.Harbour/*;"
zone=$(zones | awk '$2 == "harbour.internal." { print $1 }')
for service in quay tug; do
  check "issue 7.2: the zone has a name per service: $service" "$(grpc_name $service)." "$(records "$zone" | tr '\n' ';')" \
    grep -q "^$(grpc_name $service)\.* " <<<"$(records "$zone")"
done
again 'issue 7.2: then nothing is left to do' "${INFRA[@]:1}"

for version in 3.1 3.2; do
  make_app "pier-$version" "$version"
  make_quay "quay-$version" "$version"
  make_quay "tug-$version" "t$version" good /tug.Harbour/
done
must update pier-3.1 --tag 3.1
must update quay-3.1 --tag 3.1 --service quay
must update tug-3.1 --tag t3.1 --service tug
expect_soon 20 'issue 7.5: the HTTP service answers' 'Version 3.1' answers 3.1
expect_soon 20 'issue 7.5: the gRPC service answers' 'Version 3.1' hails 3.1
tug_hails() { NAME=$(grpc_name tug) grpc 'const r = await channel.unary("/tug.Harbour/Hail", call("boat"), { timeout: 5000 }); return r.answer ? answer(r.answer).text : `${r.code} ${r.message}`' | grep -q "(Version $1,"; }
expect_soon 20 'issue 7.5: the other gRPC service answers, by its own name' 'Version t3.1' tug_hails t3.1

# Each is updated, while both are under load.
start_requests
grpc_in_background 'for (let left = 8000; left > 0 && !stopped(); left--) { const r = await channel.hail("boat", 0, { timeout: 15000 }); console.log(r.version ?? "none", r.code, r.message); await sleep(25); }'
A_LINES=('Waiting for ECS Service to be in RUNNING state\.\.\.' 'Tasks are starting \(0/1\)\.\.\.' 'Tasks started' 'Updating traffic route'
  'Routing 50% of traffic to the new service' 'Routing 100% of traffic to the new service' 'Modified [1-9][0-9]* listener rules?')
cli update quay-3.2 --tag 3.2 --service quay
expect_exit 0 'issue 7.5: update of the gRPC service'
expect_lines_in_order "issue 7.5: with A's lines" "${A_LINES[@]}" 'The Quay 3\.1 can now be safely destroyed\.'
check 'issue 7.5: the HTTP service is where it was' 'Version 3.1' "$(web "$ENDPOINT/")" answers 3.1
cli update pier-3.2 --tag 3.2
expect_exit 0 'issue 7.5: update of the HTTP service'
expect_lines_in_order "issue 7.5: with A's lines, the same" "${A_LINES[@]}" 'The Pier 3\.1 can now be safely destroyed\.'
for command in 'route --canary 0' rollback 'destroy-old --yes'; do
  for service in pier quay; do
    # shellcheck disable=SC2086 # the words of the command
    cli $command --service "$service"
    { # the lines that scripts may rely on, and how it ended
      grep -E '^(Updating traffic route|Routing [0-9]+% of|Modified [0-9]+ |The .* can now be)' "$OUT" | sed -E 's/Pier|Quay/SERVICE/'
      echo "exit $RC"
    } >"$WORK/like-$service"
  done
  check "issue 7.5: $command says the same, and ends the same, for both" "$(tr '\n' ';' <"$WORK/like-pier")" "$(tr '\n' ';' <"$WORK/like-quay")" \
    cmp -s "$WORK/like-pier" "$WORK/like-quay"
done
expect_soon 10 'issue 7.5: rolled back: the HTTP service' 'Version 3.1' answers 3.1
expect_soon 10 'issue 7.5: rolled back: the gRPC service' 'Version 3.1' hails 3.1
check 'issue 7.5: the other gRPC service is where it was' 'Version t3.1' "$(NAME=$(grpc_name tug) grpc 'return channel.errors')" tug_hails t3.1
stop_grpc
stop_requests
expect_no_errors 'issue 7.5: HTTP, through all of that' 30
expect_order 'issue 7.5: HTTP: the old version, both, and back' 3.1 3.2 3.1
seen=$(grep -v '^3\.[12] 0 ' "$WORK/grpc.log" | head -n 3 | tr '\n' ';')
check 'issue 7.5: gRPC, through all of that: no call fails' "none of $(wc -l <"$WORK/grpc.log")" "$seen" test -z "$seen" -a "$(wc -l <"$WORK/grpc.log")" -gt 50
seen=$(awk '{ print $1 }' "$WORK/grpc.log" | uniq | sed -n '1p;$p' | tr '\n' ' ')
check 'issue 7.5: gRPC: the old version first, and back in the end' '3.1, and 3.1' "$seen" test "$seen" = '3.1 3.1 '

for service in pier quay tug; do
  cli status --service "$service" --json
  expect_json "issue 7.5: status of $service has the same keys" "o.service === '$service' && o.primary.healthy === 1 && o.primary.weight === 100 && o.rules.length >= 1 && typeof o.next !== 'undefined'"
done

finish
