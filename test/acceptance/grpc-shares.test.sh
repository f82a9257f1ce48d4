#!/usr/bin/env bash
# Unary calls go where the weights say, call by call on one connection (issue 7.3): the share at 0, 10, 50 and 100 % is
# inside the band that a right balancer leaves about once in a million runs. (`probe --grpc` has its opinion at 50 %.)
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"

grpc_ready 3.1 3.2
must rollout --tag 3.1
expect_soon 20 'issue 7: the first version answers' 'Version 3.1' hails 3.1
must rollout --tag 3.2

N=1000
expect_share() { # PERCENT TEXT
  local counts new old low high
  counts=$(count_calls $N)
  new=$(awk '$1 == "3.2" { print $2 }' <<<"$counts") old=$(awk '$1 == "3.1" { print $2 }' <<<"$counts")
  read -r low high <<<"$(band $N "$1")"
  check "issue 7: the new version's share of gRPC calls, $2" "$low to $high of $N" "${counts//$'\n'/, } $(head -c 200 "$WORK/grpc.err")" \
    test "${new:-0}" -ge "$low" -a "${new:-0}" -le "$high"
  check "issue 7: the old version has the rest, no call fails, $2" "$((N - ${new:-0}))" "${counts//$'\n'/, }" test "${old:-0}" -eq $((N - ${new:-0}))
  check "issue 7.3: the target group is chosen by call: all on one connection, $2" 'connections 1' "${counts//$'\n'/, }" \
    grep -qx 'connections 1' <<<"$counts"
}

expect_share 0 'at 0 %'
cli route --canary 10
expect_exit 0 'issue 7.5: route --canary 10'
expect_line 'Routing 10% of traffic to the new service' "section 3: A's line"
expect_line 'Modified [1-9][0-9]* listener rules?' 'section 3: what was modified'
expect_status 'section 1: primary + canary = 100' 'o.canary.weight === 10 && o.primary.weight === 90'
expect_share 10 'at 10 %'
must route --canary 50
expect_share 50 'at 50 %'

log_mark mark
cli route --canary 50
expect_exit 0 'section 3: a route that changes nothing ends 0'
expect_line 'Modified 0 listener rules' 'section 3: and says so'
seen=$(log_since "$mark" 'c.write && /^Modify/.test(c.operation)')
check 'section 4.3: a rule whose weight does not differ is not written' 'no Modify call' "$seen" test -z "$seen"

# The program's own opinion, over TLS through the load balancer.
probe_trust "$CA"
cli probe --grpc quay.Harbour/Hail --proto "$WORK/quay.proto" --data '{"name":"boat"}' --url "$PROBE_TLS://$ADDRESS" "${PROBE_NAME[@]}" -n $N --json
CLI_ENV=()
expect_exit 0 'issue 7.4: probe --grpc through the load balancer'
read -r low high <<<"$(band $N 50)"
expect_json 'issue 7.4: it counts by version, and agrees' \
  "o.total === $N && o.errors === 0 && o.versions['3.2'] >= $low && o.versions['3.2'] <= $high && o.versions['3.1'] + o.versions['3.2'] === $N"

must route --canary 100
expect_share 100 'at 100 %'
must route --canary 0
expect_share 0 'back at 0 %'

finish
