#!/usr/bin/env bash
# What an engine is called with: --file, --platform (linux/amd64 if not given), --build-arg, --target and the options about
# the cache; its output is streamed through; a build that fails is no push (issue 6.1). The engines are stubs.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/push-lib.sh"

ready_for_stubs
sed '/^ENV/a ARG SHIP=none' "$PROJECT/v1/Dockerfile" >"$PROJECT/v1/Dockerfile.steam"
start_front
watch_processes
CLI_ENV+=("PATH=$STUB_PATH")

cli push --help
cp "$OUT" "$WORK/help"
in_help() { grep -Eq -- "(^|[ ,])$1([ ,=]|\$)" "$WORK/help"; } # OPTION
for option in --builder --file --platform --build-arg --target --image-archive --tag; do
  check "issue 6: push --help has $option" "$option" none in_help "$option"
done
check 'issue 6: push --help has an option about the cache' '--cache-… or --no-cache' none grep -Eq -- '--(no-)?cache' "$WORK/help"

for engine in docker podman buildah; do
  no_stubs
  stub "$engine" good
  text="issue 6: $engine"
  cli push v1 --tag "3.1-$engine" --builder "$engine" -v
  expect_words '\[(build|bud|build-using-dockerfile)\]' "$text: builds"
  platform='\[--platform\] \[linux/amd64\]|\[--arch\] \[amd64\]'
  expect_words "$platform" "$text: --platform is linux/amd64 by default"
  says "STEP 1: $engine caulks the seams" "$text: its output is shown"
  says "$engine: a word on the other stream" "$text: its other output as well"

  forget_calls
  cli push v1 --tag "3.2-$engine" --builder "$engine" --file "$PROJECT/v1/Dockerfile.steam" --platform linux/arm64 \
    --build-arg SHIP=Ferry --build-arg 'WIND=from=the west' --target hull
  expect_words '\[(--file|-f)\] \[[^]]*Dockerfile\.steam\]' "$text: --file is passed on"
  expect_words '\[--platform\] \[linux/arm64\]|\[--arch\] \[arm64\]' "$text: --platform is passed on"
  expect_words '\[--build-arg\] \[SHIP=Ferry\]' "$text: --build-arg is passed on"
  expect_words '\[--build-arg\] \[WIND=from=the west\]' "$text: a second one, with a space and a = in it"
  expect_words '\[--target\] \[hull\]' "$text: --target is passed on"

  # Cache options under the names that engines have for them, where the help lists them.
  options=() words=()
  ! in_help --cache-from || { options+=(--cache-from quay.example/cache:1) words+=('\[--cache-from\] \[[^]]*quay\.example/cache'); }
  ! in_help --cache-to || { options+=(--cache-to quay.example/cache:2) words+=('\[--cache-to\] \[[^]]*quay\.example/cache'); }
  ! in_help --no-cache || { options+=(--no-cache) words+=('\[--no-cache\]'); }
  if [[ ${#options[@]} -gt 0 ]]; then
    forget_calls
    cli push v1 --tag "3.3-$engine" --builder "$engine" "${options[@]}"
    for word in "${words[@]}"; do expect_words "$word" "$text: cache options are passed on"; done
  fi

  # A build that fails.
  stub "$engine" failing
  cli push v1 --tag "3.4-$engine" --builder "$engine"
  expect_exit 1 "$text: a build that fails"
  says 'no oakum left in the store' "$text: a build that fails: what it said is shown"
  expect_stderr "$engine" "$text: a build that fails: the message names the builder"
  expect_not_pushed "3.4-$engine" "$text: a build that fails"
  cli push v1 --tag "3.4-$engine" --builder "$engine" --json
  expect_exit 1 "$text: a build that fails, with --json"
  expect_json "$text: a build that fails, with --json: one object" 'o.error && typeof o.error.message === "string"'
  expect_stderr 'STEP 1' "$text: with --json its output goes to stderr"

  # Streamed: it is there before the build is done.
  stub "$engine" slow
  rm -f "$WORK/go-on"
  cli_in_background push v1 --tag "3.5-$engine" --builder "$engine"
  streamed() { grep -q 'STEP 1' "$OUT" "$ERR"; }
  expect_soon 15 "$text: its output is streamed through" 'STEP 1, while it builds' streamed
  check "$text: and it still builds" 'a command that runs' ended kill -0 "$CLI_PID"
  touch "$WORK/go-on"
  wait_for_cli 30
done

# Ctrl-C while an engine builds.
rm -f "$WORK/go-on"
cli_in_background push v1 --tag 3.6 --builder buildah
streamed() { grep -q 'STEP 1' "$OUT" "$ERR"; }
wait_until 15 streamed
kill -INT "$CLI_PID" 2>/dev/null
wait_for_cli 10
expect_exit 130 'section 5: Ctrl-C while an engine builds'
touch "$WORK/go-on"
expect_not_pushed 3.6 'section 5: Ctrl-C while an engine builds'

# What there is not.
no_stubs
stub docker good
refuses '1|2' 'Dockerfile\.sail' 'issue 6: --file that is not there' push v1 --tag 3.7 --file "$PROJECT/v1/Dockerfile.sail"
check 'issue 6: --file that is not there: nothing is built' none "$(builders_seen)" test -z "$(builders_seen)"
expect_no_token 'issue 6'

finish
