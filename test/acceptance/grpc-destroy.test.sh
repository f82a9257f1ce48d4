#!/usr/bin/env bash
# destroy-infra of a project with gRPC leaves nothing: no certificate, no hosted zone, no name; what is somebody else's, or
# another project's, or was given by CERTIFICATE_ARN, is not touched (issue 5.4, 7.2).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox

# Somebody else's certificate, for the very same name; and another project.
certify theirs 90 quay.harbour.internal '*.harbour.internal'
import_certificate "$WORK/theirs.key" "$WORK/theirs.pem" "$WORK/theirs-ca.pem"
THEIRS=$IMPORTED
grpc_project basin DESIRED_COUNT=1
must "${INFRA[@]}"
BASIN=$(certificates | grep -vxF "$THEIRS")

grpc_project harbour DESIRED_COUNT=1
set_setting SETTLE 0.2s
infra
OURS=$(certificates | grep -vxF -e "$THEIRS" -e "$BASIN")
check 'issue 7.2: each project has a certificate of its own' 'one each, and the one of somebody else' "$(certificates | tr '\n' ' ')" \
  test "$(certificates | wc -l)" -eq 3 -a "$(wc -w <<<"$OURS")" -eq 1 -a "$(wc -w <<<"$BASIN")" -eq 1
check 'issue 7.2: and a zone' 'basin.internal. harbour.internal.' "$(zones | tr '\n' ';')" \
  test "$(zones | awk '{ print $2 }' | tr '\n' ' ')" = 'basin.internal. harbour.internal. '
make_quay v3.1 3.1
make_quay v3.2 3.2
must update v3.1 --tag 3.1
must push v3.2 --tag 3.2
must rollout --tag 3.2
must route --canary 50
expect_soon 20 'issue 7: both versions answer' 'Version 3.2' hails 3.2

log_mark mark
cli destroy-infra
expect_exit 2 'section 2: destroy-infra without --yes'
says 'certificate' 'issue 5.4: it shows what it will do: the certificate'
says 'harbour\.internal|hosted zone|stack harbour\b' 'issue 5.4: and the zone, or the stack that holds it'
expect_no_writes "$mark" 'section 2: destroy-infra without --yes'
expect_soon 5 'issue 5.4: all answers as it did' 'Version 3.1' hails 3.1

nothing_of_harbour() { # TEXT
  local seen
  check "issue 5.4: $1: no certificate is left, and none of others is gone" "$THEIRS, $BASIN" "$(certificates | tr '\n' ' ')" \
    test "$(certificates)" = "$(printf '%s\n' "$THEIRS" "$BASIN" | sort)"
  check "issue 5.4: $1: no zone is left, and none of others is gone" 'basin.internal.' "$(zones | tr '\n' ';')" \
    test "$(zones | awk '{ print $2 }')" = basin.internal.
  check "issue 5.4: $1: no stack is left" 'basin, basin-quay' "$(stacks | tr '\n' ';')" test "$(stacks | awk '{ print $1 }' | tr '\n' ' ')" = 'basin basin-quay '
  seen=$(elb 'return (await all("DescribeTargetGroups", {}, "TargetGroups")).length + " " + (await all("DescribeLoadBalancers", {}, "LoadBalancers")).filter((b) => b.Scheme === "internal").length')
  check "issue 5.4: $1: groups and load balancer are those of basin" '2 1' "$seen" test "$seen" = '2 1'
  expect_soon 5 "issue 5.4: $1: the listener is closed" "port $PORT_INTERNAL closed" port_closed "$PORT_INTERNAL"
  for version in 3.1 3.2; do expect_soon 10 "issue 5.4: $1: no task is left of $version" none nothing_runs "$version"; done
}
cli destroy-infra --yes
expect_exit 0 'issue 5.4: destroy-infra --yes'
nothing_of_harbour 'destroy-infra'
cli destroy-infra --yes
expect_exit 0 'issue 5.4: once more'
says "$NOTHING_TO_DO|there is no" 'issue 5.4: once more: says that there is nothing to do'

# Built again, and ended in the middle: the next run carries on.
infra
cli_in_background destroy-infra --yes
deleted() { [[ $(stack_status harbour-quay) == none ]] || cli_ended; }
wait_until 60 deleted
kill -KILL "$CLI_PID" 2>/dev/null
wait_for_cli 10 2>/dev/null
cli destroy-infra --yes
expect_exit 0 'issue 5.4: destroy-infra, interrupted, run again'
nothing_of_harbour 'interrupted, run again'

# A certificate of one's own is not ours to delete.
setting CERTIFICATE_ARN "$THEIRS"
cli build-infra
expect_exit 0 'issue 7.2: build-infra with CERTIFICATE_ARN'
check 'issue 7.2: none is made then' "$THEIRS, $BASIN" "$(certificates | tr '\n' ' ')" test "$(certificates | wc -l)" -eq 2
cli destroy-infra --yes
expect_exit 0 'issue 5.4: destroy-infra with CERTIFICATE_ARN'
nothing_of_harbour 'with CERTIFICATE_ARN'

finish
