#!/usr/bin/env bash
# What gRPC is made of passes the load balancer (issue 7.3): unary calls with metadata and trailers, errors, server, client
# and bidirectional streams, long messages, deadlines and cancellation, which reach the server; what nobody serves fails.
# shellcheck disable=SC2016 # JavaScript, and texts for people
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"

SPEED=$((SPEED / 2)) # an idle connection has its 60 s of AWS for a while yet
start_sandbox
grpc_project harbour DESIRED_COUNT=1 PATH_PATTERN='/quay.*'
infra
make_quay v3.1 3.1
must update v3.1 --tag 3.1
expect_soon 20 'issue 7: the version answers' 'Version 3.1' hails 3.1

grpc_json '
  const out = { hail: await channel.hail("boat", 0, { metadata: { "x-quay": "north", "x-quay-bin": "AAH+/w==" } }) };
  out.many = (await Promise.all(Array.from({ length: 150 }, (_, i) => channel.hail("b".repeat(i + 1), 50)))).map((r) => [r.code, r.number]);
  out.big = await channel.hail("b".repeat(1500000));
  out.big.text = out.big.text.length;
  delete out.big.answer;
  out.nobody = await channel.hail("nobody");
  out.unknown = await channel.unary("/quay.Harbour/Sail", call("boat"));
  out.noRule = await channel.unary("/tug.Harbour/Hail", call("boat"));
  out.connections = channel.connections;
  return out;'
expect_grpc 'issue 7.3: a unary call' 'o.hail.code === 0 && o.hail.version === "3.1" && /berth 7: welcome boat/.test(o.hail.text)'
expect_grpc 'issue 7.3: content type and status of HTTP' 'o.hail.http === 200 && /^application\/grpc/.test(o.hail.headers["content-type"])'
expect_grpc 'issue 7.3: metadata reaches the server' 'o.hail.trailers["quay-seen"] === "north"'
expect_grpc 'issue 7.3: so does the authority' 'o.hail.trailers["quay-authority"] === "quay.harbour.internal"'
expect_grpc 'issue 7.3: headers and trailers reach the client' 'o.hail.headers["quay-header"] === "flood" && o.hail.trailers["quay-trailer"] === "tide" && o.hail.trailers["quay-bin"] === "AAH+/w=="'
expect_grpc 'issue 7.3: 150 calls at once on one channel' 'o.many.length === 150 && o.many.every(([code, number], i) => code === 0 && number === i + 1)'
expect_grpc 'issue 7.3: a message of 1.5 MB, there and back' 'o.big.code === 0 && o.big.text > 1500000 && o.big.number === 1500000'
expect_grpc 'issue 7.3: an error with message and trailers' 'o.nobody.code === 5 && o.nobody.message === "no berth at the quay: 100 %, “über”" && o.nobody.trailers["quay-trailer"] === "ebb"'
expect_grpc 'issue 7.3: a method that the server has not: its own answer' 'o.unknown.code === 12 && /Sail/.test(o.unknown.message)'
expect_grpc 'issue 7.3: a service that no rule has: the default action, 503, which is UNAVAILABLE' 'o.noRule.code === 14'
expect_grpc 'issue 7.3: all of that on one connection' 'o.connections === 1'

grpc_json '
  const out = {};
  const watch = channel.open("/quay.Harbour/Watch");
  watch.stream.end(frame(call("boat", 8, 100)));
  const times = [];
  for await (const m of watch.messages) times.push([answer(m).number, now()]);
  out.watch = { numbers: times.map(([n]) => n), spread: times.at(-1)?.[1] - times[0]?.[1], status: await watch.status };
  const flood = channel.open("/quay.Harbour/Watch");
  flood.stream.end(frame(call("b".repeat(1000), 2000, 0)));
  const numbers = (await list(flood.messages)).map((m) => m.number);
  out.flood = { inOrder: numbers.length === 2000 && numbers.every((n, i) => n === i + 1), status: (await flood.status).code };
  const load = channel.open("/quay.Harbour/Load");
  for (let i = 0; i < 300; i++) await load.send(call("c".repeat(1000)));
  load.end();
  out.load = { list: await list(load.messages), status: await load.status };
  const empty = channel.open("/quay.Harbour/Load");
  empty.end();
  out.empty = { list: await list(empty.messages), status: await empty.status };
  const talk = channel.open("/quay.Harbour/Talk"), heard = [];
  await talk.send(call("word0")); // each word waits for the answer to the one before: both directions are open at once
  for await (const m of talk.messages) { heard.push(answer(m)); if (heard.length === 20) talk.end(); else await talk.send(call(`word${heard.length}`)); }
  out.talk = { words: heard.map((m) => m.text.split(" ")[4]), processes: new Set(heard.map((m) => who(m.text))).size, status: await talk.status };
  out.connections = channel.connections;
  return out;'
expect_grpc 'issue 7.3: a server stream, in order, with its trailers' 'o.watch.numbers.join() === "1,2,3,4,5,6,7,8" && o.watch.status.code === 0 && o.watch.status.trailers["quay-sent"] === "8"'
expect_grpc 'issue 7.3: message by message, not all at the end' 'o.watch.spread > 400'
expect_grpc 'issue 7.3: 2,000 messages of one stream' 'o.flood.inOrder && o.flood.status === 0'
expect_grpc 'issue 7.3: a client stream' 'o.load.list.length === 1 && o.load.list[0].number === 300 && o.load.status.code === 0 && o.load.status.trailers["quay-bytes"] === "300000"'
expect_grpc 'issue 7.3: a client stream of no message' 'o.empty.list.length === 1 && o.empty.list[0].number === 0 && o.empty.status.code === 0'
expect_grpc 'issue 7.3: a bidirectional stream, word by word' 'o.talk.words.length === 20 && o.talk.words.every((w, i) => w === `word${i}`) && o.talk.status.trailers["quay-sent"] === "20"'
expect_grpc 'issue 7.3: a stream stays with one task' 'o.talk.processes === 1 && o.connections === 1'

# Deadlines and cancellation; the app writes down what it sees of them. Of the first one it is told a later deadline than the
# client keeps, or both would give up at the same moment.
: >"$WORK/events"
grpc_json '
  const out = { own: await channel.hail("boat", 20000, { timeout: 700, metadata: { "grpc-timeout": "20S" } }) };
  out.theirs = await channel.hail("boat", 20000, { timeout: 700, trusting: true });
  out.kept = await channel.hail("boat", 200, { timeout: 20000 });
  return out;'
expect_grpc 'issue 7.3: a deadline that the client keeps' 'o.own.code === 4 && o.own.ended - o.own.begun < 5000'
expect_grpc 'issue 7.3: a deadline that the server keeps, told by trailers' 'o.theirs.code === 4 && o.theirs.message === "too late at the quay" && o.theirs.ended - o.theirs.begun < 5000'
expect_grpc 'issue 7.3: a deadline that is not missed' 'o.kept.code === 0'
check 'issue 7.3: the server gets the deadline' 'grpc-timeout of at most 700m' "$(grep open "$WORK/events" | head -n 2 | tr '\n' ';')" \
  grep -Eq 'open /quay.Harbour/Hail timeout=([1-6]?[0-9]?[0-9]|700)m' "$WORK/events"
expect_soon 5 'issue 7.3: it learns that the client has given up' 'gone /quay.Harbour/Hail' event_seen 'gone /quay.Harbour/Hail'

: >"$WORK/events"
grpc_json '
  const out = {};
  const watch = channel.open("/quay.Harbour/Watch");
  watch.stream.end(frame(call("boat", 1000, 100)));
  let n = 0;
  for await (const m of watch.messages) if (++n === 3) watch.cancel();
  out.watch = await watch.status;
  const talk = channel.open("/quay.Harbour/Talk");
  await talk.send(call("word"));
  for await (const m of talk.messages) talk.cancel();
  out.talk = await talk.status;
  out.after = await channel.hail("boat");
  out.connections = channel.connections;
  return out;'
expect_grpc 'issue 7.3: cancelled by the client' 'o.watch.code === 1 && o.talk.code === 1'
expect_soon 5 'issue 7.3: cancellation of a server stream reaches the server' 'gone /quay.Harbour/Watch' event_seen 'gone /quay.Harbour/Watch'
expect_soon 5 'issue 7.3: cancellation of a bidirectional stream reaches the server' 'gone /quay.Harbour/Talk' event_seen 'gone /quay.Harbour/Talk'
expect_grpc 'issue 7.3: the channel goes on after it' 'o.after.version === "3.1" && o.connections === 1'
check 'issue 7.3: it was the same task all the time' 'one process, no SIGTERM' "$(awk '{ print $3 }' "$WORK/events" | sort -u | tr '\n' ' ')" \
  test "$(awk '{ print $3 }' "$WORK/events" | sort -u | wc -l)" -eq 1

finish
