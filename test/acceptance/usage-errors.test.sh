#!/usr/bin/env bash
# Wrong usage and wrong configuration: the right exit code, one clear message, nothing tried (sections 2 and 5). That
# `destroy-old`, `destroy-infra` and `sandbox reset` need --yes is in lifecycle-old, infra and sandbox; taken ports are in
# taken-ports.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
new_project harbour
make_app v3.1 3.1
cp "$PROJECT/.env" "$WORK/good.env"

wrong() { # CODE REGEX-OF-THE-MESSAGE TEXT ARGUMENT…: no write call
  local code=$1 regex=$2 text=$3 mark
  shift 3
  log_mark mark
  cli "$@"
  expect_exit "$code" "$text"
  expect_stderr "$regex" "$text: the message says what is wrong"
  expect_one_message "$text"
  expect_no_writes "$mark" "$text"
}

wrong_setting() { # NAME TEXT ARGUMENT…: named before any AWS call at all
  local name=$1 text=$2 mark seen
  shift 2
  log_mark mark
  wrong 2 "$name" "$text" "$@"
  seen=$(log_since "$mark" true | sed '$d') # without the last, the call of our own that expect_no_writes made
  check "$text: before any AWS call" none "${seen//$'\n'/, }" test -z "$seen"
}

# Arguments.
wrong 2 '150|0 to 100|0 and 100|0\.\.100' 'issue 2: route --canary 150' route --canary 150
wrong 2 'abc|number|0 to 100|0 and 100' 'issue 2: route --canary abc' route --canary abc
wrong 2 'canary' 'section 2: route --canary -1' route --canary=-1
wrong 2 'primary' 'section 2: route with both percentages' route --canary 5 --primary 5
wrong 2 'canary' 'section 2: route without a percentage' route
wrong 2 'target-group' 'section 2: route with one of two target groups' route --canary 5 --primary-target-group \
  "arn:aws:elasticloadbalancing:$REGION:$ACCOUNT:targetgroup/one/0123456789abcdef"
wrong 2 'sail' 'section 5: an unknown command' sail
wrong 2 'anchor' 'section 5: an unknown option' status --anchor
wrong 2 'steps|fifty' 'section 2: malformed --steps' update v3.1 --tag 3.1 --steps fifty,100

# Settings. A CLI_ENV assignment beats .env (section 2); an empty project folder has no .env.
mkdir "$WORK/empty"
PROJECT=$WORK/empty
wrong_setting '\.env|PROJECT_NAME' 'issue 2: no .env' build-infra
wrong_setting '\.env|PROJECT_NAME' 'issue 2: no .env, on update' update --tag 3.1
PROJECT=$WORK/harbour

CLI_ENV=(-u AWS_REGION -u AWS_DEFAULT_REGION) # should the sandbox have named a region
for name in PROJECT_NAME AWS_DEFAULT_REGION AWS_ACCOUNT_ID; do
  grep -v "^$name=" "$WORK/good.env" >"$PROJECT/.env"
  wrong_setting "$name" "section 2: $name is missing" build-infra
done
cp "$WORK/good.env" "$PROJECT/.env"
CLI_ENV=()

for setting in PROJECT_NAME=Harbour_1 AWS_ACCOUNT_ID=12345 LISTENER_PORT=99999 EXPOSE=everywhere DESIRED_COUNT=two \
  CONTAINER_PORT=http HOLD=soonish POLL_INTERVAL=often STEPS=50,fifty; do
  CLI_ENV=("$setting")
  wrong_setting "${setting%%=*}" "section 2: malformed $setting" update v3.1 --tag 3.1
done

CLI_ENV=(AWS_REGION=us-west-2 "AWS_DEFAULT_REGION=$REGION")
wrong_setting 'AWS_REGION.*AWS_DEFAULT_REGION|AWS_DEFAULT_REGION.*AWS_REGION' 'section 2: two regions that differ' build-infra
CLI_ENV=()

# Line ends of Windows are no mistake of the user's: the values are the same.
sed 's/$/\r/' "$WORK/good.env" >"$PROJECT/.env"
cli build-infra
expect_exit 0 'section 2: a .env with CRLF line ends'
take_endpoint
check 'section 2: no CR in a value of it' "http://127.0.0.1:$PORT_PUBLIC" "$(cat -v <<<"$ENDPOINT")" test "$ENDPOINT" = "http://127.0.0.1:$PORT_PUBLIC"
expect_status 'section 2: nor in what status shows' 'o.project === "harbour" && o.service === "quay" && o.state === "nothing"'
cp "$WORK/good.env" "$PROJECT/.env"

# Against AWS.
CLI_ENV=(AWS_ACCOUNT_ID=111122223333)
for command in build-infra 'push v3.1 --tag 3.1' 'rollout --tag 3.1' 'destroy-infra --yes'; do
  # shellcheck disable=SC2086 # the words of the command
  wrong 2 '111122223333' "section 2: a wrong account, on ${command%% *}" $command
done
CLI_ENV=()

cli rollout
expect_exit '1|2' 'section 2: rollout when nothing was ever pushed'
expect_one_message 'section 2: rollout when nothing was ever pushed'
wrong '1|2' '9\.9' 'issue 2: a missing image tag' rollout --tag 9.9
expect_status 'issue 2: after all of this nothing has changed' 'o.state === "nothing"'

# The mistakes above were the only thing in the way.
cli update v3.1 --tag 3.1
expect_exit 0 'section 2: and the right way works'

finish
