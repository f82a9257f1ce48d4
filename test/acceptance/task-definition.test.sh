#!/usr/bin/env bash
# `--task-definition FILE`, in AWS's own JSON: what is in it runs, later versions have it from the primary's revision,
# and no value of an environment variable is ever printed (issue 2, part c).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORD='unsayable-4711-sturgeon' # the value to look for in all that is printed
ready 3.1 3.2 3.3
must rollout --tag 3.1
read_status

# As users make such a file: what runs, described by AWS, with what AWS adds by itself taken out.
api_json ecs $ECS.DescribeTaskDefinition "{\"taskDefinition\":\"$(in_status 'o.primary.taskDefinition')\"}" >"$WORK/described.json"
json "$WORK/described.json" "(() => {
  const keep = ['family', 'taskRoleArn', 'executionRoleArn', 'networkMode', 'containerDefinitions', 'volumes', 'requiresCompatibilities',
    'cpu', 'memory', 'runtimePlatform'];
  const definition = Object.fromEntries(Object.entries(o.taskDefinition).filter(([key]) => keep.includes(key)));
  const quay = definition.containerDefinitions.find((container) => container.name === 'quay');
  quay.environment = [...(quay.environment ?? []), { name: 'QUAY_WORD', value: '$WORD' }];
  return definition; })()" >"$PROJECT/definition.json" || give_up 'preparing: the task definition that runs' 'a container named quay' "$(head -c 300 "$WORK/described.json")"

word_is() { [[ $(web "$ENDPOINT/word") == "$1" ]]; } # LENGTH

cli rollout --tag 3.2 --task-definition definition.json --dry-run
expect_exit 0 'issue 2: rollout --task-definition --dry-run'
cli rollout --tag 3.2 --task-definition definition.json --verbose
expect_exit 0 'issue 2: rollout --task-definition'
expect_status 'issue 2: the canary has a revision of its own' \
  'o.state === "primary+canary" && o.canary.version === "3.2" && o.canary.taskDefinition !== o.primary.taskDefinition'
cli status
cli status --json --verbose
must promote
expect_soon 5 'section 7: the new version answers' 'Version 3.2' answers 3.2
expect_soon 5 'issue 2: the task has the variable of the file' "a word of ${#WORD} letters" word_is "${#WORD}"

cli update v3.3 --tag 3.3 --verbose --json
expect_exit 0 'issue 2: an update without the option'
expect_soon 5 'section 7: the next version answers' 'Version 3.3' answers 3.3
expect_soon 5 "issue 2: the primary's revision is the base of the next" "a word of ${#WORD} letters" word_is "${#WORD}"

# Files that will not do: said before anything is tried, and without quoting them.
must rollback
must destroy-old --yes
bad_file() { # TEXT FILE
  local mark
  log_mark mark
  cli rollout --tag 3.3 --task-definition "$2" --verbose
  expect_exit '1|2' "issue 2: $1"
  expect_stderr "$2|quay" "issue 2: $1: the message names it"
  expect_no_writes "$mark" "issue 2: $1"
}
head -c -20 "$PROJECT/definition.json" >"$PROJECT/broken.json"
sed 's/"name":"quay"/"name":"pier"/' "$PROJECT/definition.json" >"$PROJECT/pier.json"
bad_file 'a file that is not there' missing.json
bad_file 'a file that is not JSON' broken.json
bad_file 'a file without the container of the service' pier.json

seen=$(grep -lF "$WORD" "$WORK"/calls/*)
check 'issue 2: values of environment variables are never printed' 'in no output' "${seen:+$(grep -hF "$WORD" "$WORK"/calls/* | head -n 1 | cut -c1-200)}" test -z "$seen"

finish
