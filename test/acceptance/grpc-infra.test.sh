#!/usr/bin/env bash
# What build-infra makes of PROTOCOL=grpc: an HTTPS listener of the internal load balancer, target groups of version GRPC
# with gRPC's own health check, a private hosted zone with a name per service (issue 7.2); shown before, and nothing twice.
# shellcheck disable=SC2016 # JavaScript, and texts for people
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
grpc_project harbour DESIRED_COUNT=1
set_setting SETTLE 0.2s

# Only shown.
for show in --dry-run --change-set; do
  log_mark mark
  cli "${INFRA[@]}" "$show"
  expect_exit 0 "issue 7.2: build-infra $show"
  seen=$(log_since "$mark" "$BUT_CHANGE_SETS && c.operation !== 'DeleteStack'") # of the empty stack that had the change set
  check "issue 7.2: build-infra $show makes nothing, no certificate either" 'no write call' "${seen//$'\n'/, }" test -z "$seen"
done
check 'issue 7.2: nothing is there yet' 'no certificate' "$(certificates)" test -z "$(certificates)"
for template in base service; do
  log_mark mark
  cli "${INFRA[@]}" --template "$template"
  expect_exit 0 "section 2: build-infra --template $template, of gRPC"
  cp "$OUT" "$WORK/template-$template"
  seen=$(log_since "$mark" true | sed '$d')
  check "section 2: build-infra --template $template makes no AWS call" none "${seen//$'\n'/, }" test -z "$seen"
done
check 'issue 7.2: the template shows gRPC target groups' 'ProtocolVersion' 'none' grep -q ProtocolVersion "$WORK/template-service"

cli "${INFRA[@]}"
expect_exit 0 'issue 7.2: build-infra with PROTOCOL=grpc'
expect_lines_in_order 'issue 7.2: the internal endpoint is printed' 'Internal endpoint:' "$GRPC_ENDPOINT"
check 'issue 7.2: with the port of the internal listener' "…:$PORT_INTERNAL" "$(grep -A 1 '^Internal endpoint:' "$OUT" | tail -n 1)" \
  grep -Eq ":$PORT_INTERNAL/?\$" "$OUT"

# Listeners and groups, as AWS has them.
elb '
  const { listeners, rules } = await everything();
  const balancers = await all("DescribeLoadBalancers", {}, "LoadBalancers"), found = await all("DescribeTargetGroups", {}, "TargetGroups");
  return { balancers, groups: found, rules: Object.values(rules), listeners: Object.values(listeners) }' >"$WORK/grpc.json"
expect_grpc 'issue 7.2: the internal load balancer' 'o.balancers.filter((b) => b.Scheme === "internal" && b.Type === "application").length === 1'
expect_grpc 'issue 7.2: its listener speaks HTTPS' "o.listeners.some((l) => l.Port === '$PORT_INTERNAL' && l.Protocol === 'HTTPS' && l.LoadBalancerArn === o.balancers.find((b) => b.Scheme === 'internal').LoadBalancerArn)"
expect_grpc 'issue 7.2: it has one certificate of ACM' "o.listeners.find((l) => l.Port === '$PORT_INTERNAL').Certificates.length === 1 && /^arn:aws:acm:/.test(o.listeners.find((l) => l.Port === '$PORT_INTERNAL').Certificates[0].CertificateArn)"
expect_grpc 'issue 7.2: and a TLS policy' "/^ELBSecurityPolicy-/.test(o.listeners.find((l) => l.Port === '$PORT_INTERNAL').SslPolicy)"
expect_grpc 'section 1: a pair of target groups' 'o.groups.length === 2'
expect_grpc 'issue 7.2: their ProtocolVersion is GRPC' 'o.groups.every((g) => g.ProtocolVersion === "GRPC" && g.TargetType === "ip")'
expect_grpc 'issue 7.2: health checked by /grpc.health.v1.Health/Check' 'o.groups.every((g) => g.HealthCheckPath === "/grpc.health.v1.Health/Check")'
expect_grpc 'issue 7.2: and code 0' 'o.groups.every((g) => g.Matcher.GrpcCode === "0" && !g.Matcher.HttpCode)'
expect_grpc 'section 2: interval, timeout and thresholds are those of the settings' \
  'o.groups.every((g) => [g.HealthCheckIntervalSeconds, g.HealthCheckTimeoutSeconds, g.HealthyThresholdCount, g.UnhealthyThresholdCount].join() === "5,2,2,2")'
expect_grpc 'issue 7.2: a rule of that listener carries the pair at 100 and 0' \
  "o.rules.some((r) => r.Listener === o.listeners.find((l) => l.Port === '$PORT_INTERNAL').ListenerArn && (Array.isArray(r.Actions) ? r.Actions : []).flatMap((a) => (a.ForwardConfig || {}).TargetGroups || []).map((g) => g.Weight).sort().join() === '0,100')"
check 'section 2: DEREGISTRATION_DELAY is that of the settings' 10 "$(attribute deregistration_delay.timeout_seconds)" \
  test "$(attribute deregistration_delay.timeout_seconds)" = 10

# The names.
zones >"$WORK/zones"
check 'issue 7.2: a private hosted zone harbour.internal' 'one, private' "$(tr '\n' ';' <"$WORK/zones")" \
  test "$(awk '{ print $2, $3 }' "$WORK/zones")" = 'harbour.internal. true'
records "$(awk 'NR == 1 { print $1 }' "$WORK/zones")" >"$WORK/records"
check 'issue 7.2: the zone has the name of the service' "$(grpc_name quay). A or CNAME, to the load balancer" "$(tr '\n' ';' <"$WORK/records")" \
  grep -Eq "^$(grpc_name quay | sed 's/\./\\./g')\.? (A|CNAME)" "$WORK/records"
check 'issue 7.2: the certificate is for that name, and TLS agrees on h2' "$(grpc_name quay), h2" "$(served 'c.subjectaltname + " " + protocol')" \
  grep -Eq "DNS:(quay|\*)\.harbour\.internal.* h2$" <<<"$(served 'c.subjectaltname + " " + protocol')"
answer=$(web --http1.1 -k -o /dev/null -w '%{http_code}' "https://$(grpc_address)/" 2>&1)
check 'section 6: to HTTP/1.1 it does not answer as if all was well' 'no 2xx' "$answer" grep -qvE '^2' <<<"$answer"

# Nothing twice, and --json.
again 'issue 7.2: once more' "${INFRA[@]:1}"
cli "${INFRA[@]}" --json
expect_exit 0 'section 3: build-infra --json'
expect_json 'section 3: its keys' 'o.schemaVersion === 1 && "publicEndpoint" in o && "bastionEndpoint" in o'
expect_json 'issue 7.2: and the internal endpoint' "$GRPC_JSON && JSON.stringify(o).includes(':$PORT_INTERNAL')"

# Settings of the health check, and a service of its own kind of protocol.
setting HEALTH_CHECK_PATH /quay.Harbour/Hail
setting HEALTH_CHECK_INTERVAL 7
cli "${INFRA[@]}"
expect_exit 0 'section 2: build-infra with another health check'
seen=$(elb 'return (await all("DescribeTargetGroups", {}, "TargetGroups")).map((g) => `${g.HealthCheckPath} ${g.HealthCheckIntervalSeconds} ${g.Matcher.GrpcCode}`).join(";")')
check 'section 2: HEALTH_CHECK_PATH and _INTERVAL reach both groups' '/quay.Harbour/Hail 7 0, twice' "$seen" \
  test "$seen" = '/quay.Harbour/Hail 7 0;/quay.Harbour/Hail 7 0'
again 'issue 7.2: then nothing is left to do' "${INFRA[@]:1}"

finish
