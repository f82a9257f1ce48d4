#!/usr/bin/env bash
# `ecs-canary logs --follow`: goes on with what tasks say, each line once, of tasks that come later too, until Ctrl-C; a read
# that fails for a moment does not end it (issue 6.4).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/push-lib.sh"

ready_to_push
make_lantern v1 3.1
make_lantern v2 3.2
for tag in v1:3.1 v2:3.2; do must push "${tag%:*}" --tag "${tag#*:}"; done
must rollout --tag 3.1
expect_soon 10 'preparing: 3.1 answers' 'Version 3.1' answers 3.1

follow() { # ARGUMENT…: in the background; FOLLOWED is its output
  cli_in_background logs --follow "$@"
  FOLLOWED=$OUT FOLLOWED_ERR=$ERR
}
followed() { [[ $(grep -Ec -- "$1" "$FOLLOWED") -ge ${2:-1} ]] || cli_ended; } # REGEX [TIMES]
expect_followed() { # REGEX TEXT
  OUT=$FOLLOWED ERR=$FOLLOWED_ERR
  wait_until 15 followed "$1"
  if grep -Eq -- "$1" "$FOLLOWED"; then ok "$2"; else
    not_ok "$2" "a line like /$1/ within 15 s" none
    show_call
  fi
}
stopped_by() { # SIGNAL TEXT
  check "$2: it was still there" 'a command that follows' ended kill -0 "$CLI_PID"
  kill "-$1" "$CLI_PID" 2>/dev/null
  wait_for_cli 10
  OUT=$FOLLOWED ERR=$FOLLOWED_ERR
  expect_exit '0|130' "$2"
}

follow --tag 3.1
expect_followed 'Lantern 3\.1 is lit' 'issue 6: logs --follow begins with what is there'
for word in ahoy avast belay; do
  web "$ENDPOINT/say?word=$word" >/dev/null
  expect_followed "Lantern 3\\.1 says $word" "issue 6: logs --follow: $word, soon after it was said"
done
times=$(grep -c 'says ahoy' "$FOLLOWED")
check 'issue 6: logs --follow: each line once' 1 "$times" test "$times" -eq 1

# CloudWatch Logs is not there for a moment.
cli sandbox fault FilterLogEvents --throttle --times 3 --dir "$SANDBOX_DIR"
cli sandbox fault GetLogEvents --throttle --times 3 --dir "$SANDBOX_DIR"
cli sandbox fault FilterLogEvents --cut-before --times 2 --dir "$SANDBOX_DIR"
cli sandbox fault GetLogEvents --cut-before --times 2 --dir "$SANDBOX_DIR"
web "$ENDPOINT/say?word=heave" >/dev/null
expect_followed 'Lantern 3\.1 says heave' 'issue 6: logs --follow goes on after reads that failed'
cli sandbox faults --clear --dir "$SANDBOX_DIR"
must rollout --tag 3.2
web "$ENDPOINT/say?word=again" >/dev/null
expect_followed 'Lantern 3\.1 says again' 'issue 6: logs --follow: while another version starts'
check 'issue 6: logs --follow --tag: of no other version' none "$(grep -m 1 'Lantern 3\.2' "$FOLLOWED")" test -z "$(grep -m 1 'Lantern 3\.2' "$FOLLOWED")"
stopped_by INT 'issue 6: logs --follow, until Ctrl-C'

# Of all that runs, and of tasks that are not there yet.
must rollback
must destroy-old --yes
follow
expect_followed 'Lantern 3\.1 ' 'issue 6: logs --follow without --tag'
must rollout --tag 3.2
expect_followed 'Lantern 3\.2 is lit' 'issue 6: logs --follow: a task that came later'
stopped_by TERM 'issue 6: logs --follow, until SIGTERM'

# Nobody reads any more.
mkfifo "$WORK/pipe"
cli_in_background status # only to have names for the outputs
wait_for_cli 20
exec {READER}<>"$WORK/pipe"
# Without the reading end, which it would keep open for itself.
(cd "$PROJECT" && exec node "$CLI" logs --follow --tag 3.1 {READER}>&-) >"$WORK/pipe" 2>"$ERR" </dev/null &
CLI_PID=$!
BACKGROUND+=("$CLI_PID")
read -rt 15 line <&"$READER"
check 'issue 6: logs --follow into a pipe' 'a line' "${line:-none}" test -n "${line:-}"
exec {READER}>&-
poke() { web "$ENDPOINT/say?word=anybody" >/dev/null; cli_ended; }
expect_soon 15 'issue 6: logs --follow ends when nobody reads it any more' 'it ends' poke
check 'issue 6: and without a complaint about the pipe' 'no EPIPE' "$(grep -m 1 EPIPE "$ERR")" test -z "$(grep -m 1 EPIPE "$ERR")"

finish
