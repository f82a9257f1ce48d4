#!/usr/bin/env bash
# One client channel through an update there and back, with the old tasks really ended each time (issue 7; the 20,000 calls
# of it are the bench's): no call fails, the channel is never cut, the share at 50 % is inside its band of 1e-6 (A:166).
# shellcheck disable=SC2016 # JavaScript, and texts for people
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"

start_sandbox
grpc_project harbour
set_setting HOLD 4s
infra
make_quay v3.1 3.1
make_quay v3.2 3.2
must update v3.1 --tag 3.1
expect_soon 20 'issue 7: the first version answers' 'Version 3.1' hails 3.1

# Six workers on one channel: a line "BEGUN ENDED VERSION-or-error" for each call, in microseconds; 20,000 calls at most.
grpc_in_background '
  const line = (r) => `${Math.round(r.begun * 1000)} ${Math.round(r.ended * 1000)} ${r.code === 0 && r.version || `error ${r.name} ${r.message} attempts=${r.attempts}`}`;
  let left = 20000;
  await Promise.all([1, 2, 3, 4, 5, 6].map(async () => {
    while (left-- > 0 && !stopped()) { console.log(line(await channel.hail("boat", 0, { timeout: 15000 }))); await sleep(20); }
  }));
  console.log(`end connections=${channel.connections} retried=${channel.retried} ${channel.errors.join(",")}`);'
calls() { grep -vc '^end' "$WORK/grpc.log"; }
calls_reach() { (($(calls) >= $1)); }
more_calls() { wait_until 30 calls_reach $(($(calls) + $1)) || not_ok 'the calls go on' "$1 more in 30 s" "$(tail -n 1 "$WORK/grpc.log")"; } # COUNT
between() { # FROM TO: "VERSION COUNT" lines of the calls that began and ended there
  awk -v from="$1" -v to="$2" '$1 >= from && $2 <= to { n[$3]++ } END { for (v in n) print v, n[v] }' "$WORK/grpc.log" | sort
}
routed_half() { grep -qx 'Routing 50% of traffic to the new service' "$OUT" || cli_ended; }

update_under_calls() { # FROM TO
  local text="issue 7: update from $1 to $2" half counts n new low high
  more_calls 100
  cli_in_background update "v$2" --tag "$2" --destroy-old --yes
  wait_until 80 routed_half
  now half
  wait_for_cli 90
  expect_exit 0 "$text"
  expect_lines_in_order "$text: A's lines" 'Waiting for ECS Service to be in RUNNING state\.\.\.' 'Tasks are starting \(0/2\)\.\.\.' 'Tasks started' \
    'Updating traffic route' 'Routing 50% of traffic to the new service' 'Updating traffic route' 'Routing 100% of traffic to the new service'
  counts=$(between "$half" $((half + 3000000))) # HOLD is 4 s
  n=$(awk '{ n += $2 } END { print n + 0 }' <<<"$counts")
  new=$(awk -v v="$2" '$1 == v { print $2 }' <<<"$counts")
  read -r low high <<<"$(band "$n" 50)"
  check "$text: the share while it holds at 50 %" "$low to $high of $n" "${counts//$'\n'/, }" test "$n" -ge 100 -a "${new:-0}" -ge "$low" -a "${new:-0}" -le "$high"
  expect_soon 20 "$text: the old tasks are gone" "no process of $1" nothing_runs "$1"
  now half
  more_calls 100
  counts=$(between "$half" "${EPOCHREALTIME/./}")
  check "$text: at the end all is with $2" "$2 alone" "${counts//$'\n'/, }" test "$(awk '{ print $1 }' <<<"$counts")" = "$2"
}
update_under_calls 3.1 3.2
update_under_calls 3.2 3.1

stop_grpc
total=$(calls)
bad=$(grep -c ' error ' "$WORK/grpc.log")
check 'issue 7: no call fails, there and back' "none of $total" "$bad: $(grep ' error ' "$WORK/grpc.log" | head -n 3 | tr '\n' ';')" test "$bad" -eq 0
check 'issue 7: the calls were at work all the time' 'at least 1,000, and fewer than the 20,000 at which they end' "$total" test "$total" -ge 1000 -a "$total" -lt 20000
check 'A:166: the connection between client and server is not broken' 'end connections=1 retried=0' "$(tail -n 1 "$WORK/grpc.log")" \
  grep -q '^end connections=1 retried=0' "$WORK/grpc.log"
seen=$(awk '!/^end/ { print $3 }' "$WORK/grpc.log" | uniq | sort | uniq -c | awk '{ print $2 }' | tr '\n' ' ')
check 'issue 7: it saw both versions and no other' '3.1 3.2' "$seen" test "$seen" = '3.1 3.2 '

finish
