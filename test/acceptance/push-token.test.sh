#!/usr/bin/env bash
# The token that ECR gives for its registry is in no output at any verbosity, in no file, and in no process's arguments
# (issue 6.2): with every builder, when all is well, when the registry refuses, when its refusal repeats the token, and
# when the push is killed. Engines are stubs here; with real ones it is looked for in push-docker, -podman and -buildah.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/push-lib.sh"

ready_to_push
make_lantern v1 3.1
ballast "$PROJECT/v1/ballast" 2
make_path
make_stub_image 3.1
start_front
watch_processes
CLI_ENV+=("PATH=$STUB_PATH")

for words in '' --verbose --json --quiet '--json --verbose' --dry-run '--dry-run --verbose'; do
  # shellcheck disable=SC2086 # the words of the command
  cli push v1 --tag 3.1 $words
  expect_exit 0 "issue 6: push ${words:-without more}"
done
cli update v1 --tag 3.1 --dry-run --verbose
front_mark MARK
cli push v1 --tag 3.1-again
seen=$(front_since "$MARK" 'r.filter((x) => x.signedIn).length > 0')
check 'issue 6: it signs in with the token of ECR' 'calls to the registry with it' "$seen" test "$seen" = true

# Refusals, among them one that says the token aloud.
for status in 400 401 403 500; do
  front_order "{\"match\":\" /v2/.*(blobs|manifests)\",\"status\":$status,\"times\":1000,\"code\":\"DENIED\",\"reflect\":true}"
  for words in '' --verbose --json; do
    # shellcheck disable=SC2086
    cli push v1 --tag 3.2 --timeout 4s $words
    expect_exit '1|124' "issue 6: a registry that answers $status ${words:+(with $words)}"
  done
  front_clear
done

for engine in docker podman buildah; do
  no_stubs
  stub "$engine" good
  for words in '' --verbose; do
    # shellcheck disable=SC2086
    cli push stubbed --tag "3.1-$engine" --builder "$engine" $words
  done
  check "issue 6: $engine was at work" "$engine" "$(builders_seen)" test -n "$(builders_seen)"
  leaks=$(sort -u "$WORK/stub-leaks" 2>/dev/null | head -n 3 | tr '\n' ' ')
  check "issue 6: while $engine works there is no file with the token" none "$leaks" test -z "$leaks"
done

# In the middle of a blob.
echo more >>"$PROJECT/v1/ballast"
front_order '{"match":"^(PATCH|PUT) /v2/.*/blobs/uploads","hang":true,"times":1000}'
cli_in_background push v1 --tag 3.3
hangs() { [[ $(front_hits) -gt 0 ]] || cli_ended; }
wait_until 15 hangs || not_ok 'preparing: a push in the middle of a blob' 'a call that hangs' "$(cat "$WORK/front.orders")"
kill -KILL "$CLI_PID" 2>/dev/null
wait_for_cli 5
expect_no_token 'issue 6'

finish
