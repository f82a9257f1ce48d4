#!/usr/bin/env bash
# A registry that answers 5xx or 429, and a token that expires in the middle of a push: each is retried or explained, and
# the next push completes (issue 6.3).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/push-lib.sh"

LIMIT=40
ready_to_push
make_lantern v1 3.1
start_front
number=0
fresh() { # another tree, so that every push has to send something
  number=$((number + 1))
  echo "// tide $number" >>"$PROJECT/v1/app.js"
}
completes_next() { # TAG TEXT
  front_clear
  push v1 --tag "$1"
  pushed "$2: the next one completes"
  expect_in_registry "$1" "$DIGEST" "$2: and the registry has its digest"
}

# Once or twice: what a busy registry does.
for status in 429 500 502 503; do
  text="issue 6: a registry that answers $status for a moment"
  fresh
  headers='{}'
  [[ $status != 429 ]] || headers='{"retry-after":"1"}'
  front_order "{\"match\":\"^(HEAD|GET) /v2/.*(blobs|manifests)\",\"status\":$status,\"headers\":$headers}"
  front_order "{\"match\":\"^(POST|PATCH|PUT) /v2/.*blobs\",\"status\":$status,\"times\":2,\"headers\":$headers}"
  front_order "{\"match\":\"^PUT /v2/.*manifests\",\"status\":$status,\"headers\":$headers}"
  push v1 --tag "3.$status" --timeout 30s
  expect_hit "$text"
  retried_or_explained "3.$status" "$status|too many|busy|unavailable|bad gateway|internal" "$text"
  completes_next "3.$status" "$text"
done

# All the time, one time with a page of a proxy as the answer.
for status in 429 503; do
  text="issue 6: a registry that answers $status all the time"
  fresh
  front_order "{\"match\":\" /v2/.*(blobs|manifests)\",\"status\":$status,\"times\":100000,\"body\":\"<html><body><h1>the harbour is shut</h1></body></html>\",\"headers\":{\"content-type\":\"text/html\"}}"
  push v1 --tag 3.9 --timeout 4s
  failed_cleanly "$status|too many requests|service unavailable" "$text"
  says_not '</?(html|body|h1)>' "$text: no HTML in what it says"
  front_clear
  expect_not_pushed 3.9 "$text"
  expect_status "$text: users are where they were" 'o.state === "nothing" && o.holder === null'
done
completes_next 3.9 'issue 6: after all of that'

# A token that is good for the first calls only, as the registry says it: refused, or not signed in.
for refusal in denied unauthorized; do
  text="issue 6: a token that expires in the middle of a push ($refusal)"
  fresh
  front "{\"lifetime\":3,\"tokens\":1,\"refusal\":\"$refusal\"}"
  push v1 --tag "3.9-$refusal"
  retried_or_explained "3.9-$refusal" 'token|sign(ed|ing)?[ -]?in|expired|credential|authori[sz]' "$text"
  completes_next "3.9-$refusal" "$text"

  text="issue 6: no token is good ($refusal)"
  fresh
  front "{\"lifetime\":0,\"tokens\":100000,\"refusal\":\"$refusal\"}"
  push v1 --tag "3.0-$refusal" --timeout 10s
  failed_cleanly 'token|sign(ed|ing)?[ -]?in|expired|credential|authori[sz]' "$text"
  completes_next "3.0-$refusal" "$text"
done

# ECR itself: throttled for a moment, and a caller who may not have a token.
front_order '{"match":"GetAuthorizationToken","status":400,"times":1,"body":{"__type":"ThrottlingException","message":"Rate exceeded"},"headers":{"content-type":"application/x-amz-json-1.1"}}'
fresh
push v1 --tag 3.10
pushed 'issue 6: ECR throttles the call for the token once'
front_order '{"match":"GetAuthorizationToken","status":400,"times":100000,"body":{"__type":"AccessDeniedException","message":"User: nobody is not authorized to perform: ecr:GetAuthorizationToken on resource: *"},"headers":{"content-type":"application/x-amz-json-1.1"}}'
push v1 --tag 3.11
expect_exit 1 'issue 6: a caller who may not have a token'
expect_stderr 'GetAuthorizationToken' 'issue 6: a caller who may not have a token: the message names the permission'
expect_one_message 'issue 6: a caller who may not have a token'
front_clear

expect_no_token 'issue 6'
finish
