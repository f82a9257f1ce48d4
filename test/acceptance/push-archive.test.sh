#!/usr/bin/env bash
# --image-archive pushes what was built elsewhere: an OCI layout, or what `docker save` writes, of years ago or of today, or
# what buildx exports; and refuses what is none of these (issue 6.1).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/push-lib.sh"

ready_to_push
make_lantern v1 3.1
make_path
CLI_ENV=("PATH=$STUB_PATH") # no engine is needed for it
cd "$PROJECT" || exit 1
A=$WORK/archives
mkdir "$A"

has_app() { files_of "$WORK/config" | grep -Eqx '(\./|/)?srv/lantern/app\.js'; }
is_there() { # TAG TEXT
  check "$2: the registry has that digest" "$DIGEST" "$(digest_of "$1" 2>/dev/null)" test "$(digest_of "$1" 2>/dev/null)" = "$DIGEST"
  config_of "$1" "$WORK/config"
  expect_config "$2: its configuration is the archive's" 'o.architecture === "amd64" && o.os === "linux" && o.config.Env.includes("QUAY_BERTH=7") && o.config.Cmd.join(" ") === "node app.js"'
  check "$2: and its files" srv/lantern/app.js "$(files_of "$WORK/config" | head -n 5 | tr '\n' ' ')" has_app
}
for kind in oci docker hybrid nested; do
  text="issue 6: --image-archive of the kind $kind"
  own=$(make_archive "$kind" "$A/$kind.tar" v1)
  push --image-archive "$A/$kind.tar" --tag "3.1-$kind"
  pushed "$text"
  is_there "3.1-$kind" "$text"
  [[ $kind != oci ]] || same_digest "$own" "$text: the digest of the layout's own manifest"
  FIRST=$DIGEST
  push --image-archive "$A/$kind.tar" --tag "3.1-$kind"
  pushed "$text, again"
  same_digest "$FIRST" "$text, again: the same digest"
done

# It runs.
cli rollout --tag 3.1-docker
expect_exit 0 'issue 6: rollout of an image from an archive'
berth() { [[ $(web "$ENDPOINT/") == 'Lantern, berth 7: '*'Version 3.1'* ]]; }
expect_soon 10 'issue 6: an image from an archive runs' 'berth 7' berth
cli push --image-archive "$A/oci.tar" --tag 3.1-json --json
expect_exit 0 'issue 6: --image-archive --json'
expect_json 'section 3: --image-archive --json' 'o.schemaVersion === 1 && o.tag === "3.1-json" && /^sha256:/.test(o.digest) && typeof o.image === "string"'

# A layout that is a folder, and an archive that was compressed: taken, or refused in clear words.
taken_or_refused() { # TAG TEXT FILE
  push --image-archive "$3" --tag "$1"
  if [[ $RC -eq 0 ]]; then is_there "$1" "$2"; else
    expect_exit '1|2' "$2"
    expect_stderr "${3##*/}" "$2: or the message names it"
    expect_one_message "$2"
  fi
}
taken_or_refused 3.1-folder 'issue 6: a layout that is a folder' "$A/oci.tar.d"
gzip -kf "$A/docker.tar"
taken_or_refused 3.1-gzip 'issue 6: an archive that was compressed' "$A/docker.tar.gz"

# What is none.
rubbish() { # FILE TEXT [REGEX]: named, and nothing of it is pushed
  refuses '1|2' "${3:-${1//./\\.}}" "issue 6: $2" push --image-archive "$A/$1" --tag 3.9
  expect_not_pushed 3.9 "issue 6: $2"
}
spoilt() { # FILE TEXT REGEX: as above; that some blobs went ahead of the one that is not right does no harm
  push --image-archive "$A/$1" --tag 3.9
  expect_exit '1|2' "issue 6: $2"
  expect_stderr "$3" "issue 6: $2: the message names it"
  expect_one_message "issue 6: $2"
  expect_not_pushed 3.9 "issue 6: $2"
}
rubbish missing.tar 'an archive that is not there'
: >"$A/empty.tar"
rubbish empty.tar 'an empty file'
head -c 20000 /dev/urandom >"$A/noise.tar"
rubbish noise.tar 'a file of noise'
echo '<html>404</html>' >"$A/page.tar"
rubbish page.tar 'a page instead of an archive'
tar -C "$PROJECT" -cf "$A/files.tar" v1
rubbish files.tar 'an archive of other files'
head -c $(($(stat -c %s "$A/docker.tar") / 3)) "$A/docker.tar" >"$A/short.tar"
rubbish short.tar 'a docker archive that breaks off'
head -c $(($(stat -c %s "$A/oci.tar") / 3)) "$A/oci.tar" >"$A/brief.tar"
rubbish brief.tar 'a layout that breaks off'

# Layouts that do not hold what they promise.
spoil() { # NAME: a copy of the layout, to be spoilt
  rm -rf "$A/$1.d"
  cp -r "$A/oci.tar.d" "$A/$1.d"
}
blob_like() { grep -rlE -m 1 "$1" "$A/$2.d/blobs/sha256" | head -n 1; } # REGEX NAME
repack() { tar -C "$A/$1.d" -cf "$A/$1.tar" .; }
spoil gone
layer=$(json "$(blob_like '"layers":' gone)" 'o.layers[0].digest.slice(7)')
rm "$A/gone.d/blobs/sha256/$layer"
repack gone
spoilt gone.tar 'a layout without one of its blobs' "gone\\.tar|${layer:0:12}"
spoil forged
printf 'x' | dd of="$A/forged.d/blobs/sha256/$layer" bs=1 seek=40 conv=notrunc status=none
repack forged
spoilt forged.tar 'a layout with a blob that is not what its digest says' "forged\\.tar|${layer:0:12}"
spoil broken
echo '{"schemaVersion":2,"manifests":[' >"$A/broken.d/index.json"
repack broken
rubbish broken.tar 'a layout whose index is no JSON'
spoil none
echo '{"schemaVersion":2,"manifests":[]}' >"$A/none.d/index.json"
repack none
rubbish none.tar 'a layout without an image'
mkdir "$A/outside.d"
echo '[{"Config":"../../../../etc/hostname","RepoTags":null,"Layers":["../../../../etc/passwd"]}]' >"$A/outside.d/manifest.json"
repack outside
rubbish outside.tar 'an archive that points out of itself' 'outside\.tar|etc/(hostname|passwd)'
mkdir -p "$A/deep/er"
echo gotcha >"$A/evil"
(cd "$A/deep/er" && tar -P -cf "$A/climbing.tar" ../../evil)
rm "$A/evil"
rubbish climbing.tar 'an archive whose entries climb out of it'
check 'issue 6: nothing was written where it pointed' 'no such file' evil test ! -e "$A/evil" -a ! -e "$PROJECT/../evil"
seen=$(find "$TMPDIR" -type f | head -n 3 | tr '\n' ' ')
check 'issue 6: no temporary files are left' none "$seen" test -z "$seen"

finish
