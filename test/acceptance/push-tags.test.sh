#!/usr/bin/env bash
# Without --tag the version has the name that `git describe --always` gives it; a tree that is not as committed gets
# `<describe>-dirty-<first 8 digits of the digest>` (issue 6.3).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/push-lib.sh"

ready_to_push

named() { # TAG TEXT [ARGUMENT…]: a push without --tag has that name, in output, JSON and registry
  local tag=$1 text=$2
  shift 2
  push v1 "$@"
  pushed "$text"
  says "(^|[^a-zA-Z0-9._-])${tag//./\\.}([^a-zA-Z0-9._-]|\$)" "$text: the tag is $tag"
  expect_in_registry "$tag" "$DIGEST" "$text: and so in the registry"
}
or_explained() { # TEXT: of the last push, which had no name to go by
  if [[ $RC -eq 0 ]]; then
    pushed "$1"
    says '\b[a-zA-Z0-9_][a-zA-Z0-9._-]{3,}' "$1: and says which tag"
  else
    expect_exit '1|2' "$1"
    expect_stderr '--tag' "$1: or the message names --tag"
    expect_one_message "$1"
  fi
}

# No git, and no repository.
make_lantern v1 3.0
make_path
rm "$WORK/plain/git"
CLI_ENV=("PATH=$STUB_PATH")
push v1
or_explained 'issue 6: no git on the machine'
CLI_ENV=()
if ! command -v git >/dev/null; then
  echo 'skipped: names from git describe because there is no git on this machine'
  finish
fi
echo '// another' >>"$PROJECT/v1/app.js"
push v1
or_explained 'issue 6: a folder that is in no repository'

vcs() { git -C "$PROJECT" -c user.name=Quay -c user.email=quay@harbour.example -c commit.gpgsign=false -c init.defaultBranch=main "$@"; }
commit() { vcs add v1 && vcs commit -qm "$1"; }
vcs init -q
printf '.env\n' >"$PROJECT/.gitignore"
push v1
or_explained 'issue 6: a repository without a commit'

# A commit, a tag, a commit after the tag.
commit 'Light the lantern'
named "$(vcs describe --always)" 'issue 6: a commit and no tag'
push v1
pushed 'issue 6: the same again'
echo '// two' >>"$PROJECT/v1/app.js"
commit 'Trim the wick'
vcs tag -a -m 'Version 3.1' 3.1
named 3.1 'issue 6: a commit with a tag'
cli rollout
expect_exit 0 'section 2: rollout takes the last pushed'
expect_status 'section 2: and the version has that name' 'o.primary.version === "3.1"'
echo '// three' >>"$PROJECT/v1/app.js"
commit 'Fill in oil'
describe=$(vcs describe --always)
check 'preparing: a commit after a tag' '3.1-1-g…' "$describe" grep -q '^3.1-1-g' <<<"$describe"
named "$describe" 'issue 6: a commit after a tag'
CLEAN=$DIGEST

# Not as committed: a name of its own for each state of the tree, the same for the same.
dirty() { # TEXT
  push v1
  pushed "$1"
  TAG=$describe-dirty-${DIGEST:7:8}
  expect_in_registry "$TAG" "$DIGEST" "$1: <describe>-dirty-<digest8>"
  says "${TAG//./\\.}" "$1: prints that tag"
}
echo '// four' >>"$PROJECT/v1/app.js"
dirty 'issue 6: a file that was changed'
FOUR=$TAG
check 'issue 6: a dirty tree has another digest' "not $CLEAN" "$DIGEST" test "$DIGEST" != "$CLEAN"
echo '// five' >>"$PROJECT/v1/app.js"
dirty 'issue 6: a file that was changed again'
check 'issue 6: another state of the tree has another name' "not $FOUR" "$TAG" test "$TAG" != "$FOUR"
sed -i '$d' "$PROJECT/v1/app.js"
dirty 'issue 6: back at the first change'
check 'issue 6: the same state has the same name' "$FOUR" "$TAG" test "$TAG" = "$FOUR"
cli push v1 --json
expect_json 'section 3: push --json has that tag' "o.tag === '$FOUR' && o.digest.startsWith('sha256:${FOUR##*-}')"
vcs add v1
dirty 'issue 6: a change that is staged'
push v1 --tag 3.2
pushed 'issue 6: --tag counts in a dirty tree, too'
expect_in_registry 3.2 "$DIGEST" 'issue 6: --tag counts in a dirty tree, too'
commit 'Polish the glass'
describe=$(vcs describe --always)
named "$describe" 'issue 6: committed, it is clean again'

# It is the repository of what is built that counts, wherever the command was typed.
mkdir "$WORK/other"
(cd "$WORK/other" && git init -q && git -c user.name=Quay -c user.email=quay@harbour.example -c commit.gpgsign=false commit -q --allow-empty -m x &&
  git -c user.name=Quay -c user.email=quay@harbour.example tag -a -m x 9.9)
home=$PROJECT
cp "$PROJECT/.env" "$WORK/other/.env"
PROJECT=$WORK/other
push "$home/v1"
pushed 'issue 6: DIR in another repository than this folder'
expect_in_registry "$describe" "$DIGEST" 'issue 6: DIR in another repository than this folder: its name counts'
PROJECT=$home

# A tag of git's that no image can have.
echo '// six' >>"$PROJECT/v1/app.js"
commit 'Hang it up'
vcs tag -a -m 'Version 3.3' 'release/3.3+salt'
push v1
or_explained "issue 6: a tag of git's that no image can have"

# update takes the same name.
cli update v1 --tag 3.4 --steps 100 --hold 0s
expect_exit 0 'section 2: update --tag'
vcs tag -a -m 'Version 3.5' 3.5 HEAD~1
vcs checkout -q 3.5
vcs tag -d 'release/3.3+salt' >/dev/null
cli update v1 --steps 100 --hold 0s
expect_exit 0 'issue 6: update without --tag'
expect_status 'issue 6: update without --tag: git describe names the version' "o.primary.version === '$(vcs describe --always)'"

finish
