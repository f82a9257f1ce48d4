#!/usr/bin/env bash
# A repository whose tags can't be changed: the same digest again is success, another one an error that names both and what
# to type (issue 6.3). And a repository that is not there.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/push-lib.sh"

ready_to_push
make_lantern v1 3.1
api_json ecr $ECR.PutImageTagMutability '{"repositoryName":"harbour/quay","imageTagMutability":"IMMUTABLE"}' >/dev/null

push v1 --tag 3.1
pushed 'issue 6: the first push into an immutable repository'
FIRST=$DIGEST
push v1 --tag 3.1
pushed 'issue 6: the same digest again'
same_digest "$FIRST" 'issue 6: the same digest again'

echo '// changed' >>"$PROJECT/v1/app.js"
push v1 --tag 3.1-changed
pushed 'preparing: the digest of the other tree'
OTHER=$DIGEST
names_both() { # TEXT
  says "${FIRST:7:8}" "$1: names the digest that is there"
  says "${OTHER:7:8}" "$1: names the one that was built"
  says 'harbour/quay.*3\.1|3\.1.*harbour/quay' "$1: names the repository and the tag"
}
text='issue 6: another digest with the same tag'
push v1 --tag 3.1
expect_exit 1 "$text"
names_both "$text"
expect_one_message "$text"
has_next "$text"
expect_stderr 'Next:.*(--tag|ecs-canary)' "$text: the next command is one with another tag"
expect_in_registry 3.1 "$FIRST" "$text: the tag stays where it was"
cli push v1 --tag 3.1 --json
expect_exit 1 "$text, with --json"
expect_json "$text, with --json" "o.error && o.error.message.includes('${FIRST:7:8}') && o.error.message.includes('${OTHER:7:8}') && typeof o.error.next === 'string' && o.error.next !== ''"
must rollout --tag 3.1
cli update v1 --tag 3.1
expect_exit 1 "$text, in an update"
names_both "$text, in an update"
expect_status "$text, in an update: nothing has changed" "o.state === 'primary' && o.primary.digest === '$FIRST'"

# Somebody else's push comes between the look at the tag and our manifest: the registry's own refusal.
start_front
front_order '{"match":"^PUT /v2/.*manifests/3\\.2","status":400,"times":1000,"code":"TAG_INVALID","message":"The image tag '\''3.2'\'' already exists in the '\''harbour/quay'\'' repository and cannot be overwritten because the tag is immutable."}'
text="issue 6: the registry refuses the tag"
push v1 --tag 3.2
expect_exit 1 "$text"
expect_stderr '3\.2.*(immutable|already|can.?not be (changed|overwritten))' "$text: the message says why"
expect_one_message "$text"
has_next "$text"
CLI_ENV=()

# One whose tags can be changed: there the same command moves it.
api_json ecr $ECR.PutImageTagMutability '{"repositoryName":"harbour/quay","imageTagMutability":"MUTABLE"}' >/dev/null
push v1 --tag 3.1
pushed 'issue 6: another digest where tags can be changed'
same_digest "$OTHER" 'issue 6: another digest where tags can be changed'
expect_in_registry 3.1 "$OTHER" 'issue 6: the tag has moved'

# The repository is gone.
api_json ecr $ECR.DeleteRepository '{"repositoryName":"harbour/quay","force":true}' >/dev/null
text='issue 6: the repository is not there'
push v1 --tag 3.9
expect_exit '1|2' "$text"
expect_stderr 'harbour/quay' "$text: the message names it"
expect_one_message "$text"
has_next "$text"
expect_stderr 'Next:.*build-infra|build-infra' "$text: and the command that makes it"

# Nor is anything else.
text='issue 6: nothing was made yet'
new_project shore
make_lantern v1 3.1
push v1 --tag 3.1 --builder pack
expect_exit '1|2' "$text"
expect_stderr 'build-infra' "$text: names the command that makes it"
expect_one_message "$text"

finish
