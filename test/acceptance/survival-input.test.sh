#!/usr/bin/env bash
# Whatever a user types or leaves in a file (issue 4.6): exit 2, one clear message, no stack trace and no write call; 0 or
# 2 where it may be taken for valid. What usage-errors and task-definition look at is not repeated here.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
new_project harbour
must build-infra
make_app v4.1 4.1
must push v4.1 --tag 4.1
cp "$PROJECT/.env" "$WORK/good.env"
log_mark START

wrote_since() { log_since "$1" 'c.write' | tr '\n' ','; } # MARK
nonsense() {                                              # CODES REGEX-OF-THE-MESSAGE TEXT ARGUMENT…
  local codes=$1 regex=$2 text="issue 4: $3" mark
  shift 3
  log_mark mark
  cli "$@"
  expect_exit "$codes" "$text"
  if [[ $RC -ne 0 ]]; then
    expect_one_message "$text"
    expect_stderr "$regex" "$text: the message says what is wrong"
  fi
  local seen
  seen=$(wrote_since "$mark")
  check "$text: nothing is written" 'no write call' "$seen" test -z "$seen"
}

# --- command lines ---------------------------------------------------------------------------------------------------

nonsense 2 'command|usage' 'an empty command' ''
nonsense 2 'argument|overboard' 'one argument too many' update v4.1 overboard --tag 4.1
nonsense 2 'tag' 'an option without its value' update v4.1 --tag
nonsense 2 'tag' 'an empty tag' update v4.1 --tag ''
nonsense 2 'tag' 'a tag that no registry takes' update v4.1 --tag 'a b/c:d'
nonsense 2 'tag' 'a tag too long' update v4.1 --tag "$(printf 'x%.0s' {1..200})"
nonsense 2 'nowhere' 'a folder that is not there' update nowhere --tag 4.1
nonsense 2 'timeout' 'a timeout without a number' rollout --tag 4.1 --timeout soon
nonsense 2 'timeout' 'a timeout below zero' rollout --tag 4.1 --timeout=-5m
nonsense 2 'hold' 'a hold in no unit of time' update v4.1 --tag 4.1 --hold 5parsecs
nonsense 2 'steps' 'steps that fall' update v4.1 --tag 4.1 --steps 100,50
nonsense 2 'steps' 'steps with a gap' update v4.1 --tag 4.1 --steps 50,,100
nonsense 2 'steps' 'steps beyond 100' update v4.1 --tag 4.1 --steps 5,200
nonsense 2 'tasks' 'tasks that are no number' rollout --tag 4.1 --tasks lots
nonsense 2 'tasks' 'tasks below zero' rollout --tag 4.1 --tasks=-1
nonsense 2 'canary|percent' 'a percentage that is not a number' route --canary NaN
nonsense 2 'canary|percent' 'a percentage without an end' route --canary 1e400
nonsense 2 'canary|percent' 'an empty percentage' route --canary ''
nonsense 2 'service' 'a service with a way out' rollout --tag 4.1 --service ../../pier
nonsense 2 'region' 'a region that is none' rollout --tag 4.1 --region 'mars north'
nonsense 2 'endpoint|url' 'an endpoint that is none' rollout --tag 4.1 --endpoint-url 'not a url'
nonsense 2 'target-group|arn' 'target groups that are none' route --canary 5 --primary-target-group pier --canary-target-group quay
nonsense 2 'url' 'probe with a URL that is none' probe --url pier -n 5
nonsense 2 'requests|number|-n' 'probe with requests that are no number' probe --url http://127.0.0.1:1/ -n many
nonsense 2 'pattern|regular|regexp' 'probe with a broken pattern' probe --url http://127.0.0.1:1/ -n 1 --pattern '('
nonsense 2 'speed' 'a sandbox without a speed' sandbox start --speed nought --dir "$WORK/other"
nonsense 2 'port' 'a sandbox on a port that is none' sandbox start --port 99999 --dir "$WORK/other"
nonsense 2 'account' 'a sandbox with an account that is none' sandbox start --account 12 --dir "$WORK/other"

# The options of this issue: the message says what a right value looks like, which an unknown option's does not.
for value in '' lots -1% 200% NaN%; do
  nonsense 2 '(^|[^0-9])(0?\.)?[0-9]{1,2} ?%|percent' "--max-5xx='$value'" update v4.1 --tag 4.1 "--max-5xx=$value"
  expect_stderr 'max-5xx' "issue 4: --max-5xx='$value' is named"
done
for value in '' fast p99 p99= p99=soon p200=1h; do
  nonsense 2 'p[0-9]+=[0-9.]+ ?m?s' "--max-latency='$value'" update v4.1 --tag 4.1 "--max-latency=$value"
  expect_stderr 'max-latency' "issue 4: --max-latency='$value' is named"
done
for value in '' explode; do
  nonsense 2 'rollback' "--on-interrupt='$value'" update v4.1 --tag 4.1 "--on-interrupt=$value"
  expect_stderr 'on-interrupt' "issue 4: --on-interrupt='$value' is named"
done
for setting in ECS_CANARY_MAX_5XX=lots ECS_CANARY_MAX_LATENCY=fast ECS_CANARY_ON_INTERRUPT=explode ECS_CANARY_TIMEOUT=never; do
  CLI_ENV=("$setting")
  name=${setting%%=*}
  option=${name#ECS_CANARY_} option=${option,,}
  nonsense 2 "$name|--${option//_/-}" "$setting" update v4.1 --tag 4.1
done
CLI_ENV=()

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
nonsense 2 'v4\.1|director|folder' '--env-file with a folder' rollout --tag 4.1 --env-file v4.1
nonsense 2 'missing\.env' '--env-file that is not there' rollout --tag 4.1 --env-file missing.env
for setting in DESIRED_COUNT=-3 DESIRED_COUNT=2.5 LISTENER_PORT=0 HEALTH_CHECK_INTERVAL=0 SETTLE=-1s CPU=banana; do
  CLI_ENV=("$setting")
  nonsense 2 "${setting%%=*}" "$setting" rollout --tag 4.1
done
CLI_ENV=()

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

# All of it together, with what came late.
seen=$(wrote_since "$START")
check 'issue 4: after all of this AWS has got no write call' none "$seen" test -z "$seen"
expect_status 'issue 4: after all of this nothing has changed' 'o.state === "nothing"'
must rollout --tag 4.1

finish
