#!/usr/bin/env bash
# On a terminal: Ctrl-C, as the terminal sends it, leaves the cursor shown, colours off and the settings of the terminal as
# they were, whenever it comes, and when the update goes back first (issue 4.3).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"

if ! script -qec 'stty -a' /dev/null </dev/null >/dev/null 2>&1; then
  echo 'skipped: no script(1) (what a terminal shows after Ctrl-C)'
  finish
fi

SPEED=$((SPEED * 2)) # nothing here looks at AWS's time
start_sandbox
new_project harbour
set_setting SETTLE 0.2s
must build-infra
take_endpoint
make_ferry v4.1 4.1
make_ferry v4.2 4.2
must update v4.1 --tag 4.1
mkfifo "$WORK/keys"

# The CLI on a terminal of its own, whose keys come from descriptor $KEYS; the screen is kept, and what stty says before
# and after. The shell around it survives the Ctrl-C, which the terminal sends to all of them.
on_terminal() { # ARGUMENT…
  COMMAND="ecs-canary $* (on a terminal)"
  SCREEN=$WORK/screen.log OUT=$WORK/screen.log ERR=/dev/null
  rm -f "$SCREEN" "$WORK"/tty.{before,after,code}
  exec {KEYS}<>"$WORK/keys"
  (cd "$PROJECT" && exec env -u CI -u NO_COLOR TERM=xterm-256color "${CLI_ENV[@]}" WORDS="$*" script -qfec \
    "trap : INT; stty rows 40 columns ${COLUMNS_OF_IT:-120}; stty -a >'$WORK/tty.before'; node '$CLI' \$WORDS; echo \$? >'$WORK/tty.code'; stty -a >'$WORK/tty.after'" "$SCREEN") <"$WORK/keys" >/dev/null 2>&1 &
  CLI_PID=$!
  BACKGROUND+=("$CLI_PID")
}
shown() { [[ -s $SCREEN ]] && tr '\r' '\n' <"$SCREEN" | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g' | grep -q -- "$1"; } # REGEX
keys() { printf "$1" >&"$KEYS"; }                                                                       # AS-PRINTF

shown_or_ended() { shown "$1" || cli_ended; }
screen_has() { # REGEX: waits for it
  wait_until 60 shown_or_ended "$1"
  shown "$1" || not_ok "preparing: $text" "a screen with $1" "$(tail -c 300 "$SCREEN" | cat -v)"
}

left_clean() { # TEXT CODE: of the terminal
  local seen
  wait_for_cli 60
  exec {KEYS}>&-
  RC=$(cat "$WORK/tty.code" 2>/dev/null || echo none)
  expect_exit "$2" "$1"
  check "$1: the settings of the terminal are as before" "$(head -c 300 "$WORK/tty.before")" "$(head -c 300 "$WORK/tty.after" 2>&1)" \
    cmp -s "$WORK/tty.before" "$WORK/tty.after"
  seen=$(grep -ao $'\x1b\\[?25[lh]' "$SCREEN" | tail -n 1 | tr -d '\033')
  check "$1: the cursor is shown at the end" 'ESC[?25h, or never hidden' "ESC$seen last" test "$seen" = '[?25h' -o -z "$seen"
  seen=$(grep -ao $'\x1b\\[[0-9;]*m' "$SCREEN" | tail -n 1 | tr -d '\033')
  check "$1: colours are off at the end" 'a reset' "ESC$seen last" grep -Eqx '(\[(0|39|49|22|23|24|27)?m)?' <<<"$seen"
  check "$1: it ends with a line of its own" 'a line end' "$(tail -c 60 "$SCREEN" | cat -v)" \
    grep -qx '' <<<"$(grep -av '^Script done' "$SCREEN" | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g' | tail -c 1)"
  check "$1: no stack trace" none "$(grep -aE -m 1 '^ +at .+[(:]' "$SCREEN")" test -z "$(grep -aE -m 1 '^ +at .+[(:]' "$SCREEN")"
}

# While tasks start, which is where a spinner turns.
fault DescribeServices --delay 2s --times 3
on_terminal update v4.2 --tag 4.2
text='issue 4: Ctrl-C while the rollout is under way'
screen_has 'Waiting for ECS Service\|Tasks are starting'
keys '\003'
left_clean "$text" 130
clear_faults
expect_primary 4.1 "$text"
alone_again 4.1

CLI_ENV=(HOLD=90s)
HOLDS='Routing 50% of traffic\|Modified 0 listener rules' # the second where it had 50 % already
on_terminal update v4.2 --tag 4.2
text='issue 4: Ctrl-C during a hold'
screen_has "$HOLDS"
check 'section 3: on a terminal there are colours or spinners' 'an ESC' 'none' grep -q $'\x1b\\[' "$SCREEN"
keys '\003'
left_clean "$text" 130
check "$text: the screen names the way back" 'rollback or route --canary 0' "$(tail -n 6 "$SCREEN" | cat -v)" shown 'ecs-canary.* \(rollback\|route --canary 0\)'
take_pair
expect_weights 50 "$text: the weights stay"

on_terminal update v4.2 --tag 4.2 --on-interrupt rollback
text='issue 4: Ctrl-C with --on-interrupt rollback'
screen_has "$HOLDS"
keys '\003'
left_clean "$text" 3
expect_weights 0 "$text: the old version has 100 % in the rules"

# Twice, one right after the other.
on_terminal update v4.2 --tag 4.2
text='issue 4: Ctrl-C twice'
screen_has "$HOLDS"
keys '\003\003'
left_clean "$text" 130
CLI_ENV=()

# A terminal that does not know how wide it is, as CI systems and script(1) make them.
COLUMNS_OF_IT=0
on_terminal push v4.2 --tag 4.3
left_clean 'issue 4: a terminal without a width' 0

finish
