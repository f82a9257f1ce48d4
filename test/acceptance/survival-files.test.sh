#!/usr/bin/env bash
# Whatever is in a file that the program reads, settings and task definitions (issue 4.6): exit 2, or 0 where it may be
# taken for valid, one clear message, no stack trace and no write call.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
new_project harbour
must build-infra
make_ferry v4.1 4.1
must push v4.1 --tag 4.1
cp "$PROJECT/.env" "$WORK/good.env"
log_mark NONSENSE

# --- settings --------------------------------------------------------------------------------------------------------

settings() { # CODES REGEX TEXT: of the .env as it is now, on a command that would write
  nonsense "$1" "$2" "$3" rollout --tag 4.1 --dry-run
}
with_line() { { cat "$WORK/good.env"; printf "$1"; } >"$PROJECT/.env"; } # AS-PRINTF

{ printf '\xef\xbb\xbf'; sed 's/$/\r/' "$WORK/good.env"; } >"$PROJECT/.env"
settings 0 . 'a .env with a BOM and CRLF'
with_line '__proto__=1\nconstructor=2\ntoString=3\n'
settings 0 . 'a .env with names that JavaScript knows'
with_line 'a line that assigns nothing\n=nothing\n   \n#\n'
settings '0|2' '\.env' 'a .env with lines that assign nothing'
with_line 'NOTE=a\0b\n'
settings '0|2' '\.env|NUL|NOTE' 'a .env with a NUL'
sed 's/^PROJECT_NAME=.*/PROJECT_NAME=har\x00bour/' "$WORK/good.env" >"$PROJECT/.env"
settings 2 'PROJECT_NAME|NUL|\.env' 'a .env with a NUL in a value'
sed 's/^PROJECT_NAME=.*/PROJECT_NAME="harbour/' "$WORK/good.env" >"$PROJECT/.env"
settings 2 'PROJECT_NAME|quote|\.env' 'a .env with a quote that is never closed'
sed "s/^PROJECT_NAME=.*/PROJECT_NAME='har\"bour/" "$WORK/good.env" >"$PROJECT/.env"
settings 2 'PROJECT_NAME|quote|\.env' 'a .env with two quotes that do not match'
iconv -f UTF-8 -t UTF-16 "$WORK/good.env" >"$PROJECT/.env" 2>/dev/null || printf '\xff\xfeP\0R\0' >"$PROJECT/.env"
settings 2 'PROJECT_NAME|UTF|\.env' 'a .env in UTF-16'
head -c 300000 "$(command -v node)" >"$PROJECT/.env"
settings 2 'PROJECT_NAME|\.env' 'a .env that is a program'
: >"$PROJECT/.env"
settings 2 'PROJECT_NAME|\.env' 'an empty .env'
rm "$PROJECT/.env"
mkdir "$PROJECT/.env"
settings 2 'PROJECT_NAME|\.env|director|folder' 'a .env that is a folder'
rmdir "$PROJECT/.env"
cp "$WORK/good.env" "$PROJECT/.env"
# By its variable: Node 20 takes --env-file for itself, and ends with 9 before the program begins where it cannot read it.
CLI_ENV=(ECS_CANARY_ENV_FILE=v4.1)
nonsense 2 'v4\.1|director|folder' 'ECS_CANARY_ENV_FILE with a folder' rollout --tag 4.1
CLI_ENV=(ECS_CANARY_ENV_FILE=missing.env)
nonsense 2 'missing\.env' 'ECS_CANARY_ENV_FILE that is not there' rollout --tag 4.1
CLI_ENV=()
wrote_nothing 'settings'

for setting in DESIRED_COUNT=-3 DESIRED_COUNT=2.5 LISTENER_PORT=0 HEALTH_CHECK_INTERVAL=0 SETTLE=-1s CPU=banana; do
  CLI_ENV=("$setting")
  nonsense 2 "${setting%%=*}" "$setting" rollout --tag 4.1
done
CLI_ENV=()
wrote_nothing 'variables'

# --- task definitions ------------------------------------------------------------------------------------------------

definition() { # CODES TEXT AS-PRINTF: on a command that would write
  printf "$3" >"$PROJECT/definition.json"
  nonsense "$1" 'definition|JSON' "a task definition: $2" rollout --tag 4.1 --task-definition definition.json
}
definition 2 'an empty file' ''
definition 2 'a word' 'sturgeon\n'
definition 2 'YAML' 'family: quay\ncontainerDefinitions: []\n'
definition 2 'cut off' '{"family": "quay", "containerDefinitions": [{'
definition 2 'NUL' '{"family": "qu\0ay"}'
definition '1|2' null 'null'
definition '1|2' 'a number' '42'
definition '1|2' 'a list' '[]'
definition '1|2' 'an empty object' '{}'
definition '1|2' 'containers that are an object' '{"containerDefinitions": {}}'
definition '1|2' 'a container that is null' '{"containerDefinitions": [null]}'
definition '1|2' 'a container whose name is a number' '{"containerDefinitions": [{"name": 7, "image": []}]}'
definition 2 'nested without end' "$(printf '[%.0s' {1..50000})"
nonsense 2 'v4\.1|definition|director|folder' 'a task definition: a folder' rollout --tag 4.1 --task-definition v4.1
wrote_nothing 'task definitions'

expect_status 'issue 4: after all of this nothing has changed' 'o.state === "nothing"'
cli rollout --tag 4.1
expect_exit 0 'issue 4: the mistakes were the only thing in the way'

finish
