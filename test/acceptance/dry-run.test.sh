#!/usr/bin/env bash
# `--dry-run` on every command that writes prints the steps and makes no write call; the sandbox's log proves it
# (issue 2). Most are followed by the same command in earnest, which does write: so the log is seen to tell them apart.
# (Not so push: its writes go to the registry, which is no AWS call; that a dry one pushed nothing is seen otherwise.)
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
new_project harbour
for version in 3.1 3.2 3.3; do make_app "v$version" "$version"; done

# --yes goes along where consent would be asked: it is --dry-run that has to hold the command back.
dry() { # REGEX-OF-A-STEP ARGUMENT…
  local step=$1 text mark
  shift
  text="issue 2: $* --dry-run"
  log_mark mark
  cli "$@" --dry-run
  expect_exit 0 "$text"
  check "$text prints the steps" "some lines, one of them like /$step/" "$(head -c 200 "$OUT")" grep -Eiq -- "$step" "$OUT"
  says_not '^(Tasks started|Modified [0-9]+ listener rules?|Routing [0-9]+% of traffic to the new service|The Quay .* can now be safely destroyed\.)$' \
    "$text does not say that anything was done"
  expect_no_writes "$mark" "$text"
}

earnest() { # ARGUMENT…
  local mark
  log_mark mark
  must "$@"
  check "$*, in earnest: the log shows its writes" 'some write call' none test -n "$(log_since "$mark" c.write)"
}

dry 'harbour' build-infra
earnest build-infra
dry '3\.1|push|image' push v3.1 --tag 3.1
cli rollout --tag 3.1
expect_exit '1|2' 'issue 2: a dry push really pushed nothing: there is no such tag'
dry '3\.1' update v3.1 --tag 3.1
expect_status 'issue 2: nothing runs after it' 'o.state === "nothing"'

must push v3.1 --tag 3.1
dry '3\.1|quay' rollout --tag 3.1
earnest rollout --tag 3.1
must push v3.2 --tag 3.2
dry '3\.2|quay' rollout --tag 3.2
dry '50' update v3.3 --tag 3.3
must rollout --tag 3.2
dry '40' route --canary 40
earnest route --canary 40
dry '3\.2|100' promote
dry '3\.[12]|100|weight|traffic' rollback
earnest promote
dry '3\.1|quay' destroy-old --yes
dry '3\.[12]|100|weight|traffic' rollback
earnest rollback
earnest destroy-old --yes
expect_status 'the way back was made in earnest' 'o.state === "primary" && o.primary.version === "3.1"'
dry 'harbour' destroy-infra --yes
expect_status 'issue 2: after destroy-infra --yes --dry-run all is there' 'o.state === "primary" && o.primary.version === "3.1" && o.primary.healthy === 2'

finish
