#!/usr/bin/env bash
# The example pair on this machine, without any AWS, as A has it (issue 7.1, A:80-104): server and client with their log
# lines, the call through both, the version edited.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"

for part in server client; do
  for file in Dockerfile Makefile; do
    check "issue 7.1: examples/echo/$part has a $file" 'a file' none test -f "$ROOT/examples/echo/$part/$file"
  done
done
proto=$(grep -rlE '^package proto\.echo;' "$ROOT/examples/echo" --include='*.proto' --exclude-dir=node_modules | head -n 1)
check 'issue 7.1: there is the .proto of proto.echo.EchoService/Echo' 'a file' "$proto" grep -qs 'service EchoService' "${proto:-/dev/null}"

mkdir -p "$WORK/repository/examples"
for entry in "$ROOT"/*; do
  [[ ${entry##*/} == examples ]] || ln -s "$entry" "$WORK/repository/"
done
cp -r "$ROOT/examples/echo" "$WORK/repository/examples/echo"
PROJECT=$WORK/repository/examples/echo
: >"$WORK/server.log"
: >"$WORK/client.log"
prepare_call 'the example on this machine' # so that finish has something to look at
: >"$OUT"
: >"$ERR"
if port_open 50051 || port_open 8080; then
  echo 'skipped: somebody has port 50051 or 8080 (the local run of A)'
  finish
fi

run_part() { # PART COMMAND…: PART_PID
  local part=$1
  shift
  (cd "$PROJECT/$part" && exec env -u PORT HOST=127.0.0.1 "$@") >"$WORK/$part.log" 2>&1 </dev/null &
  PART_PID=$!
  BACKGROUND+=("$PART_PID")
}
STAMP='^[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} '
logged() { grep -Eq "$STAMP$2\$" "$WORK/$1.log"; } # PART REGEX
expect_log() { # PART REGEX TEXT
  wait_until 15 logged "$1" "$2"
  check "$3" "$2" "$(head -n 3 "$WORK/$1.log" | tr '\n' ';')" logged "$1" "$2"
}
greets() { # VERSION
  [[ $(web "localhost:8080/?name=Yizumi" 2>&1) =~ ^'Response from the server: Hello, Yizumi-san! (Said '[0-9a-f.:]+", Version $1)"$ ]]
}
serving() { [[ $(grpc 'return decode((await channel.unary("/grpc.health.v1.Health/Check", encode())).answer)[1]') == 1 ]]; }

run_part server "${RUN_SERVER[@]}"
server=$PART_PID
expect_log server 'Echo Server Version 0\.9' 'A:88: the server says its version'
expect_log server 'Starting on port: 50051, ssl: false' 'A:89: and its port'
ADDRESS=127.0.0.1:50051
expect_soon 10 'issue 7.1: the health service of the server' SERVING serving
run_part client "${RUN_CLIENT[@]}"
client=$PART_PID
expect_log client 'Echo Client 0\.1' 'A:95: the client says its version'
expect_log client 'Echo Client connecting to localhost:50051' 'A:96: and where it connects to'
expect_log client 'Listening to port: 8080' 'A:97: and its port'
expect_soon 10 'A:101-102: curl is answered through both' 'Hello, Yizumi-san! … Version 0.9' greets 0.9

cli probe --grpc proto.echo.EchoService/Echo --proto "$proto" --data '{"name":"Yizumi"}' --url "$PROBE_PLAIN://$ADDRESS" -n 20
expect_exit 0 'issue 7.4: probe --grpc proto.echo.EchoService/Echo'
expect_line 'Version 0\.9: 20  \(100\.0%\)' 'issue 7.4: counts the example by version'

# A:80-83, and again, behind the client that runs on.
mapfile -t files < <(grep -rlE "version = ['\"]0\.9['\"]" "$PROJECT/server" --include='*.[jt]s' --include='*.mjs' --include='*.cjs' --exclude-dir=node_modules)
check 'A:82: the version is a one-line constant' 'one file with it' "${files[*]}" test "${#files[@]}" -eq 1
sed -i -E "s/(version = ['\"])0\.9(['\"])/\11.0\2/" "${files[@]}"
kill -TERM "$server"
wait "$server"
seen=$?
check 'issue 7.1: on SIGTERM the server ends by itself' 0 "$seen" test "$seen" -eq 0
run_part server "${RUN_SERVER[@]}"
server=$PART_PID
expect_log server 'Echo Server Version 1\.0' 'A:88: the server says its new version'
expect_soon 20 'A:102-104: the client that ran on is answered by the new version' 'Version 1.0' greets 1.0
kill -TERM "$client"
wait "$client"
seen=$?
check 'issue 7.1: on SIGTERM the client ends by itself' 0 "$seen" test "$seen" -eq 0
kill -TERM "$server"
wait "$server"

finish
