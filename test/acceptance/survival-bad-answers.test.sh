#!/usr/bin/env bash
# A version whose tasks are healthy but whose answers are not (issue 4.5): errors beyond `--max-5xx`, or slow beyond
# `--max-latency`. Traffic back first, exit 3, the reason with its number; a good version passes the same bounds.
#
# AWS's metrics come minute by minute and one to three minutes late: here a minute is 60 s / speed. A p90 takes 20 requests in one.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"

start_sandbox
new_project harbour
set_setting SETTLE 0.2s
set_setting HOLD 70s # far more than metrics take
must build-infra
take_endpoint
make_ferry v4.1 4.1
make_ferry choppy 4.2 choppy
make_ferry becalmed 4.3 becalmed
make_ferry v4.4 4.4
must update v4.1 --tag 4.1
expect_soon 10 'preparing: 4.1 answers' 'Version 4.1' answers 4.1
start_requests # or there would be nothing to measure

went_back() { # TEXT
  expect_exit 3 "$1: ends 3, for it had weight"
  expect_primary 4.1 "$1"
  expect_all_from 4.1 "$1"
  expect_status "$1: nobody holds the pair" 'o.holder === null'
}

# A good version, first: bounds that are kept do not stop it.
cli update v4.4 --tag 4.4 --max-5xx 1% --max-latency p90=2s --hold 8s
expect_exit 0 'issue 4: a good version within its bounds'
expect_primary 4.4 'issue 4: a good version within its bounds'
alone_again 4.1

text='issue 4: a quarter of its answers are 500, with --max-5xx 1%'
cli update choppy --tag 4.2 --max-5xx 1%
says 'Routing 50% of traffic to the new service' "$text: it had weight"
says_not 'Routing 100%' "$text: and never more"
expect_stderr '5xx|\b50[0-9]\b' "$text: names the bound"
expect_stderr '(^|[^0-9.])(1[0-9]|2[0-9]|3[0-9]|4[0-9])(\.[0-9]+)? ?%' "$text: and the share it saw"
expect_stderr '(^|[^0-9.])1(\.0+)? ?%' "$text: beside what was allowed"
went_back "$text"
alone_again 4.1

text='issue 4: a fifth of its answers take 0.7 s, with --max-latency p90=300ms'
cli update becalmed --tag 4.3 --max-5xx 1% --max-latency p90=300ms --json
expect_json "$text: an error that names the bound" \
  'o.error && typeof o.error.code === "string" && /p90|latency/i.test(o.error.message)'
expect_json "$text: with a number of seconds beyond it" \
  '[...o.error.message.matchAll(/([0-9.,]+) ?(ms|s)\b/g)].some(([, n, unit]) => Number(n.replace(",", "")) * (unit === "s" ? 1000 : 1) > 300)'
expect_json "$text: and says what users are served" '/4\.1/.test(o.error.usersAre)'
expect_stderr 'Routing 50% of traffic to the new service' "$text: it had weight"
went_back "$text"
now WELL
more_requests 30
now END
stop_requests
expect_only 'issue 4: after it only the version that had the traffic' 4.1 "$WELL" "$END"

finish
