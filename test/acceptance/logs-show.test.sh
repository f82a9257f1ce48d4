#!/usr/bin/env bash
# `ecs-canary logs [--tag T]`: what the tasks said, of the version that is asked for, also after they ended; it reads CloudWatch
# Logs and changes nothing. When a task fails, its log is shown without asking (issue 6.4).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/push-lib.sh"

cli logs --help
expect_exit 0 'section 2: logs --help'
for option in --tag --follow; do says "$option" "issue 6: logs --help has $option"; done

ready_to_push
make_lantern v1 3.1
make_lantern v2 3.2
make_lantern v3 3.3 crash

text='issue 6: logs before anything runs'
unchanged '0|1' "$text" logs
says_not '^ *(TypeError|ReferenceError|undefined|null)' "$text: no nonsense"
for tag in v1:3.1 v2:3.2 v3:3.3; do must push "${tag%:*}" --tag "${tag#*:}"; done
must rollout --tag 3.1
expect_soon 10 'preparing: 3.1 answers' 'Version 3.1' answers 3.1
web "$ENDPOINT/say?word=ahoy" >/dev/null
must rollout --tag 3.2

shows() { # REGEX: once more after a moment, for logs arrive when they do
  cli logs "${WORDS[@]}"
  [[ $RC -eq 0 ]] && grep -Eq -- "$1" "$OUT"
}
logs_have() { # REGEX TEXT ARGUMENT…
  local regex=$1 text=$2
  shift 2
  WORDS=("$@")
  if wait_until 10 shows "$regex"; then ok "$text"; else
    not_ok "$text" "a line like /$regex/ on stdout" none
    show_call
  fi
}
says_on_stdout_not() { # REGEX TEXT
  check "$2" "no line like /$1/" "$(grep -E -m 1 -- "$1" "$OUT")" test -z "$(grep -E -m 1 -- "$1" "$OUT")"
}
logs_have 'Lantern 3\.1 says ahoy' 'issue 6: logs --tag: what a task said' --tag 3.1
logs_have 'Lantern 3\.1 is lit' 'issue 6: logs --tag: from its start on' --tag 3.1
says_on_stdout_not 'Lantern 3\.2' 'issue 6: logs --tag: of no other version'
lit=$(grep -c 'Lantern 3\.1 is lit' "$OUT")
check 'issue 6: logs --tag: of both its tasks' 2 "$lit" test "$lit" -eq 2
logs_have 'Lantern 3\.2 is lit' 'issue 6: logs --tag: of a canary' --tag 3.2
says_on_stdout_not 'Lantern 3\.1' 'issue 6: logs --tag of a canary: of no other version'
logs_have 'Lantern 3\.[12] is lit' 'issue 6: logs without --tag'
order=$(grep -nE 'is lit|says ahoy' "$OUT" | head -n 20)
WORDS=(--tag 3.1)
cli logs --tag 3.1
order=$(grep -oE 'is lit|says ahoy' "$OUT" | tail -n 1)
check 'issue 6: logs: in the order of time' 'what was said last is last' "$order" test "$order" = 'says ahoy'
unchanged 0 'issue 6: logs' logs --tag 3.1
unchanged 0 'issue 6: logs --json' logs --tag 3.1 --json
expect_json 'section 3: logs --json: one object' "o.schemaVersion === 1 && JSON.stringify(o).includes('Lantern 3.1 says ahoy')"
log_mark MARK
cli logs --tag 3.1
seen=$(log_since "$MARK" '/logs/i.test(c.service)')
check 'issue 6: logs reads CloudWatch Logs' 'a call of it' "$seen" test -n "$seen"

# Kept when the task has ended: taken back, replaced, or crashed.
must rollback
must destroy-old --yes
expect_soon 10 'preparing: nothing of 3.2 runs' none nothing_runs 3.2
logs_have 'Lantern 3\.2 is lit' 'issue 6: the log of a version that was stopped is kept' --tag 3.2
cli rollout --tag 3.3
expect_exit 1 'issue 6: a version that crashes'
expect_stderr 'the glass is broken' 'issue 6: a version that crashes: its log is shown'
expect_stderr '\b42\b' 'issue 6: a version that crashes: and its exit code'
logs_have 'the glass is broken' 'issue 6: the log of a version that crashed is kept' --tag 3.3
must sandbox stop --dir "$SANDBOX_DIR"
start_sandbox
expect_soon 20 'preparing: after a restart 3.1 answers' 'Version 3.1' answers 3.1
logs_have 'Lantern 3\.1 says ahoy|Lantern 3\.1 is lit' 'issue 6: after a restart of the sandbox there are logs' --tag 3.1

# What there is not, and what reads only the beginning.
text='issue 6: logs --tag of a version that there is not'
unchanged '1|2' "$text" logs --tag 9.9
expect_stderr '9\.9' "$text: the message names it"
expect_one_message "$text"
wrong_usage 'anchor' 'section 5: logs --anchor' logs --anchor
wrong_usage 'tag' 'section 5: logs --tag without a value' logs --tag
prepare_call 'ecs-canary logs --tag 3.1 | head -n 1'
in_project bash -c "timeout -s KILL 30 node '$CLI' logs --tag 3.1 | head -n 1"
check 'issue 6: logs into head: one line and no complaint' 'one line, nothing about a pipe' "$(wc -l <"$OUT") $(grep -E 'EPIPE|at ' "$ERR" | head -n 1)" \
  test "$(wc -l <"$OUT")" -eq 1 -a -z "$(grep -E 'EPIPE' "$ERR")"

# A caller who may not read logs is told so.
cli sandbox fault FilterLogEvents --error AccessDeniedException --times always --dir "$SANDBOX_DIR"
cli sandbox fault GetLogEvents --error AccessDeniedException --times always --dir "$SANDBOX_DIR"
cli logs --tag 3.1
expect_exit 1 'issue 6: a caller who may not read logs'
expect_stderr 'logs:|FilterLogEvents|GetLogEvents|denied' 'issue 6: a caller who may not read logs: the message says so'
expect_one_message 'issue 6: a caller who may not read logs'

finish
