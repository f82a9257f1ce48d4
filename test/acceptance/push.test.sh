#!/usr/bin/env bash
# `push` with the builder `pack`: the same tree gives the same digest wherever and whenever, .dockerignore counts, RUN is
# refused (end of spec.md). What was pushed is read back from the registry with curl, as any OCI client would.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
ready
make_app app 3.1
mkdir "$PROJECT/app/notes"
echo 'to be kept' >"$PROJECT/app/notes/keep.md"
echo 'to be left out' >"$PROJECT/app/notes/draft.md"
echo 'to be left out' >"$PROJECT/app/harbour.secret"
printf '# comment\nDockerfile\n.dockerignore\n*.secret\nnotes/*\n!notes/keep.md\n' >"$PROJECT/app/.dockerignore"

push() { # DIR TAG: sets DIGEST
  cli push "$1" --tag "$2" --json
  expect_exit 0 "section 2: push $1 --tag $2"
  DIGEST=$(json "$OUT" 'o.digest' 2>/dev/null)
}
same() { check "issue 2, a: $1" "$FIRST" "$DIGEST" test "$DIGEST" = "$FIRST"; } # TEXT

push app 3.1
FIRST=$DIGEST
check 'section 3: push --json has the digest' 'sha256:…' "$FIRST" grep -Eqx 'sha256:[0-9a-f]{64}' <<<"$FIRST"
push app 3.1
same 'the same tree twice gives the same digest'
find "$PROJECT/app" -exec touch -d '2001-02-03 04:05:06' {} +
cp -r "$PROJECT/app" "$PROJECT/copy"
push copy 3.1-copy
same 'fixed times: a copy of another age in another folder gives the same digest'
echo 'changed' >"$PROJECT/copy/harbour.secret"
push copy 3.1-ignored
same '.dockerignore: a change in an ignored file is no change'
echo 'changed' >"$PROJECT/copy/notes/keep.md"
push copy 3.1-changed
check 'a change in a file that counts gives another digest' "not $FIRST" "$DIGEST" test "$DIGEST" != "$FIRST"

# Out of the registry, by the tag.
token=$(api_json ecr $ECR.GetAuthorizationToken '{}' >"$WORK/token.json" && json "$WORK/token.json" 'o.authorizationData[0].authorizationToken')
registry() { # PATH [CURL OPTION…]
  local path=$1
  shift
  web -f -L -H "Authorization: Basic $token" \
    -H 'Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json' \
    "$@" "$AWS_ENDPOINT_URL/v2/harbour/quay/$path"
}
registry manifests/3.1 >"$WORK/manifest.json"
check 'section 6: the manifest in the registry has the digest that push printed' "$FIRST" "sha256:$(sha256sum <"$WORK/manifest.json" | cut -d' ' -f1)" \
  test "sha256:$(sha256sum <"$WORK/manifest.json" | cut -d' ' -f1)" = "$FIRST"
: >"$WORK/files"
for layer in $(json "$WORK/manifest.json" 'o.layers.map((x) => x.digest).join(" ")'); do
  registry "blobs/$layer" >"$WORK/layer"
  check "section 6: the blob $layer is what its digest says" "$layer" "sha256:$(sha256sum <"$WORK/layer" | cut -d' ' -f1)" \
    test "sha256:$(sha256sum <"$WORK/layer" | cut -d' ' -f1)" = "$layer"
  tar -tf "$WORK/layer" >>"$WORK/files"
done
has() { grep -Eqx "(\./|/)?srv/quay/$1" "$WORK/files"; }
has_not() { ! grep -Eq "$1" "$WORK/files"; }
check 'WORKDIR and COPY: the app is in the image' 'srv/quay/app.js' "$(head -n 20 "$WORK/files" | tr '\n' ' ')" has 'app\.js'
check '.dockerignore: an exception counts' 'srv/quay/notes/keep.md' "$(tr '\n' ' ' <"$WORK/files")" has 'notes/keep\.md'
check '.dockerignore: what it names is not in the image' 'no harbour.secret, no draft.md' "$(tr '\n' ' ' <"$WORK/files")" has_not 'secret|draft'

# ENV reaches the task.
must rollout --tag 3.1
berth() { [[ $(web "$ENDPOINT/") == 'Quay, berth 7: '*'Version 3.1'* ]]; }
expect_soon 5 'ENV and CMD: the task runs as the Dockerfile says' 'berth 7' berth

# What the builder cannot do, it says, and pushes nothing.
make_app built 3.9
sed -i '/^COPY/a RUN npm ci' "$PROJECT/built/Dockerfile"
refused() { # TEXT REGEX DIR
  local mark
  log_mark mark
  cli push "$3" --tag 3.9
  expect_exit '1|2' "issue 2: $1 is refused"
  expect_stderr "$2" "issue 2: $1: the message names it"
  expect_one_message "issue 2: $1"
  expect_no_writes "$mark" "issue 2: $1"
  seen=$(registry manifests/3.9 -o /dev/null -w '%{http_code}' 2>/dev/null)
  check "issue 2: $1: nothing was pushed" 404 "$seen" test "$seen" = 404
}
refused RUN '\bRUN\b' built
mkdir "$PROJECT/bare"
refused 'a folder without Dockerfile' Dockerfile bare
refused 'a folder that is not there' nowhere nowhere

finish
