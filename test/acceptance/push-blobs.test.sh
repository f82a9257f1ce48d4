#!/usr/bin/env bash
# Blobs that the registry has are not sent again, and the digest that counts is the one that the registry has (issue 6.2);
# `rollout` uses the digest always, whatever becomes of the tag (issue 6.3).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/push-lib.sh"

ready_to_push
make_lantern v1 3.1
ballast "$PROJECT/v1/ballast" 2
start_front

front_mark MARK
push v1 --tag 3.1
pushed 'issue 6: push'
FIRST=$DIGEST
sent=$(front_since "$MARK" "$BLOB_BYTES")
check 'issue 6: the first push sends its blobs' 'more than 2000000 bytes' "$sent" test "$sent" -gt 2000000
expect_in_registry 3.1 "$DIGEST" 'issue 6: the manifest in the registry has the digest that was printed'

sends_none() { # TEXT ARGUMENT…
  local text=$1
  shift
  front_mark MARK
  push "$@"
  pushed "$text"
  sent=$(front_since "$MARK" "$BLOB_BYTES")
  check "$text: sends no blob" '0 bytes' "$sent bytes" test "$sent" = 0
  same_digest "$FIRST" "$text: the same digest"
}
sends_none 'issue 6: a second push of the same tree' v1 --tag 3.1
sends_none 'issue 6: the same tree with another tag' v1 --tag 3.1-again
cp -r "$PROJECT/v1" "$PROJECT/elsewhere"
find "$PROJECT/elsewhere" -exec touch -d '2011-12-13 14:15:16' {} +
sends_none 'issue 6: the same files, of another age, elsewhere' elsewhere --tag 3.1-elsewhere
expect_in_registry 3.1-elsewhere "$FIRST" 'issue 6: each of these tags is in the registry'

# The tag moves on; what runs does not, and a rollout of the tag is one of the digest it has now.
CLI_ENV=()
must rollout --tag 3.1
expect_soon 10 'preparing: 3.1 answers' 'Version 3.1' answers 3.1
images() { # of the revision that a role runs
  read_status
  api_json ecs $ECS.DescribeTaskDefinition "{\"taskDefinition\":\"$(in_status "o.$1.taskDefinition")\"}" >"$WORK/described.json"
  json "$WORK/described.json" 'o.taskDefinition.containerDefinitions.map((x) => x.image).join(" ")' 2>&1
}
seen=$(images primary)
check 'issue 6: the task definition names the digest' "…@$FIRST" "$seen" grep -q "@$FIRST\$" <<<"$seen"
api_json ecr $ECR.PutImageTagMutability '{"repositoryName":"harbour/quay","imageTagMutability":"MUTABLE"}' >/dev/null
make_lantern v1 3.2
push v1 --tag 3.1
pushed 'issue 6: another tree with the same tag'
check 'issue 6: it has another digest' "not $FIRST" "$DIGEST" test "$DIGEST" != "$FIRST"
expect_in_registry 3.1 "$DIGEST" 'issue 6: the tag has moved'
seen=$(images primary)
check 'issue 6: what runs has not' "…@$FIRST" "$seen" grep -q "@$FIRST\$" <<<"$seen"
cli rollout --tag 3.1-again
expect_exit 0 'issue 6: a rollout of the digest that runs, by another tag'
seen=$(images primary)
check 'issue 6: the primary still has its digest' "…@$FIRST" "$seen" grep -q "@$FIRST\$" <<<"$seen"

# What the registry answers is compared with what was sent.
CLI_ENV=("AWS_ENDPOINT_URL=http://127.0.0.1:$FRONT_PORT")
make_lantern v1 3.3
cli push v1 --tag 3.3 --json
expect_exit 0 'issue 6: push --json'
expect_json 'section 3: push --json: tag, digest, image' "o.schemaVersion === 1 && o.tag === '3.3' && /^sha256:[0-9a-f]{64}\$/.test(o.digest) && o.image.includes('harbour/quay')"
expect_in_registry 3.3 "$(json "$OUT" o.digest 2>/dev/null)" 'issue 6: and it is the digest in the registry'
make_lantern v1 3.4
mark=$(log_lines)
cli push v1 --tag 3.4 --dry-run
expect_exit 0 'section 2: push --dry-run'
expect_no_writes "$mark" 'section 2: push --dry-run'
expect_not_pushed 3.4 'section 2: push --dry-run'

expect_no_token 'issue 6'
finish
