#!/usr/bin/env bash
# A connection that is cut in the middle of a blob, of the manifest, or before an answer: the push completes or fails
# cleanly, and the next one completes (issue 6, "It is done when").
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/push-lib.sh"

LIMIT=30
ready_to_push
make_lantern v1 3.1
ballast "$PROJECT/v1/ballast" 6
start_front
UPLOADS='^(PATCH|PUT|POST) /v2/.*/blobs/uploads'
number=0

fresh() { # another tree, so that no blob of it is there yet
  number=$((number + 1))
  echo "tide $number" >>"$PROJECT/v1/ballast"
}
completes_next() { # TAG TEXT
  front_clear
  push v1 --tag "$1"
  pushed "$2: the next one completes"
  expect_in_registry "$1" "$DIGEST" "$2: and the registry has its digest"
}
once() { # TAG TEXT ORDER
  fresh
  front_order "$3"
  push v1 --tag "$1" --timeout 30s
  expect_hit "$2"
  retried_or_explained "$1" 'connection|network|broke|cut|reset|closed|hang ?up|ECONNRESET|EPIPE|lost|socket' "$2"
  completes_next "$1" "$2"
}

once 3.1 'issue 6: cut in the middle of a blob' "{\"match\":\"$UPLOADS\",\"cut\":1000000}"
once 3.2 'issue 6: cut near the end of a blob, twice' "{\"match\":\"$UPLOADS\",\"cut\":6200000,\"times\":2}"
once 3.3 'issue 6: cut before the upload began' "{\"match\":\"$UPLOADS\",\"cut\":0}"
once 3.4 'issue 6: cut before the manifest' '{"match":"^PUT /v2/.*/manifests/","cut":0}'
once 3.5 'issue 6: a blob arrived, and the answer is lost' '{"match":"^(PATCH|PUT) /v2/.*/blobs/uploads","lost":true}'
once 3.6 'issue 6: the manifest arrived, and the answer is lost' '{"match":"^PUT /v2/.*/manifests/","lost":true}'

# Every time: it gives up, in the end, and leaves no version behind.
text='issue 6: cut in the middle of a blob, always'
fresh
front_order "{\"match\":\"$UPLOADS\",\"cut\":1000000,\"times\":100000}"
push v1 --tag 3.7 --timeout 5s
failed_cleanly 'connection|network|broke|cut|reset|closed|hang ?up|ECONNRESET|EPIPE|lost|socket|timed? ?out|--timeout' "$text"
expect_not_pushed 3.7 "$text"
expect_status "$text: nothing runs, and nobody holds the pair" 'o.state === "nothing" && o.holder === null'
completes_next 3.7 "$text"
push v1 --tag 3.7
pushed "$text: and once more"

# A registry that takes the blob and says nothing.
text='issue 6: a registry that never answers'
fresh
front_order "{\"match\":\"$UPLOADS\",\"hang\":true,\"times\":100000}"
push v1 --tag 3.8 --timeout 4s
failed_cleanly 'timed? ?out|no answer|--timeout|did not answer' "$text"
completes_next 3.8 "$text"

expect_no_token 'issue 6'
finish
