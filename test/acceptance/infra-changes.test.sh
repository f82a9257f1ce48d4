#!/usr/bin/env bash
# What build-infra shows before it does anything: --dry-run compares locally and writes nothing at all, --change-set lets
# AWS say what would be added, changed, replaced, removed, and leaves nothing behind (issue 5.2). What replaces or removes
# something needs consent. On an empty account, with nothing to do, and with each kind of change; the .env has CRLF.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
new_project harbour
sed -i 's/$/\r/' "$PROJECT/.env"
change() { setting "$1" "$2"$'\r'; } # NAME VALUE

dry_run() { # TEXT
  local mark
  log_mark mark
  cli build-infra --dry-run
  expect_exit 0 "issue 5.2: --dry-run, $1"
  expect_no_writes "$mark" "issue 5.2: --dry-run, $1"
}
change_set() { # TEXT [ARGUMENT…]
  local text="issue 5.2: --change-set, $1" mark
  shift
  log_mark mark
  cli build-infra --change-set "$@"
  expect_exit 0 "$text"
  expect_no_change_set "$text"
}
row() { # KIND WHAT TEXT: a row of the table, in whatever order of columns
  if grep -Eiq -- "\b$1\b.*($2)|($2).*\b$1\b" "$OUT"; then ok "$3"; else
    not_ok "$3" "a row with $1 and $2" none
    show_call
  fi
}

dry_run 'an empty account'
says 'harbour' 'issue 5.2: --dry-run, an empty account: names the stack'
change_set 'an empty account'
row added 'AWS::ECS::Cluster|Cluster' 'issue 5.2: --change-set, an empty account: the cluster is added'
row added 'AWS::EC2::VPC|\bVpc\b' 'issue 5.2: --change-set, an empty account: the VPC is added'
check 'issue 5.2: --change-set, an empty account: it is empty afterwards' 'no stack' "$(stacks | tr '\n' ';')" no_stacks
cli destroy-infra --dry-run
expect_exit 0 'section 2: destroy-infra --dry-run on an empty account'
cli destroy-infra --yes
expect_exit 0 'section 2: destroy-infra on an empty account'
says "$NOTHING_TO_DO|there is no" 'section 2: says that there is nothing to do'

cli build-infra
expect_exit 0 'section 2: build-infra'
says 'CREATE_COMPLETE|created|complete' 'issue 5.2: progress for each resource'
says '\bCluster\b' 'issue 5.2: progress names the resource'
take_endpoint
expect_no_change_set 'issue 5.2: build-infra'
remember_rules
dry_run 'nothing to do'
says "$NOTHING_TO_DO" 'issue 5.2: --dry-run, nothing to do: says so'
change_set 'nothing to do'
says "$NOTHING_TO_DO" 'issue 5.2: --change-set, nothing to do: says so'

# Changed.
change DEREGISTRATION_DELAY 12
dry_run 'a setting changed'
says 'deregistration[ _.-]?delay' 'issue 5.2: --dry-run, a setting changed: names it'
says '\b10\b.*\b12\b' 'issue 5.2: --dry-run, a setting changed: shows what it was and what it will be'
log_mark mark
change_set 'a setting changed'
row 'changed|modified' 'Target ?Group' 'issue 5.2: --change-set, a setting changed: the target groups are changed'
says_not '\breplaced\b.*Target ?Group|Target ?Group.*\breplaced\b' 'issue 5.2: --change-set, a setting changed: and not replaced'
expect_no_change "$mark" 'issue 5.2: --change-set, a setting changed'
check 'issue 5.2: --change-set changed nothing' 10 "$(attribute deregistration_delay.timeout_seconds)" \
  test "$(attribute deregistration_delay.timeout_seconds)" = 10
change_set 'as JSON' --json
expect_json 'section 3: --change-set --json' 'o.schemaVersion === 1'
cli build-infra
expect_exit 0 'issue 5.2: a change needs no consent'
check 'issue 5.2: it was made' 12 "$(attribute deregistration_delay.timeout_seconds)" test "$(attribute deregistration_delay.timeout_seconds)" = 12

# Added, replaced (a bastion's key pair can't be changed), removed.
change KEY_PAIR anchor
change BASTION_CIDR 203.0.113.4/32
change_set 'a bastion'
row added 'Bastion|AWS::EC2::Instance' 'issue 5.2: --change-set, a bastion: it is added'
cli build-infra
expect_exit 0 'issue 5.2: what adds something needs no consent'
expect_lines_in_order 'section 3: both endpoints' 'Bastion endpoint:' '[0-9.]+' 'Public endpoint:' "http://127\.0\.0\.1:$PORT_PUBLIC/?"

needs_consent() { # TEXT
  local mark
  log_mark mark
  cli build-infra
  expect_exit 2 "section 2: $1, without --yes"
  expect_stderr 'build-infra.*--yes|--yes.*build-infra' "section 2: $1: the command to type"
  says 'bastion|Instance' "section 2: $1: shows what it would do"
  expect_no_change "$mark" "section 2: $1, without --yes"
  expect_no_change_set "section 2: $1, without --yes"
}
change KEY_PAIR mooring
change_set 'another key pair'
row replaced 'Bastion|AWS::EC2::Instance' 'issue 5.2: --change-set, another key pair: the bastion is replaced'
needs_consent 'a build-infra that replaces something'
cli build-infra --yes
expect_exit 0 'section 2: with --yes it is replaced'
unset_setting KEY_PAIR
unset_setting BASTION_CIDR
change_set 'no bastion any more'
row removed 'Bastion|AWS::EC2::Instance' 'issue 5.2: --change-set, no bastion any more: it is removed'
dry_run 'no bastion any more'
says 'bastion|key ?pair|Instance' 'issue 5.2: --dry-run, no bastion any more: shows it'
needs_consent 'a build-infra that removes something'
cli build-infra --yes
expect_exit 0 'section 2: with --yes it is removed'
expect_resources harbour AWS::EC2::Instance 0 'issue 5.1: no bastion without KEY_PAIR'
again 'issue 5: then nothing is left to do'
same_rules 'issue 5.3: the rule is as it was'

if have_aws; then
  seen=$(aws_cli cloudformation list-stacks --query 'StackSummaries[?StackStatus!=`DELETE_COMPLETE`].[StackName]' --output text 2>&1 | sort | tr '\n' ' ')
  check 'issue 5.2: the AWS CLI sees two stacks' 'harbour harbour-quay' "$seen" test "$seen" = 'harbour harbour-quay '
  for stack in harbour harbour-quay; do
    seen=$(aws_cli cloudformation list-change-sets --stack-name "$stack" --query 'Summaries[?ExecutionStatus!=`EXECUTE_COMPLETE`].ChangeSetName' --output text 2>&1 | tr -d '\n')
    check "issue 5.2: the AWS CLI sees no change set of $stack" none "$seen" test -z "$seen"
  done
else
  echo 'skipped: no aws (its list of stacks and change sets)'
fi

finish
