#!/usr/bin/env bash
# The sandbox's CloudFormation with a template that is not the product's: functions, conditions, outputs, change sets,
# events, the rollback of a failed create and of a failed update, the order of deletion, drift (issue 5.7).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
cat >"$WORK/lock.json" <<'EOF'
{ "Parameters": { "Word": { "Type": "String", "Default": "tide" }, "Days": { "Type": "Number", "Default": 7, "AllowedValues": [7, 14] },
    "List": { "Type": "CommaDelimitedList", "Default": "a,b,c" } },
  "Conditions": { "IsTide": { "Fn::Equals": [{ "Ref": "Word" }, "tide"] }, "NotTide": { "Fn::Not": [{ "Condition": "IsTide" }] } },
  "Resources": {
    "Log": { "Type": "AWS::Logs::LogGroup", "Properties": { "RetentionInDays": { "Ref": "Days" } } },
    "Other": { "Type": "AWS::Logs::LogGroup", "Condition": "NotTide", "DependsOn": "Log" } },
  "Outputs": {
    "Joined": { "Value": { "Fn::Join": ["-", [{ "Ref": "Word" }, { "Fn::Select": ["1", { "Fn::Split": [",", "x,y,z"] }] }]] } },
    "Subbed": { "Value": { "Fn::Sub": "${Word}/${AWS::Region}/${AWS::StackName}" } },
    "Named": { "Value": { "Fn::Sub": ["${A}:${Log}", { "A": { "Ref": "AWS::AccountId" } }] } },
    "Iffed": { "Value": { "Fn::If": ["IsTide", "in", "out"] } },
    "Picked": { "Value": { "Fn::Select": ["2", { "Ref": "List" }] } },
    "Arn": { "Value": { "Fn::GetAtt": ["Log", "Arn"] } },
    "Second": { "Condition": "NotTide", "Value": { "Ref": "Other" } } } }
EOF
sed 's/"Other": {/"Taken": { "Type": "AWS::ECR::Repository", "Properties": { "RepositoryName": "ferry\/taken" } }, &/' "$WORK/lock.json" >"$WORK/taken.json"
body() { echo "TemplateBody=$(cat "$WORK/$1.json")"; } # lock|taken
parameter() { echo "Parameters.member.$1.ParameterKey=$2" "Parameters.member.$1.ParameterValue=$3"; }

settled() { # STACK: waits until it rests, and prints its status
  wait_until 20 stack_rests "$1"
  stack_status "$1"
}
output() { cfn DescribeStacks "StackName=$1" | sed 's/<OutputKey>/\n&/g' | sed -nE "s/^<OutputKey>$2<.*<OutputValue>([^<]*).*/\1/p"; } # STACK KEY
expect_output() { # KEY REGEX
  local seen
  seen=$(output lock "$1")
  check "issue 5.7: output $1" "$2" "$seen" grep -Eqx -- "$2" <<<"$seen"
}
expect_status_of() { # STACK STATUS TEXT
  local seen
  seen=$(settled "$1")
  check "issue 5.7: $3" "$2" "$seen" test "$seen" = "$2"
}
refuses() { # CODE REGEX TEXT ACTION…: AWS's own error code
  local code=$1 regex=$2 text=$3 answer
  shift 3
  answer=$(cfn "$@")
  check "issue 5.7: $text" "$code, /$regex/" "$(head -c 300 <<<"$answer")" grep -Eiq "<Code>$code</Code>.*($regex)" <<<"$answer"
}

cfn CreateStack StackName=lock "$(body lock)" >/dev/null
expect_status_of lock CREATE_COMPLETE 'a stack is created'
expect_output Joined 'tide-y'
expect_output Subbed "tide/$REGION/lock"
expect_output Named "$ACCOUNT:.+"
expect_output Iffed in
expect_output Picked c
expect_output Arn "arn:aws:logs:$REGION:$ACCOUNT:log-group:.+"
expect_output Second ''
expect_resources lock AWS::Logs::LogGroup 1 'issue 5.7: what a condition excludes is not made'
# shellcheck disable=SC2046 # two words
refuses ValidationError 'Days' 'a value that is not allowed' CreateStack StackName=wrong "$(body lock)" $(parameter 1 Days 9)
refuses ValidationError 'Nowhere' 'a reference to nothing' CreateStack StackName=wrong \
  'TemplateBody={"Resources":{"Log":{"Type":"AWS::Logs::LogGroup","Properties":{"LogGroupName":{"Ref":"Nowhere"}}}}}'
refuses ValidationError 'No updates are to be performed' 'an update without changes' UpdateStack StackName=lock "$(body lock)"
refuses AlreadyExistsException 'lock' 'a stack twice' CreateStack StackName=lock "$(body lock)"

# Change sets.
change_set() { # NAME [PARAMETER VALUE]: ANSWER is its description
  # shellcheck disable=SC2046 # two words
  cfn CreateChangeSet StackName=lock "ChangeSetName=$1" ChangeSetType=UPDATE "$(body lock)" $([[ $# -lt 2 ]] || parameter 1 "$2" "$3") >/dev/null
  described() {
    ANSWER=$(cfn DescribeChangeSet StackName=lock "ChangeSetName=$1")
    grep -Eq '<Status>(CREATE_COMPLETE|FAILED)' <<<"$ANSWER"
  }
  wait_until 8 described "$1"
}
shows() { # TEXT REGEX
  check "issue 5.7: a change set: $1" "$2" "$(head -c 500 <<<"$ANSWER")" grep -Eq "$2" <<<"$ANSWER"
}
change_set ebb Word ebb
shows 'it can be executed' '<ExecutionStatus>AVAILABLE'
shows 'what is added' '<Action>Add</Action>.*<LogicalResourceId>Other</LogicalResourceId>|<LogicalResourceId>Other</LogicalResourceId>.*<Action>Add</Action>'
expect_resources lock AWS::Logs::LogGroup 1 'issue 5.7: a change set changes nothing'
check 'issue 5.7: ListChangeSets names it' ebb none grep -q '<ChangeSetName>ebb<' <<<"$(cfn ListChangeSets StackName=lock)"
cfn ExecuteChangeSet StackName=lock ChangeSetName=ebb >/dev/null
seen_update() { [[ $(stack_status lock) == UPDATE_COMPLETE ]]; }
expect_soon 20 'issue 5.7: a change set is executed' UPDATE_COMPLETE seen_update
expect_output Second '.+'
expect_output Iffed out
change_set same Word ebb
shows 'without changes it fails' '<Status>FAILED</Status>'
shows 'and says why' "didn(.|&apos;)t contain changes|No updates are to be performed"
cfn DeleteChangeSet StackName=lock ChangeSetName=same >/dev/null
change_set longer Days 14
shows 'what is removed, for Word is tide again' '<Action>Remove</Action>'
shows 'what is changed' '<Action>Modify</Action>'
shows 'and not replaced' '<Replacement>False</Replacement>'
cfn DeleteChangeSet StackName=lock ChangeSetName=longer >/dev/null
left=$(cfn ListChangeSets StackName=lock | grep -oE '<ChangeSetName>(same|longer)<')
check 'issue 5.7: change sets that were deleted are gone' none "$left" test -z "$left"
refuses ChangeSetNotFound 'longer' 'a change set that is gone' DescribeChangeSet StackName=lock ChangeSetName=longer
cfn CreateChangeSet StackName=draft ChangeSetName=first ChangeSetType=CREATE "$(body lock)" >/dev/null
expect_soon 10 'issue 5.7: the change set of a stack that is not there' REVIEW_IN_PROGRESS stack_is draft REVIEW_IN_PROGRESS
cfn DeleteStack StackName=draft >/dev/null
expect_soon 10 'issue 5.7: and without it' none stack_is draft none

# Failed updates and creates.
api_json ecr "$ECR.CreateRepository" '{"repositoryName":"ferry/taken"}' >/dev/null
# shellcheck disable=SC2046 # words
cfn UpdateStack StackName=lock "$(body taken)" $(parameter 1 Word ebb) $(parameter 2 Days 14) >/dev/null
expect_status_of lock UPDATE_ROLLBACK_COMPLETE 'a failed update is rolled back'
check 'issue 5.7: what it had changed is as before' 7 "$(api_json logs Logs_20140328.DescribeLogGroups '{}' | tr -d '\n')" \
  test "$(api_json logs Logs_20140328.DescribeLogGroups '{}' | tr -d ' \n' | grep -o '"retentionInDays":[0-9]*')" = '"retentionInDays":7'
check 'issue 5.7: the events have the cause' 'ferry/taken … exists' none \
  grep -Eiq 'ferry/taken[^<]*exist|exist[^<]*ferry/taken' <<<"$(cfn DescribeStackEvents StackName=lock)"
cfn CreateStack StackName=wreck "$(body taken)" >/dev/null
expect_status_of wreck ROLLBACK_COMPLETE 'a failed create is rolled back'
refuses ValidationError 'ROLLBACK_COMPLETE' 'what was rolled back can only be deleted' UpdateStack StackName=wreck "$(body lock)"
cfn DeleteStack StackName=wreck >/dev/null
expect_soon 20 'issue 5.7: and is' none stack_is wreck none

# Protection, drift, deletion.
cfn UpdateTerminationProtection StackName=lock EnableTerminationProtection=true >/dev/null
refuses ValidationError 'TerminationProtection|termination protection' 'a protected stack is not deleted' DeleteStack StackName=lock
cfn UpdateTerminationProtection StackName=lock EnableTerminationProtection=false >/dev/null
name=$(output lock Named)
api_json logs Logs_20140328.PutRetentionPolicy '{"logGroupName":"'"${name#*:}"'","retentionInDays":30}' >/dev/null
# shellcheck disable=SC2046 # words
refuses ValidationError 'No updates are to be performed' 'drift is not looked at' UpdateStack StackName=lock "$(body lock)" $(parameter 1 Word ebb)
id=$(cfn DescribeStacks StackName=lock | grep -o '<StackId>[^<]*')
cfn DeleteStack StackName=lock >/dev/null
expect_soon 20 'issue 5.7: a stack is deleted' none stack_is lock none
order=$(cfn DescribeStackEvents "StackName=${id#*>}" | sed 's/<member>/\n&/g' | grep '<ResourceStatus>DELETE_COMPLETE' | grep -oE '<LogicalResourceId>(Log|Other)<' | tr '\n' ' ')
check 'issue 5.7: the order of deletion: what depends on another goes first' 'events, the latest first: Log, Other' "$order" \
  test "$order" = '<LogicalResourceId>Log< <LogicalResourceId>Other< '

PROJECT=$WORK
finish
