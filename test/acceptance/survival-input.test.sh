#!/usr/bin/env bash
# Whatever a user types (issue 4.6): exit 2, one clear message, no stack trace and no write call. What usage-errors looks at
# is not repeated here; what is in files is survival-files'.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
new_project harbour
must build-infra
make_ferry v4.1 4.1
must push v4.1 --tag 4.1
log_mark NONSENSE

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
wrote_nothing 'command lines'

# The options of this issue: the message says what a right value looks like, which an unknown option's does not.
for value in '' lots -1 200% NaN%; do
  nonsense 2 '(^|[^0-9])(0?\.)?[0-9]{1,2} ?%|percent' "--max-5xx='$value'" update v4.1 --tag 4.1 --dry-run "--max-5xx=$value"
  expect_stderr 'max-5xx' "issue 4: --max-5xx='$value' is named"
done
for value in '' fast p99 p99= p99=soon p200=1h; do
  nonsense 2 'p[0-9]+=[0-9.]+ ?m?s' "--max-latency='$value'" update v4.1 --tag 4.1 --dry-run "--max-latency=$value"
  expect_stderr 'max-latency' "issue 4: --max-latency='$value' is named"
done
for value in '' explode; do
  nonsense 2 'rollback' "--on-interrupt='$value'" update v4.1 --tag 4.1 --dry-run "--on-interrupt=$value"
  expect_stderr 'on-interrupt' "issue 4: --on-interrupt='$value' is named"
done
for setting in ECS_CANARY_MAX_5XX=lots ECS_CANARY_MAX_LATENCY=fast ECS_CANARY_ON_INTERRUPT=explode ECS_CANARY_TIMEOUT=never; do
  CLI_ENV=("$setting")
  name=${setting%%=*}
  option=${name#ECS_CANARY_} option=${option,,}
  nonsense 2 "$name|--${option//_/-}" "$setting" update v4.1 --tag 4.1 --dry-run
done
CLI_ENV=()
wrote_nothing 'options of this issue'

expect_status 'issue 4: after all of this nothing has changed' 'o.state === "nothing"'
cli rollout --tag 4.1
expect_exit 0 'issue 4: the mistakes were the only thing in the way'

finish
