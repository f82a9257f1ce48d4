#!/usr/bin/env bash
# The end of a version under streams (issue 7, 7.1, 7.3): one that is shorter than the deregistration delay ends well, and
# SIGTERM comes after it; one that is longer is cut at the end of the delay, once, with a retriable status, and then resumed.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"

SPEED=$((SPEED / 4)) # the delay of 30 s of AWS is to be some seconds here
DELAY=$((30000 / SPEED)) # in milliseconds of ours
start_sandbox
grpc_project harbour
sed -i 's/^DEREGISTRATION_DELAY=.*/DEREGISTRATION_DELAY=30/; s/^HOLD=.*/HOLD=0.3s/' "$PROJECT/.env"
infra
for version in 3.1 3.2 3.3; do make_quay "v$version" "$version"; done
must update v3.1 --tag 3.1
expect_soon 30 'issue 7: the first version answers' 'Version 3.1' hails 3.1

# A word every 100 ms in a stream that is begun again when it ends badly, and unary calls beside it, on one channel. Lines:
# "talk MS VERSION PROCESS", "ends MS CODE REASON", "unary MS VERSION CODE".
STREAMS='
  const talk = async () => {
    for (let done = false; !done;) {
      const it = channel.open("/quay.Harbour/Talk");
      it.send(call("word"));
      for await (const m of it.messages) {
        const { text } = answer(m);
        console.log("talk", Math.round(now()), version(text), who(text));
        await sleep(100);
        if (stopped()) it.end(); else it.send(call("word"));
      }
      const status = await it.status;
      console.log("ends", Math.round(status.ended), status.code, status.message);
      done = stopped() || status.code === 0;
      if (!done) await sleep(200);
    }
  };
  const unary = async () => { while (!stopped()) { const r = await channel.hail("boat", 0, { timeout: 15000 }); console.log("unary", Math.round(now()), r.version, r.code); await sleep(50); } };
  await Promise.all([talk(), talk(), talk(), unary()]);
  console.log("channel connections", channel.connections);'
talks_on() { (($(awk -v version="$1" '$1 == "talk" && $3 == version { print $4 }' "$WORK/grpc.log" | wc -l) >= $2)); } # VERSION COUNT
ends() { grep -c '^ends ' "$WORK/grpc.log"; }
ends_reach() { (($(ends) >= $1)); }
draining() { # GROUP
  [[ $(elb 'return (await call("DescribeTargetHealth", { TargetGroupArn: args[0] })).TargetHealthDescriptions?.filter?.((t) => t.TargetHealth.State === "draining").length ?? 0' "$1") != 0 ]]
}
no_failed_unary() { # TEXT
  local seen
  seen=$(grep '^unary ' "$WORK/grpc.log" | grep -v ' 0$' | head -n 3 | tr '\n' ';')
  check "issue 7: $1: beside them no unary call fails" "none of $(grep -c '^unary ' "$WORK/grpc.log")" "$seen" test -z "$seen"
}
sigterms() { grep -c " $1 [0-9]* sigterm" "$WORK/events"; } # VERSION
both_sigterms() { (($(sigterms "$1") == 2)); }
after_draining() { # TEXT VERSION: SIGTERM came to both tasks, and no stream was open then
  expect_soon 30 "issue 7.3: $1: the tasks of $2 get SIGTERM" 'two of them' both_sigterms "$2"
  check "issue 7.3: $1: SIGTERM comes after draining: no stream is open then" 'open=0, twice' "$(grep "$2 .*sigterm" "$WORK/events" | tr '\n' ';')" \
    test "$(grep -c " $2 [0-9]* sigterm open=0" "$WORK/events")" -eq 2
  expect_soon 10 "issue 7.1: $1: the tasks of $2 end" none nothing_runs "$2"
}

# Shorter: the streams are ended by the client, well before the delay is over.
grpc_in_background "$STREAMS"
expect_soon 20 'preparing: streams with 3.1' '20 words' talks_on 3.1 20
must update v3.2 --tag 3.2
check 'issue 7.3: through the update no stream has ended' 'none' "$(grep '^ends' "$WORK/grpc.log" | tr '\n' ';')" test "$(ends)" -eq 0
read_status
old=$(in_status 'o.old.targetGroup')
cli_in_background destroy-old --yes
expect_soon 60 'section 4.8: the old targets drain' 'state draining' draining "$old"
begun=$(date +%s%3N)
nap 1
check 'issue 7: a stream that drains is still served' 'no end, and words of 3.1' "$(tail -n 2 "$WORK/grpc.log" | tr '\n' ';')" \
  test "$(ends)" -eq 0 -a -n "$(awk -v from="$begun" '$1 == "talk" && $2 > from && $3 == "3.1"' "$WORK/grpc.log" | head -n 1)"
stop_grpc
check 'issue 7: streams shorter than the deregistration delay never fail' '0, three times' "$(grep '^ends' "$WORK/grpc.log" | tr '\n' ';')" \
  test "$(awk '$1 == "ends" { print $3 }' "$WORK/grpc.log" | tr '\n' ' ')" = '0 0 0 '
no_failed_unary 'shorter'
wait_for_cli 60
expect_exit 0 'section 2: destroy-old'
after_draining 'shorter streams' 3.1
last=$(grep -E ' 3\.1 .*(done|gone) /quay.Harbour/Talk' "$WORK/events" | awk 'END { print $1 }')
check 'issue 7.3: and after the last stream was over' 'done, then sigterm' "${last:-none} $(event_time ' 3.1 .*sigterm')" \
  test "${last:-0}" -gt 0 -a "${last:-0}" -le "$(event_time ' 3.1 .*sigterm')"

# Longer: nobody ends them.
grpc_in_background "$STREAMS"
expect_soon 20 'preparing: streams with 3.2' '20 words' talks_on 3.2 20
must update v3.3 --tag 3.3
read_status
old=$(in_status 'o.old.targetGroup')
cli_in_background destroy-old --yes
expect_soon 60 'section 4.8: the old targets drain, once more' 'state draining' draining "$old"
begun=$(date +%s%3N)
expect_soon $((DELAY / 1000 + 30)) 'issue 7.3: streams that outlive the delay are cut' 'three ends' ends_reach 3
seen=$(awk '$1 == "ends" { print $2 }' "$WORK/grpc.log" | sort -n | head -n 1)
check 'issue 7.3: not before the delay is over' "at least $((DELAY * 6 / 10)) ms after they began to drain" "$((${seen:-0} - begun)) ms" test $((${seen:-0} - begun)) -ge $((DELAY * 6 / 10))
seen=$(awk '$1 == "ends" { print $2 }' "$WORK/grpc.log" | sort -n | sed -n 3p)
check 'issue 7.3: and soon after it' "at most $((DELAY + 10000)) ms" "$((${seen:-0} - begun)) ms" test $((${seen:-0} - begun)) -le $((DELAY + 10000))
wait_for_cli 60
expect_exit 0 'section 2: destroy-old, with streams that outlive the delay'
after_draining 'longer streams' 3.2
expect_soon 20 'issue 7: they are resumed, with the new version' '30 words of 3.3' talks_on 3.3 30
stop_grpc
seen=$(awk '$1 == "ends" { print $3 }' "$WORK/grpc.log" | tr '\n' ' ')
check 'issue 7: each was cut once, with a retriable status, and the resumed ones end well' "$RETRIABLE $RETRIABLE $RETRIABLE 0 0 0" "$(grep '^ends' "$WORK/grpc.log" | tr '\n' ';')" \
  test "$seen" = "$RETRIABLE $RETRIABLE $RETRIABLE 0 0 0 "
no_failed_unary 'longer'

finish
