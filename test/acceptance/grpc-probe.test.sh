#!/usr/bin/env bash
# `probe --grpc`: B's experiment by gRPC, its format and its --json, what counts as an error, wrong usage (issue 7.4).
# Against servers of our own, plain and with TLS; no AWS, no settings, no credentials.
# shellcheck disable=SC2016 # JavaScript, and texts for people
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"

mkdir "$WORK/empty"
PROJECT=$WORK/empty # no .env: probe reads no project settings
serve_own '((one) => ({
  "/quay.Harbour/Hail": async (it) => { // by the name that is hailed
    const [, name = "", count = 0] = await one(it), odd = ++state.n % 2 === 1;
    const say = (text) => it.send(grpc.encode(text, count));
    if (name === "both") return say(`Quay (Version ${odd ? "7.1" : "7.2-rc.1"}, odd)`);
    if (name === "berth") return say(`berth ${odd ? "north" : "south"}`);
    if (name === "half" && !odd) return it.fail(14, "Version 7.1 is away");
    if (name === "last") { await say("Version 7.1"); return it.fail(13, "after all"); }
    if (name === "echo") return say(`Version ${name}-${count}`);
    if (name === "empty") return;
    if (name === "nameless") return say("Quay, without a version");
    return say("Quay (Version 7.1)");
  },
  "/proto.quay.v1.Deep/Hail": async (it) => it.send(grpc.encode("Version deep", 1)),
}))(async (it) => { for await (const m of it.messages) return grpc.decode(m); return []; })'
sed 's/^package quay;/package proto.quay.v1;/; s/service Harbour/service Deep/' "$WORK/quay.proto" >"$WORK/deep.proto"
NOBODY=$(free_ports 1)
U=$PROBE_PLAIN://127.0.0.1:$PORT_PLAIN
probe() { # NAME [ARGUMENT…]: with that name in the message
  cli probe --grpc quay.Harbour/Hail --proto "$WORK/quay.proto" --data "{\"name\":\"$1\",\"count\":9}" --url "$U" "${@:2}"
}

probe both -n 100
expect_exit 0 'issue 7.4: probe --grpc, without project settings'
expect_lines_in_order "section 3: B's format" '========== Results ==========' 'Total:    100 requests in [0-9]+\.[0-9]{3}s' \
  'Version 7\.1: 50  \(50\.0%\)' 'Version 7\.2-rc\.1: 50  \(50\.0%\)' 'Errors:    0'
probe both -n 40 --json
expect_exit 0 'issue 7.4: probe --grpc --json'
expect_json 'section 3: its keys' 'o.schemaVersion === 1 && o.total === 40 && typeof o.seconds === "number" && o.versions["7.1"] === 20 && o.versions["7.2-rc.1"] === 20 && o.errors === 0'
probe echo -n 5
expect_line 'Version echo-9: 5  \(100\.0%\)' 'issue 7.4: --data reaches the server, text and number'
cli probe --grpc proto.quay.v1.Deep/Hail --proto "$WORK/deep.proto" --data '{}' --url "$U" -n 5
expect_line 'Version deep: 5  \(100\.0%\)' 'issue 7.4: a service in a package of several names'
(cd "$WORK/empty" && cp "$WORK/quay.proto" here.proto)
cli probe --grpc quay.Harbour/Hail --proto here.proto --data '{"name":"both"}' --url "$U" -n 4
expect_line 'Errors:    0' 'issue 7.4: a --proto of this folder'
probe berth -n 10 --pattern 'berth (\w+)'
expect_exit 0 'issue 7.4: probe --grpc --pattern'
check 'section 2: --pattern with one group says what is counted' '5 and 5' "$(cat "$OUT")" \
  test "$(grep -Ec '\b(north|south): 5  \(50\.0%\)$' "$OUT")" -eq 2

# Errors.
for name in nameless empty; do
  probe "$name" -n 10
  expect_exit 1 "issue 7.4: an answer that names no version ($name): probe ends with 1"
  expect_line 'Errors:    10' "section 3: an answer that names no version is an error ($name)"
done
probe half -n 20
expect_exit 1 'issue 7.4: a status other than OK: probe ends with 1'
expect_line 'Version 7\.1: 10  .*' 'issue 7.4: the answers with OK count for the version'
expect_line 'Errors:    10' 'issue 7.4: a status other than OK is an error, though its message names a version'
probe last -n 6
expect_line 'Errors:    6' 'issue 7.4: a status other than OK after an answer is an error'
probe half -n 20 --json
expect_exit 1 'issue 7.4: --json with errors ends with 1'
expect_json 'issue 7.4: and counts them' 'o.total === 20 && o.versions["7.1"] === 10 && o.errors === 10'
U=$PROBE_PLAIN://127.0.0.1:$NOBODY
probe both -n 5
expect_exit 1 'issue 7.4: nobody there'
expect_line 'Errors:    5' 'section 3: a refused connection is an error'

# TLS, under a CA of our own.
U=$PROBE_TLS://127.0.0.1:$PORT_TLS
probe both -n 5
expect_exit 1 'issue 7.4: a certificate of nobody that is trusted'
expect_line 'Errors:    5' 'issue 7.4: each call fails then'
probe_trust "$WORK/own-ca.pem"
probe both -n 20
CLI_ENV=()
expect_exit 0 'issue 7.4: a certificate whose CA is trusted'
expect_line 'Version 7\.1: 10  \(50\.0%\)' 'issue 7.4: counts by version, over TLS'

# Wrong usage: exit 2, and nobody is called.
U=$PROBE_PLAIN://127.0.0.1:$PORT_PLAIN
P=$WORK/quay.proto
wrong() { # REGEX-OF-THE-MESSAGE TEXT ARGUMENT…
  local regex=$1 text="issue 7.4: $2"
  shift 2
  cli probe -n 5 "$@"
  expect_exit 2 "$text"
  expect_stderr "$regex" "$text: the message says what is wrong"
  says_not "unknown option '?--(grpc|proto|data|url)" "$text: it is not the option that is unknown"
  expect_one_message "$text"
  check "$text: nothing is counted" 'no result' "$(head -n 1 "$OUT")" test "$(grep -c Results "$OUT")" -eq 0
}
wrong 'proto' '--grpc without --proto' --grpc quay.Harbour/Hail --url "$U" --data '{}'
wrong 'grpc' '--proto without --grpc' --proto "$P" --url "$U"
wrong 'grpc' '--data without --grpc' --data '{}' --url "$U"
wrong 'url' '--grpc without --url' --grpc quay.Harbour/Hail --proto "$P" --data '{}'
wrong 'Service/Method|quay\.Harbour|grpc' '--grpc without a method' --grpc quay.Harbour --proto "$P" --url "$U" --data '{}'
wrong 'Sail' 'a method that the file has not' --grpc quay.Harbour/Sail --proto "$P" --url "$U" --data '{}'
wrong 'quay\.Port' 'a service that the file has not' --grpc quay.Port/Hail --proto "$P" --url "$U" --data '{}'
wrong 'stream' 'a method that streams' --grpc quay.Harbour/Watch --proto "$P" --url "$U" --data '{}'
wrong 'none\.proto' 'a file that is not there' --grpc quay.Harbour/Hail --proto "$WORK/none.proto" --url "$U" --data '{}'
echo 'message {' >"$WORK/nonsense.proto"
wrong 'nonsense\.proto' 'a file that is no proto' --grpc quay.Harbour/Hail --proto "$WORK/nonsense.proto" --url "$U" --data '{}'
wrong 'data|JSON' '--data that is no JSON' --grpc quay.Harbour/Hail --proto "$P" --url "$U" --data '{name}'
wrong 'data|object' '--data that is no object' --grpc quay.Harbour/Hail --proto "$P" --url "$U" --data '[1]'
wrong 'url' 'a malformed URL' --grpc quay.Harbour/Hail --proto "$P" --url 'not a url' --data '{}'
wrong 'pattern' 'a malformed pattern' --grpc quay.Harbour/Hail --proto "$P" --url "$U" --data '{}' --pattern '('
cli probe --help
for option in --grpc --proto --data; do says "^ *(-., )?$option\b" "issue 7.4: probe --help names $option"; done

finish
