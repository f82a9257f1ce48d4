#!/usr/bin/env bash
# The certificate of --self-signed: a second run changes nothing, one that is about to end is renewed, its key is in no
# output, no template, no log, and in no file that others may read; one of one's own by CERTIFICATE_ARN (issue 7.2).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
grpc_project harbour DESIRED_COUNT=1
set_setting SETTLE 0.2s
umask 022 # as most shells have it: what is to be private has to be made so

cli "${INFRA[@]}" --verbose
expect_exit 0 'issue 7.2: build-infra --self-signed'
take_channel quay
made=$(certificates)
check 'issue 7.2: one certificate is imported' 'one ARN' "${made//$'\n'/, }" test "$(wc -w <<<"$made")" -eq 1
check 'issue 7.2: it is the listener'"'"'s' "$made" "$(listener_certificate)" test -n "$made" -a "$made" = "$(listener_certificate)"
expect_certificate() { # TEXT EXPRESSION
  check "$1" "$2" "$(head -c 600 "$WORK/certificate.json")" certificate_is "$made" "$2"
}
expect_certificate 'issue 7.2: ACM knows it as imported, issued, in use' 'c.Type === "IMPORTED" && c.Status === "ISSUED" && c.InUseBy.length >= 1'
expect_certificate 'issue 7.2: it lasts for at least a month' 'new Date(typeof c.NotAfter === "number" ? c.NotAfter * 1000 : c.NotAfter) - Date.now() > 30 * 864e5'
serial=$(served c.serialNumber)

# A client that checks it.
make_quay v3.1 3.1
must update v3.1 --tag 3.1
expect_soon 20 'issue 7.2: a client that trusts the CA is served' 'Version 3.1' hails 3.1
certify other 30 quay.harbour.internal
CA=$WORK/other-ca.pem
grpc_json 'return channel.hail("boat")'
expect_grpc 'issue 7.2: a client that trusts another CA is not' 'o.code === 14'
CA=$WORK/ca.pem NAME=quay.elsewhere.internal
grpc_json 'return channel.hail("boat")'
expect_grpc 'issue 7.2: nor one that looks for another name' 'o.code === 14'
NAME=$(grpc_name quay)

# A second run, another machine.
again 'issue 7.2: --self-signed once more' "${INFRA[@]:1}"
elsewhere
again 'issue 7.2: --self-signed once more, from another machine' "${INFRA[@]:1}"
check 'issue 7.2: it is the same certificate' "$made, $serial" "$(certificates | tr '\n' ' '), $(served c.serialNumber)" \
  test "$(certificates) $(served c.serialNumber)" = "$made $serial"
check 'issue 7.2: the first client still trusts it' 'Version 3.1' "$(grpc 'return channel.hail("boat")')" hails 3.1

# One that is about to end: put in its place by hand, with the same names. ACM keeps the ARN, so the listener has it at once.
KIND=ec
certificate_is "$made" '/^RSA/.test(c.KeyAlgorithm)' && KIND=rsa
QUAY_KEY=$KIND certify ending 2 quay.harbour.internal '*.harbour.internal'
import_certificate "$WORK/ending.key" "$WORK/ending.pem" "$WORK/ending-ca.pem" "$made"
ending=$(served c.serialNumber)
cli "${INFRA[@]}"
expect_exit 0 'issue 7.2: --self-signed, with a certificate that ends in two days'
renewed() { [[ $(served 'new Date(c.valid_to) - Date.now() > 30 * 864e5') == true && $(served c.serialNumber) != "$ending" ]]; }
if wait_until 10 renewed; then
  ok 'issue 7.2: it is renewed'
  take_channel quay
  expect_soon 10 'issue 7.2: a client with the CA of now is served' 'Version 3.1' hails 3.1
  check 'issue 7.2: no certificate is left over by that' 'one' "$(certificates | tr '\n' ' ')" test "$(certificates | wc -l)" -eq 1
  again 'issue 7.2: then nothing is left to do' "${INFRA[@]:1}"
else
  says "$SAYS_IT_ENDS" 'issue 7.2: it is renewed, or it is said that it ends'
fi

# The key: nowhere but in ACM (and in the sandbox, which is ACM here).
cli "${INFRA[@]}" --json
cli "${INFRA[@]}" --dry-run
cli status
cli "${INFRA[@]}" --template base
cli "${INFRA[@]}" --template service
KEY='PRIVATE KEY|LS0tLS1CRUdJTiBQUklWQVRF|LS0tLS1CRUdJTiBFQyBQUklWQVRF|LS0tLS1CRUdJTiBSU0EgUFJJVkFUR'
seen=$(grep -lE "$KEY" "$WORK"/calls/* | tr '\n' ' ')
check 'issue 7.2: the key is in no output' none "$seen" test -z "$seen"
for stack in harbour harbour-quay; do
  { cfn DescribeStacks "StackName=$stack"; cfn GetTemplate "StackName=$stack"; cfn DescribeStackEvents "StackName=$stack"; } >"$WORK/stack.xml"
  check "issue 7.2: stack $stack can be read" 'a template' "$(head -c 200 "$WORK/stack.xml")" grep -q TemplateBody "$WORK/stack.xml"
  check "issue 7.2: the key is in no template, parameter or event of stack $stack" none 'there' test "$(grep -cE "$KEY" "$WORK/stack.xml")" -eq 0
done
api_json ssm AmazonSSM.DescribeParameters '{}' >"$WORK/parameters.names"
json "$WORK/parameters.names" 'o.Parameters.map((p) => p.Name).join("\n")' | grep . | while read -r name; do
  api_json ssm AmazonSSM.GetParameter "{\"Name\":\"$name\"}"
done >"$WORK/parameters.json"
check 'issue 7.2: the key is in no parameter in clear text' none 'there' test "$(grep -cE "$KEY" "$WORK/parameters.json")" -eq 0
seen=$(grep -lE "$KEY" "$SANDBOX_DIR/requests.ndjson" 2>/dev/null)
check "issue 7.2: the key is not in the sandbox's request log" none "$seen" test -z "$seen"
for place in "$WORK/harbour" "$PROJECT" "$SANDBOX_DIR"; do
  seen=$(grep -rlE --exclude-dir=node_modules "$KEY" "$place" 2>/dev/null | while read -r file; do stat -c '%a %n' "$file"; done | grep -vE '^[4-7]00 ')
  check "issue 7.2: a file with the key is its owner's alone: $(basename "$place")" 'mode 600' "${seen//$'\n'/, }" test -z "$seen"
done

# One's own: CERTIFICATE_ARN instead of the switch, and the other way round.
certify mine 90 quay.harbour.internal
import_certificate "$WORK/mine.key" "$WORK/mine.pem" "$WORK/mine-ca.pem"
setting CERTIFICATE_ARN "$IMPORTED"
cli build-infra --yes
expect_exit 0 'issue 7.2: build-infra with CERTIFICATE_ARN'
listener_has_mine() { [[ $(listener_certificate) == "$IMPORTED" ]]; }
expect_soon 10 'issue 7.2: the listener has it' "$IMPORTED" listener_has_mine
cp "$WORK/mine-ca.pem" "$WORK/ca.pem"
expect_soon 20 'issue 7.2: a client that trusts its CA is served' 'Version 3.1' hails 3.1
again 'issue 7.2: CERTIFICATE_ARN once more'

finish
