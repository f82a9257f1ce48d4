#!/usr/bin/env bash
# The other grpc-* scripts judge by a client and a server of their own (grpc-lib.sh): here these are held against each
# other, over TLS and without, with nothing of the program in between. What fails here makes the others mean nothing.
# shellcheck disable=SC2016 # JavaScript, and texts for people
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"

prepare_call 'the client and the server of grpc-lib.sh'
: >"$OUT"
: >"$ERR"
serve_own 'grpc.harbour("9.1")'

both_ways() { # TEXT: the calls of quay.Harbour on one channel
  grpc_json '
    const out = {};
    out.hail = await channel.hail("boat", 0, { metadata: { "x-quay": "north" } });
    out.big = (await channel.hail("b".repeat(300000), 0)).text.length;
    out.nobody = await channel.hail("nobody");
    out.unknown = await channel.unary("/quay.Harbour/Sail", call("boat"));
    const watch = channel.open("/quay.Harbour/Watch");
    watch.stream.end(frame(call("boat", 5, 10)));
    out.watch = { numbers: (await list(watch.messages)).map((m) => m.number), status: await watch.status };
    const load = channel.open("/quay.Harbour/Load");
    for (let i = 0; i < 7; i++) await load.send(call("crate"));
    load.end();
    out.load = { list: await list(load.messages), status: await load.status };
    const talk = channel.open("/quay.Harbour/Talk");
    const heard = (async () => { const all = []; for await (const m of talk.messages) { all.push(answer(m).text.split(" ")[4]); if (all.length === 3) talk.end(); else await talk.send(call(`word${all.length}`)); } return all; })();
    await talk.send(call("word0"));
    out.talk = { heard: await heard, status: await talk.status };
    out.own = await channel.hail("boat", 5000, { timeout: 300 });
    out.theirs = await channel.hail("boat", 5000, { timeout: 300, trusting: true });
    const cancelled = channel.open("/quay.Harbour/Watch");
    cancelled.stream.end(frame(call("boat", 100, 20)));
    let n = 0;
    for await (const m of cancelled.messages) if (++n === 3) cancelled.cancel();
    out.cancelled = await cancelled.status;
    out.after = (await channel.hail("boat")).version;
    out.connections = channel.connections;
    return out;'
  expect_grpc "$1: a unary call" 'o.hail.code === 0 && o.hail.version === "9.1" && o.hail.number === 4 && /^\d+$/.test(o.hail.process)'
  expect_grpc "$1: headers and trailers" 'o.hail.headers["quay-header"] === "flood" && o.hail.trailers["quay-trailer"] === "tide" && o.hail.trailers["quay-seen"] === "north" && o.hail.trailers["quay-bin"] === "AAH+/w=="'
  expect_grpc "$1: a message of many frames" 'o.big > 300000'
  expect_grpc "$1: an error is trailers only, its message decoded" 'o.nobody.code === 5 && o.nobody.message === "no berth at the quay: 100 %, “über”" && o.nobody.trailers["quay-trailer"] === "ebb"'
  expect_grpc "$1: a method that is not there" 'o.unknown.code === 12'
  expect_grpc "$1: a server stream" 'o.watch.numbers.join() === "1,2,3,4,5" && o.watch.status.code === 0 && o.watch.status.trailers["quay-sent"] === "5"'
  expect_grpc "$1: a client stream" 'o.load.list.length === 1 && o.load.list[0].number === 7 && o.load.status.code === 0'
  expect_grpc "$1: a bidirectional stream" 'o.talk.heard.join() === "word0,word1,word2" && o.talk.status.code === 0'
  expect_grpc "$1: a deadline kept by the client" 'o.own.code === 4 && o.own.ended - o.own.begun < 2000'
  expect_grpc "$1: a deadline kept by the server" 'o.theirs.code === 4 && o.theirs.message === "too late at the quay"'
  expect_grpc "$1: cancelled" 'o.cancelled.code === 1'
  expect_grpc "$1: all on one connection" 'o.after === "9.1" && o.connections === 1'
}

ADDRESS=127.0.0.1:$PORT_PLAIN NAME=quay.harbour.internal CA=''
both_ways 'plain'
ADDRESS=127.0.0.1:$PORT_TLS CA=$WORK/own-ca.pem
both_ways 'TLS'
grpc_json 'return channel.hail("boat")'
expect_grpc 'TLS: the certificate is checked, and holds' 'o.version === "9.1"'
if have_grpc_js; then
  for CA in "$WORK/own-ca.pem" ''; do
    how=TLS
    [[ -n $CA ]] || how=plain ADDRESS=127.0.0.1:$PORT_PLAIN
    second_opinion 50
    expect_grpc "$how: grpc-js calls this server" 'o.errors === 0 && o.versions["9.1"] === 50'
    expect_second_opinion "$how"
  done
  ADDRESS=127.0.0.1:$PORT_TLS CA=$WORK/own-ca.pem
else
  echo "skipped: no @grpc/grpc-js and @grpc/proto-loader in $GRPC_MODULES (its opinion of this server)"
fi
NAME=tug.harbour.internal
grpc_json 'return [await channel.hail("boat"), channel.errors]'
expect_grpc 'TLS: not for another name' 'o[0].code === 14 && o[1].includes("ERR_TLS_CERT_ALTNAME_INVALID")'
NAME=quay.harbour.internal
certify other 30 quay.harbour.internal
CA=$WORK/other-ca.pem
grpc_json 'return [await channel.hail("boat"), channel.errors]'
expect_grpc 'TLS: not under another CA' 'o[0].code === 14 && o[1].length > 0'
if openssl version >/dev/null 2>&1; then
  seen=$(openssl verify -x509_strict -CAfile "$WORK/own-ca.pem" "$WORK/own.pem" 2>&1)
  check 'openssl agrees about the certificate' OK "$seen" grep -q ': OK$' <<<"$seen"
else
  echo 'skipped: no openssl (its opinion of the certificate)'
fi

# The same as a task has it, with what is told on SIGTERM.
PROJECT=$WORK/harbour
mkdir "$PROJECT"
make_quay v9.2 9.2 fickle
port=$(free_ports 1)
(cd "$PROJECT/v9.2" && PORT=$port HOST=127.0.0.1 QUAY_BERTH=7 exec node app.js >"$WORK/app.log" 2>&1) &
app=$!
BACKGROUND+=("$app")
wait_until 10 port_open "$port"
ADDRESS=127.0.0.1:$port CA=''
grpc_json 'const check = async () => decode((await channel.unary("/grpc.health.v1.Health/Check", encode())).answer)[1];
  const before = await check();
  fs.writeFileSync(`${process.env.QUAY_WORK}/closed-9.2`, "");
  return [before, await check(), (await channel.hail("boat")).version]'
expect_grpc 'the health service: SERVING, NOT_SERVING' 'o[0] === 1 && o[1] === 2 && o[2] === "9.2"'
grpc_in_background 'const it = channel.open("/quay.Harbour/Watch");
  it.stream.end(frame(call("boat", 12, 100)));
  for await (const m of it.messages) console.log(answer(m).number);
  console.log("status", (await it.status).code);'
wait_until 10 grpc_log_has '^2$'
kill -TERM "$app"
wait "$app"
seen=$?
wait "$GRPC_PID"
check 'SIGTERM: the app ends, once its stream is done' '0, and 12 messages with status 0' "$seen, $(tail -n 2 "$WORK/grpc.log" | tr '\n' ' ')" \
  test "$seen $(tail -n 2 "$WORK/grpc.log" | tr '\n' ' ')" = '0 12 status 0 '
check 'SIGTERM: what was open is told' 'sigterm open=1, then done' "$(grep -v Hail "$WORK/events" | awk '{ print $4, $5 }' | tr '\n' ';')" \
  test "$(event_time 'sigterm open=1')" -le "$(event_time 'done /quay.Harbour/Watch')"
# What a cancelled stream looks like to the server, of both kinds.
make_quay v9.3 9.3
port=$(free_ports 1)
(cd "$PROJECT/v9.3" && PORT=$port HOST=127.0.0.1 QUAY_BERTH=7 exec node app.js >"$WORK/app.log" 2>&1) &
app=$!
BACKGROUND+=("$app")
wait_until 10 port_open "$port"
ADDRESS=127.0.0.1:$port
grpc_json 'const talk = channel.open("/quay.Harbour/Talk"), watch = channel.open("/quay.Harbour/Watch");
  await talk.send(call("word"));
  for await (const m of talk.messages) talk.cancel();
  watch.stream.end(frame(call("boat", 100, 100)));
  for await (const m of watch.messages) watch.cancel();
  await sleep(200);
  return [(await talk.status).code, (await watch.status).code, (await channel.hail("boat")).code]'
expect_grpc 'cancelled: CANCELLED to the client, the channel goes on' 'o.join() === "1,1,0"'
for method in Talk Watch; do
  check "cancelled: the server sees it: $method" gone "$(grep "9.3 .*$method" "$WORK/events" | tr '\n' ';')" \
    test "$(grep -c "9.3 .*gone /quay.Harbour/$method" "$WORK/events") $(grep -c "9.3 .*done /quay.Harbour/$method" "$WORK/events")" = '1 0'
done
check 'and what is not cancelled is done' 'done' "$(grep '9.3 .*Hail' "$WORK/events" | tr '\n' ';')" event_seen '9\.3 .*done /quay.Harbour/Hail'
kill "$app"
wait "$app"
check 'what no connection answers is UNAVAILABLE' '14' "$(grpc 'return (await channel.hail("boat")).code')" test "$(grpc 'return (await channel.hail("boat")).code')" = 14

finish
