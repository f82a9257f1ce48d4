#!/usr/bin/env bash
# Wrong usage and wrong settings of gRPC: exit 2, one clear message, nothing tried (sections 2 and 5, issue 7.2); and what
# the issue wants to be written down (issue 7.6, its last "done when").
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
grpc_project harbour DESIRED_COUNT=1

wrong() { # REGEX-OF-THE-MESSAGE TEXT SETTING… -- ARGUMENT…
  local regex=$1 text=$2 mark
  shift 2
  CLI_ENV=()
  while [[ $1 != -- ]]; do
    CLI_ENV+=("$1")
    shift
  done
  shift
  log_mark mark
  cli "$@"
  CLI_ENV=()
  expect_exit 2 "$text"
  expect_stderr "$regex" "$text: the message says what is wrong"
  expect_one_message "$text"
  [[ $1 != build-infra ]] || says_not "unknown option" "$text: it is not the option that is unknown"
  expect_no_writes "$mark" "$text"
}

wrong 'PROTOCOL.*grpc|grpc.*PROTOCOL' 'section 2: a malformed PROTOCOL, its values are named' PROTOCOL=pigeon -- "${INFRA[@]}"
wrong 'QUAY_PROTOCOL|PROTOCOL' 'section 2: a malformed PROTOCOL of one service' QUAY_PROTOCOL=h2 -- "${INFRA[@]}"
wrong 'PROTOCOL' 'section 2: a malformed PROTOCOL stops every command' PROTOCOL=pigeon -- update v3.1 --tag 3.1
wrong "$NO_CERTIFICATE" 'issue 7.2: PROTOCOL=grpc without a certificate' -- build-infra
wrong "$NO_CERTIFICATE" 'issue 7.2: PROTOCOL=grpc without a certificate, --change-set' -- build-infra --change-set
wrong "$NO_CERTIFICATE" 'issue 7.2: CERTIFICATE_ARN and --self-signed' "CERTIFICATE_ARN=$(certificate)" -- build-infra --self-signed
wrong 'CERTIFICATE_ARN' 'issue 7.2: a malformed CERTIFICATE_ARN' CERTIFICATE_ARN=certificate -- build-infra
wrong 'HEALTH_CHECK_PATH' 'section 2: a malformed HEALTH_CHECK_PATH of a gRPC service' HEALTH_CHECK_PATH=grpc.health.v1.Health/Check -- "${INFRA[@]}"
wrong 'self-signed' 'issue 7.2: --self-signed is of build-infra alone' -- update v3.1 --tag 3.1 --self-signed
wrong 'self-signed' 'issue 7.2: --self-signed takes no value' -- build-infra --self-signed=maybe
# Two gRPC services that one request could be meant for (issue 5.3).
wrong 'quay.*tug|tug.*quay|PATH_PATTERN|HOST_HEADER' 'issue 5.3: two gRPC services with one condition' \
  SERVICES=quay,tug TUG_PATH_PATTERN='/tug.Harbour/*' QUAY_PATH_PATTERN='/tug.Harbour/*' -- "${INFRA[@]}"

cli build-infra --help
says '^ *(-., )?--self-signed\b' 'issue 7.2: build-infra --help names --self-signed'

# The mistakes above were the only thing in the way.
cli "${INFRA[@]}"
expect_exit 0 'section 2: and the right way works'

# Written down.
interface=$ROOT/docs/interface.md guide=$ROOT/docs/from-app-mesh.md
for word in --self-signed --grpc --proto --data; do
  check "issue 7: docs/interface.md has $word" 'a mention' none grep -q -- "$word\b" "$interface"
done
check 'issue 7.2: docs/interface.md says that PROTOCOL may be grpc' 'in its row' "$(grep -E '^\| .PROTOCOL. ' "$interface")" grep -Eq '^\| .PROTOCOL. .*grpc' "$interface"
check 'issue 7.6: docs/from-app-mesh.md is there' 'a file' none test -f "$guide"
for word in 'virtual service' 'virtual router|router' 'route' 'virtual node|node'; do
  check "issue 7.6: docs/from-app-mesh.md maps: $word" 'a row of a table' none grep -Eiqs "^\|.*($word)" "$guide"
done
for word in 'build-infra' 'update' 'PROTOCOL=grpc'; do
  check "issue 7.6: docs/from-app-mesh.md has the command or setting $word" 'a mention' none grep -qs -- "$word" "$guide"
done
seen=$(grep -c 'Total: *100 requests in [0-9]' "$ROOT/README.md")
check 'issue 7: the README has the 100-request table of B, for HTTP and for gRPC' 'two of them' "$seen" test "$seen" -ge 2
check 'issue 7: and the command of the one for gRPC' 'probe … --grpc' none grep -Eq 'probe.*--grpc' "$ROOT/README.md"
for name in infra deploy read-only; do
  check "issue 7.2: docs/iam/$name.json is JSON still" 'a Statement' none test "$(json "$ROOT/docs/iam/$name.json" '!!o.Statement' 2>/dev/null)" = true
done
for action in acm:ImportCertificate acm:DeleteCertificate route53:CreateHostedZone route53:DeleteHostedZone; do
  check "issue 5.6: docs/iam/infra.json grants $action" "$action" none test "$(json "$ROOT/docs/iam/infra.json" "JSON.stringify(o).includes('\"$action\"')" 2>/dev/null)" = true
done

finish
