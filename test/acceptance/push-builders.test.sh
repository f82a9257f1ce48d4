#!/usr/bin/env bash
# Which builder is taken: the first of docker, podman, buildah that answers, else pack; and what --builder and BUILDER say
# instead (issue 6.1). The engines are stubs: a test of real ones is in push-docker, push-podman, push-buildah.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/push-lib.sh"

LIMIT=40
ready_for_stubs
cp "$PROJECT/.env" "$WORK/good.env"
number=0

builds_with() { # ENGINE-OR-PACK TEXT [OPTION…]: what else came of that push is another test's business
  local engine=$1 text=$2
  shift 2
  number=$((number + 1))
  forget_calls
  CLI_ENV+=("PATH=$STUB_PATH")
  push v1 --tag "3.1.$number" "$@"
  CLI_ENV=()
  if [[ $engine == pack ]]; then
    pushed "$text: pack builds"
    expect_in_registry "3.1.$number" "$DIGEST" "$text: and it is pushed"
    check "$text: no engine builds" none "$(builders_seen)" test -z "$(builders_seen)"
  elif [[ $(builders_seen) =~ ^$engine( $engine)*$ ]]; then ok "$text: $engine builds"; else
    not_ok "$text: $engine builds" "$engine" "$(builders_seen)"
    show_call
  fi
}
no_builder() { # REGEX TEXT OPTION…: nothing is built or pushed
  local regex=$1 text=$2 mark
  shift 2
  number=$((number + 1))
  forget_calls
  log_mark mark
  CLI_ENV+=("PATH=$STUB_PATH")
  cli push v1 --tag "3.1.$number" "$@"
  CLI_ENV=()
  expect_exit '1|2' "$text"
  expect_stderr "$regex" "$text: the message names it"
  expect_one_message "$text"
  check "$text: nothing is built" none "$(builders_seen)" test -z "$(builders_seen)"
  expect_no_writes "$mark" "$text"
  expect_not_pushed "3.1.$number" "$text"
}

# None there: pack, and each engine asked for by name is missed by name.
builds_with pack 'issue 6: no engine on the machine'
for engine in docker podman buildah; do
  no_builder "$engine" "issue 6: --builder $engine where there is none" --builder "$engine"
  has_next "issue 6: --builder $engine where there is none"
done

# One of them.
for engine in docker podman buildah; do
  no_stubs
  stub "$engine" good
  builds_with "$engine" "issue 6: only $engine on the machine"
done

# In this order, and only those that answer.
stub docker good
stub podman good
builds_with docker 'issue 6: all three there'
builds_with podman 'issue 6: --builder podman beside docker' --builder podman
builds_with buildah 'issue 6: --builder buildah beside the others' --builder buildah
builds_with pack 'issue 6: --builder pack beside engines' --builder pack
echo BUILDER=buildah >>"$PROJECT/.env"
builds_with buildah 'section 2: BUILDER=buildah in .env'
CLI_ENV=(BUILDER=podman)
builds_with podman 'section 2: BUILDER in the environment beats .env'
CLI_ENV=(BUILDER=podman)
builds_with docker 'section 2: --builder beats both' --builder docker
cp "$WORK/good.env" "$PROJECT/.env"

stub docker silent
builds_with podman 'issue 6: docker is installed, and its daemon does not answer'
no_builder 'docker' 'issue 6: --builder docker whose daemon does not answer' --builder docker
no_builder 'daemon|answer|connect|running' 'issue 6: --builder docker says that it does not answer' --builder docker
has_next 'issue 6: --builder docker whose daemon does not answer'
rm "$WORK/stubs/podman"
builds_with buildah 'issue 6: docker silent, no podman'
rm "$WORK/stubs/buildah"
builds_with pack 'issue 6: docker silent, nothing else'
stub docker hang
began=$SECONDS
builds_with pack 'issue 6: docker hangs'
check 'issue 6: a docker that hangs does not hold it up for long' 'less than 30 s' "$((SECONDS - began)) s" test $((SECONDS - began)) -lt 30

# Builders that there are not.
for word in kaniko '' Docker,podman; do
  wrong_usage 'docker.*podman.*buildah.*pack|builder' "issue 6: --builder '$word'" push v1 --tag 3.1.9 --builder "$word"
done
CLI_ENV=(BUILDER=kaniko)
wrong_usage 'BUILDER|builder' 'section 2: BUILDER=kaniko' push v1 --tag 3.1.9
CLI_ENV=()

finish
