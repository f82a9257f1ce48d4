#!/usr/bin/env bash
# Streams that run stay where they are when weights change, whatever their kind; new ones go where the weights say (issue
# 7.3). No stream ends before the test ends it, and each ends well.
# shellcheck disable=SC2016 # JavaScript, and texts for people
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"

grpc_ready 3.1 3.2
must rollout --tag 3.1
expect_soon 20 'issue 7: the first version answers' 'Version 3.1' hails 3.1
must rollout --tag 3.2

# On one channel three streams, begun at 0 %, and a fourth, begun when $WORK/second is there; beside them a unary call every
# 50 ms. Lines: "KIND MS VERSION PROCESS NUMBER", at its end "KIND ends CODE NUMBER".
grpc_in_background '
  const second = () => fs.existsSync(`${process.env.QUAY_WORK}/second`);
  const say = (kind, text, number) => console.log(kind, Math.round(now()), version(text), who(text), number);
  const talk = async (kind) => {
    const it = channel.open("/quay.Harbour/Talk");
    await it.send(call("word"));
    for await (const m of it.messages) {
      const { text, number } = answer(m);
      say(kind, text, number);
      await sleep(100);
      if (stopped()) it.end(); else await it.send(call("word"));
    }
    const status = await it.status;
    console.log(kind, "ends", status.code, status.trailers["quay-sent"] ?? status.message);
  };
  const watch = async () => { // has no end of its own while the test runs, so it is cancelled
    const it = channel.open("/quay.Harbour/Watch");
    it.stream.end(frame(call("boat", 5000, 100)));
    for await (const m of it.messages) { const { text, number } = answer(m); say("watch", text, number); if (stopped()) it.cancel(); }
    console.log("watch ends", (await it.status).code, 0);
  };
  const load = async () => {
    const it = channel.open("/quay.Harbour/Load");
    let sent = 0;
    for (; !stopped(); sent += 1) { await it.send(call("crate")); await sleep(100); }
    it.end();
    const [last] = await list(it.messages), status = await it.status;
    if (last) say("load", last.text, last.number - sent);
    console.log("load ends", status.code, sent);
  };
  const later = async () => { await until(120000, () => second() || stopped()); if (!stopped()) await talk("later"); };
  const unary = async () => { while (!stopped()) { const r = await channel.hail("boat", 0, { timeout: 15000 }); say("unary", r.text, r.code); await sleep(50); } };
  await Promise.all([talk("talk"), watch(), load(), later(), unary()]);
  console.log("channel connections", channel.connections);'
begun() { grpc_log_has '^talk ' && grpc_log_has '^watch ' && event_seen 'open /quay.Harbour/Load'; }
expect_soon 20 'preparing: three streams run' 'talk, watch and load' begun
heard() { grep -c "^$1 [0-9]" "$WORK/grpc.log"; }     # KIND
heard_reach() { (($(heard "$1") >= $2)); }            # KIND COUNT
goes_on() { # TEXT KIND…
  local text=$1 kind
  shift
  for kind; do expect_soon 10 "issue 7.3: $text: $kind goes on" 'five more messages' heard_reach "$kind" $(($(heard "$kind") + 5)); done
}
lately() { tail -n 400 "$WORK/grpc.log" | awk -v from="$2" -v kind="$1" '$1 == kind && $2 >= from { print $3 }' | sort -u | tr '\n' ' '; } # KIND MS

goes_on 'at 0 %' talk watch
for percent in 50 100; do
  must route --canary "$percent"
  goes_on "at $percent %" talk watch
done
since=$(($(date +%s%3N) + 100))
nap 1.5
check 'issue 7.3: at 100 % new calls are with the new version' 3.2 "$(lately unary "$since")" test "$(lately unary "$since")" = '3.2 '
check 'issue 7.3: and the stream that runs with the old one' 3.1 "$(lately talk "$since")" test "$(lately talk "$since")" = '3.1 '
: >"$WORK/second"
goes_on 'a stream begun at 100 %' later
must promote
goes_on 'after promote' talk watch later
cli rollback
expect_exit 0 'issue 7.5: rollback'
goes_on 'after rollback' talk watch later
since=$(($(date +%s%3N) + 100))
nap 1.5
check 'issue 7.3: after rollback new calls are with the old version' 3.1 "$(lately unary "$since")" test "$(lately unary "$since")" = '3.1 '
check 'issue 7.3: and the stream that began at 100 % is with the new one' 3.2 "$(lately later "$since")" test "$(lately later "$since")" = '3.2 '
stop_grpc

one_task() { # KIND VERSION
  local seen
  seen=$(awk -v kind="$1" '$1 == kind && $2 != "ends" { print $3, $4 }' "$WORK/grpc.log" | sort -u | tr '\n' ';')
  check "issue 7.3: $1 stayed with one task of $2" "$2 and one process" "$seen" grep -Eqx "${2//./\\.} [0-9]+;" <<<"$seen"
}
one_task talk 3.1
one_task watch 3.1
one_task load 3.1
one_task later 3.2
for kind in talk watch later; do
  seen=$(awk -v kind="$kind" '$1 == kind && $2 != "ends" && $5 != ++n { print $5; exit }' "$WORK/grpc.log")
  check "issue 7.3: $kind: no message is missing" '1, 2, 3, …' "${seen:-}" test -z "$seen" -a "$(heard "$kind")" -gt 10
done
check 'issue 7.3: load: every message arrived' '0 missing' "$(grep '^load [0-9]' "$WORK/grpc.log")" grep -Eq '^load [0-9]+ 3\.1 [0-9]+ 0$' "$WORK/grpc.log"
check 'issue 7.3: the streams end well, when the test ends them' 'talk, load and later 0, watch 1 (cancelled)' "$(grep ' ends ' "$WORK/grpc.log" | tr '\n' ';')" \
  test "$(grep ' ends ' "$WORK/grpc.log" | awk '{ print $1, $3 }' | sort | tr '\n' ';')" = 'later 0;load 0;talk 0;watch 1;'
seen=$(grep '^unary ' "$WORK/grpc.log" | grep -vc ' 0$')
check 'issue 7: beside them no unary call fails' "none of $(heard unary)" "$seen" test "$seen" -eq 0 -a "$(heard unary)" -gt 50
check 'issue 7.3: all of it on one connection' 1 "$(tail -n 1 "$WORK/grpc.log")" test "$(tail -n 1 "$WORK/grpc.log")" = 'channel connections 1'

finish
