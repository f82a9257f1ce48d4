#!/usr/bin/env bash
# Malformed settings of the infrastructure are named, with what they should look like, before any AWS call: exit 2. A .env
# with CRLF is one like any other. The help names the new options.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"

new_project harbour
nobody_home
export AWS_ACCESS_KEY_ID=QUAY AWS_SECRET_ACCESS_KEY=quay # so that what is not found malformed does ask AWS
ELB_ARN=arn:aws:elasticloadbalancing:$REGION:$ACCOUNT

malformed() { # REGEX-OF-THE-MESSAGE NAME=VALUE…
  local regex=$1 text
  shift
  text="section 2: $*"
  CLI_ENV=("$@")
  cli build-infra --timeout 2s
  CLI_ENV=()
  expect_exit 2 "$text"
  expect_stderr "$regex" "$text: named"
  expect_one_message "$text"
  expect_no_knock "$text"
}

malformed '\bNAT\b.*(per-zone|endpoints)|(per-zone|endpoints).*\bNAT\b' NAT=two
malformed CERTIFICATE_ARN CERTIFICATE_ARN=certificate
malformed CERTIFICATE_ARN "CERTIFICATE_ARN=arn:aws:s3:::harbour"
malformed HTTPS_LISTENER_PORT HTTPS_LISTENER_PORT=https "CERTIFICATE_ARN=$(certificate)"
malformed HTTPS_LISTENER_PORT HTTPS_LISTENER_PORT=0 "CERTIFICATE_ARN=$(certificate)"
malformed HTTPS_LISTENER_PORT HTTPS_LISTENER_PORT=70000 "CERTIFICATE_ARN=$(certificate)"
malformed 'HTTPS_LISTENER_PORT|LISTENER_PORT' LISTENER_PORT=8100 HTTPS_LISTENER_PORT=8100 "CERTIFICATE_ARN=$(certificate)"
malformed SECRETS SECRETS=TOKEN
malformed SECRETS SECRETS=TOKEN=word
malformed TERMINATION_PROTECTION TERMINATION_PROTECTION=maybe
malformed VPC_ID VPC_ID=harbour "SUBNET_IDS=subnet-0aaaaaaaaaaaaaaa1,subnet-0aaaaaaaaaaaaaaa2"
malformed SUBNET_IDS VPC_ID=vpc-0aaaaaaaaaaaaaaa1
malformed SUBNET_IDS VPC_ID=vpc-0aaaaaaaaaaaaaaa1 SUBNET_IDS=here,there
malformed CLUSTER 'CLUSTER=a cluster!'
malformed LISTENER_ARNS LISTENER_ARNS=listener
malformed LISTENER_ARNS "LISTENER_ARNS=$ELB_ARN:targetgroup/quay/0123456789abcdef"
malformed GREEN_TARGET_GROUP_ARN "BLUE_TARGET_GROUP_ARN=$ELB_ARN:targetgroup/quay/0123456789abcdef"
malformed '(BLUE|GREEN)_TARGET_GROUP_ARN' "BLUE_TARGET_GROUP_ARN=$ELB_ARN:targetgroup/quay/0123456789abcdef" \
  "GREEN_TARGET_GROUP_ARN=$ELB_ARN:targetgroup/quay/0123456789abcdef"
malformed GREEN_TARGET_GROUP_ARN "BLUE_TARGET_GROUP_ARN=$ELB_ARN:targetgroup/quay/0123456789abcdef" GREEN_TARGET_GROUP_ARN=green
malformed SECURITY_GROUP_IDS SECURITY_GROUP_IDS=web
malformed BASTION_CIDR KEY_PAIR=anchor
malformed BASTION_CIDR KEY_PAIR=anchor BASTION_CIDR=everywhere
malformed SERVICES SERVICES=quay,quay
malformed SERVICES 'SERVICES=quay,Tug Boat'

# Two services that one request could be meant for (issue 5.3).
malformed 'quay.*tug|tug.*quay' SERVICES=quay,tug TUG_EXPOSE=public
malformed 'PATH_PATTERN|HOST_HEADER' SERVICES=quay,tug EXPOSE=public QUAY_PATH_PATTERN='/berth/*' TUG_PATH_PATTERN='/berth/*'
malformed 'PATH_PATTERN|HOST_HEADER' SERVICES=quay,tug EXPOSE=internal HOST_HEADER=harbour.example

# What is no contradiction: other paths, other hosts, other load balancers. Then AWS is asked, and is not at home here.
distinct() { # NAME=VALUE…
  CLI_ENV=("$@")
  cli build-infra --timeout 2s
  CLI_ENV=()
  says_not '(same|both).*(condition|path|host)|PATH_PATTERN|HOST_HEADER' "issue 5.5: $*: no contradiction"
  check "issue 5.5: $*: AWS is asked" 'a connection to the endpoint' none test -s "$WORK/knocks"
  : >"$WORK/knocks"
}
distinct SERVICES=quay,tug
distinct SERVICES=quay,tug EXPOSE=public TUG_PATH_PATTERN='/tug/*'
distinct SERVICES=quay,tug EXPOSE=public TUG_HOST_HEADER=tug.example

# Empty is as if it was not there.
CLI_ENV=(NAT= CERTIFICATE_ARN= SECRETS= TERMINATION_PROTECTION= VPC_ID= SUBNET_IDS= CLUSTER= LISTENER_ARNS= BLUE_TARGET_GROUP_ARN=
  GREEN_TARGET_GROUP_ARN= SECURITY_GROUP_IDS= HTTPS_LISTENER_PORT= KEY_PAIR= BASTION_CIDR=)
cli build-infra --template base
expect_exit 0 'section 2: settings that are empty count as not set'
CLI_ENV=()

# CRLF, as an editor on Windows writes it.
sed -i 's/$/\r/' "$PROJECT/.env"
printf 'NAT=one\r\nSECRETS=\r\n' >>"$PROJECT/.env"
cli build-infra --template service
expect_exit 0 'section 2: a .env with CRLF'
printf 'NAT=two\r\n' >>"$PROJECT/.env"
cli build-infra --timeout 2s
expect_exit 2 'section 2: a malformed setting in a .env with CRLF'
expect_stderr '\bNAT\b' 'section 2: it is named'

cli build-infra --help
expect_exit 0 'section 2: build-infra --help'
for option in --template --change-set --dry-run --yes; do says "^ *(-., )?$option\b" "section 2: build-infra --help names $option"; done
cli destroy-infra --help
expect_exit 0 'section 2: destroy-infra --help'
for option in --dry-run --yes; do says "^ *(-., )?$option\b" "section 2: destroy-infra --help names $option"; done
cli sandbox start --help
says '^ *--policy\b' 'issue 5.6: sandbox start --help names --policy'
cli build-infra --change-set=maybe
expect_exit 2 'section 5: build-infra --change-set=maybe'
cli destroy-infra --change-set
expect_exit 2 'section 5: destroy-infra --change-set'
cli sandbox start --policy "$WORK/no-such-policy.json" --port 0 --dir "$WORK/none" --detach
expect_exit '1|2' 'issue 5.6: sandbox start --policy with a file that is not there'
expect_stderr 'no-such-policy' 'issue 5.6: it is named'
echo 'Effect: Allow' >"$WORK/nonsense.json"
cli sandbox start --policy "$WORK/nonsense.json" --port 0 --dir "$WORK/none" --detach
expect_exit '1|2' 'issue 5.6: sandbox start --policy with a file that is no policy'
expect_stderr 'nonsense\.json' 'issue 5.6: it is named'
[[ $RC -ne 0 ]] || SANDBOXES+=("$WORK/none")
expect_no_knock 'section 2: all of that'

# What the issue wants to be written down.
guide=$ROOT/docs/infrastructure.md
check 'issue 5: docs/infrastructure.md is there' 'a file' none test -f "$guide"
picture=$(grep -oE '[A-Za-z0-9_./-]+\.svg' "$guide" 2>/dev/null | head -n 1)
check 'issue 5: docs/infrastructure.md has the picture, an SVG' 'a link to a file with <svg' "${picture:-none}" \
  grep -qs '<svg' "$ROOT/docs/${picture:-none}"
check 'issue 5: docs/infrastructure.md has a table of what it costs' 'a row with $ or USD' none grep -Eqs '^\|.*(\$ ?[0-9]|USD)' "$guide"
for name in NAT CERTIFICATE_ARN HTTPS_LISTENER_PORT SECRETS TERMINATION_PROTECTION VPC_ID SUBNET_IDS CLUSTER LISTENER_ARNS \
  BLUE_TARGET_GROUP_ARN GREEN_TARGET_GROUP_ARN SECURITY_GROUP_IDS; do
  check "section 2: docs/interface.md has $name" 'a row' none grep -q "^| \`.*\b$name\b" "$ROOT/docs/interface.md"
done
for name in NAT=one NAT=per-zone NAT=endpoints VPC_ID SUBNET_IDS CLUSTER LISTENER_ARNS; do
  [[ $name != NAT=* ]] || name="NAT.*${name#NAT=}|${name#NAT=}"
  check "issue 5: docs/infrastructure.md has $name" 'a mention' none grep -Eqs "$name" "$guide"
done

finish
