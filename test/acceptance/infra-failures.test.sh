#!/usr/bin/env bash
# A resource that can't be created: the first real cause, not the cascade after it, exit 1, a clean state, and the next run
# works (issue 5).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox --quota target-groups=3

fails() { # CAUSE TEXT: build-infra does, and names it in its message, which is the last thing that it says
  cli build-infra
  expect_exit 1 "issue 5: $2"
  expect_stderr "$1" "issue 5: $2: the cause is named on stderr"
  check "issue 5.2: $2: not the cascade" 'no line on stderr about what was cancelled' "$(grep -Ei -m 1 'cancel+ed' "$ERR")" \
    test -z "$(grep -Ei 'cancel+ed' "$ERR")"
  expect_no_change_set "issue 5: $2"
  check "issue 5: $2: a clean state" 'no stack at work, none that failed to roll back' "$(stacks | tr '\n' ';')" \
    test -z "$(stacks | grep -E '_IN_PROGRESS|ROLLBACK_FAILED|DELETE_FAILED')"
}
works() { # TEXT
  cli build-infra
  expect_exit 0 "issue 5: $1: the next run works"
  again "issue 5: $1: and then nothing is left to do"
}

# The listener can't be had.
new_project harbour
hold_port "$PORT_PUBLIC"
fails "listener.*\b$PORT_PUBLIC\b|\b$PORT_PUBLIC\b.*listener" 'a port that is taken'
kill "$HOLDER"
wait_until 10 port_closed "$PORT_PUBLIC"

# The repository is somebody else's already: the base is there, the service is not.
answer=$(api_json ecr "$ECR.CreateRepository" '{"repositoryName":"harbour/quay"}')
[[ $answer == *'"repositoryUri"'* ]] || give_up 'preparing: a repository' 'AWS takes it' "$(head -c 300 <<<"$answer")"
fails 'harbour/quay.*(exist|taken)|exist.*harbour/quay' 'a repository that exists'
check 'issue 5: the repository of somebody else is untouched' 'it is there' "$(stacks | tr '\n' ';')" \
  grep -q '"repositoryName":"harbour/quay"' <<<"$(api_json ecr "$ECR.DescribeRepositories" '{}' | tr -d ' \n')"
answer=$(api_json ecr "$ECR.DeleteRepository" '{"repositoryName":"harbour/quay","force":true}')
works 'a repository that existed'

# The account has no room for a second pair.
setting SERVICES quay,tug
setting TUG_EXPOSE public
setting TUG_PATH_PATTERN '/tug/*'
remember_rules
fails 'target.?group' 'too many target groups'
same_rules 'issue 5: too many target groups: the service that is there is untouched'
unset_setting SERVICES
works 'too many target groups'

finish
