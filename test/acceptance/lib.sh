# shellcheck shell=bash disable=SC2016,SC2034,SC2119,SC2120
# Helpers of the acceptance tests. Every *.test.sh sources this file and ends with `finish`.
#
# The tests know the program only as a user does: the built CLI, its output and exit codes, HTTP, the sandbox's request
# log, and raw AWS calls. "section N" in a message is the section of spec.md the expectation comes from.
#
# A check prints one line, `ok - …` or `not ok - …` with what was expected and seen (and below a failed one the output
# of the command it is about), and the script goes on, so that one fault does not hide the next. Nothing sleeps for a
# fixed time: everything waits for a condition, with a deadline.
#
# Needs bash 4.4, curl, Node, GNU coreutils and Linux's /proc. QUAY_SPEED, QUAY_KEEP=1 (keep the folders) are for you.

set -uo pipefail
export LC_ALL=C # a decimal point in EPOCHREALTIME, bytes in [a-z]

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CLI=$ROOT/bin/ecs-canary.js
REGION=eu-central-1  # not a default of any SDK, so that a forgotten region shows
ACCOUNT=000000000000 # the sandbox's own (section 6)
SPEED=${QUAY_SPEED:-20}
LIMIT=90 # seconds any one command may take
SETTINGS=(PROJECT_NAME ENVOY_IMAGE KEY_PAIR BASTION_CIDR SERVICE_NAME SERVICES LISTENER_PORT INTERNAL_LISTENER_PORT EXPOSE
  PROTOCOL PATH_PATTERN HOST_HEADER CONTAINER_PORT PORT HOST DESIRED_COUNT CPU MEMORY CPU_ARCHITECTURE HEALTH_CHECK_PATH
  HEALTH_CHECK_INTERVAL HEALTH_CHECK_TIMEOUT HEALTH_CHECK_GRACE_PERIOD DEREGISTRATION_DELAY POLL_INTERVAL SETTLE STEPS HOLD MAX_5XX MAX_LATENCY
  BUILDER BASE_IMAGE TAG DIR VERSION)

# What the caller's shell or a `make` around us has set must not reach the CLI: only what a test says counts.
unset "${SETTINGS[@]}" MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES FORCE_COLOR NO_COLOR CLICOLOR_FORCE \
  http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
for name in $(compgen -e | grep -E '^(AWS|ECS_CANARY|QUAY)_' | grep -vE '^QUAY_(WORK|SPEED|KEEP)$'); do unset "$name"; done
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true AWS_PAGER=''

WORK=${QUAY_WORK:-$(mktemp -d "${TMPDIR:-/tmp}/quay.XXXXXX")}
export QUAY_WORK=$WORK # inherited by everything started here: `run` and `cleanup` find what is left by it
mkdir -p "$WORK/calls"
: >"$WORK/pids"

PASSED=0 FAILED=0 CALLS=0 COMMAND='' OUT=/dev/null ERR=/dev/null RC=0
PROJECT=$WORK CLI_ENV=() BACKGROUND=() SANDBOXES=()
CURRENT='' SANDBOX_DIR='' API_PORT='' ENDPOINT='' PORT_PUBLIC='' PORT_INTERNAL=''
exec {NAP}<> <(:) # a pipe nobody writes to: `read -t` on it naps without starting a process
nap() { read -rt "${1:-0.1}" -u "$NAP" || true; }

# --- checks ----------------------------------------------------------------------------------------------------------

ok() {
  PASSED=$((PASSED + 1))
  printf 'ok - %s\n' "$1"
}

not_ok() { # TEXT EXPECTED SEEN
  FAILED=$((FAILED + 1))
  printf 'not ok - %s: expected %s, seen %s\n' "$1" "$2" "$3"
}

show_call() { # the last command, below a failed check
  printf '      $ %s   (exit %s)\n' "$COMMAND" "$RC"
  tail -n 12 "$OUT" 2>/dev/null | cut -c1-300 | sed 's/^/      stdout| /'
  tail -n 12 "$ERR" 2>/dev/null | cut -c1-300 | sed 's/^/      stderr| /'
}

give_up() { # TEXT EXPECTED SEEN: nothing that follows could mean anything
  not_ok "$@"
  show_call
  exit 1
}

check() { # TEXT EXPECTED SEEN COMMAND…: ok when COMMAND succeeds
  local text=$1 expected=$2 seen=$3
  shift 3
  if "$@"; then ok "$text"; else not_ok "$text" "$expected" "$seen"; fi
}

expect_exit() { # CODE[|CODE] TEXT
  if [[ "|$1|" == *"|$RC|"* ]]; then ok "$2 (exit $RC)"; else
    not_ok "$2" "exit $1" "exit $RC"
    show_call
  fi
}

says() { # REGEX TEXT: somewhere on stdout or stderr, upper or lower case
  if grep -Eiq -- "$1" "$OUT" "$ERR"; then ok "$2"; else
    not_ok "$2" "a line like /$1/" 'none'
    show_call
  fi
}

says_not() { # REGEX TEXT
  local line
  line=$(grep -Eih -m 1 -- "$1" "$OUT" "$ERR")
  if [[ -z $line ]]; then ok "$2"; else
    not_ok "$2" "no line like /$1/" "$line"
    show_call
  fi
}

# "destroys the old one first and says so": in what words is the program's choice.
says_it_destroys() { # VERSION TEXT
  says "(destroy|empt|stop|drain|remov).*\b$1\b|\b$1\b.*(destroy|empt|stop|drain|remov)" "$2: destroys the old one first and says so"
}

expect_stderr() { # REGEX TEXT
  if grep -Eiq -- "$1" "$ERR"; then ok "$2"; else
    not_ok "$2" "a line like /$1/ on stderr" 'none'
    show_call
  fi
}

expect_line() { # REGEX TEXT: one whole line of stdout, as written
  if grep -Exq -- "$1" "$OUT"; then ok "$2"; else
    not_ok "$2" "the line /$1/ on stdout" 'none'
    show_call
  fi
}

expect_lines_in_order() { # TEXT REGEX…: whole lines of stdout, in this order, others may stand between
  local text=$1 line
  shift
  while IFS= read -r line; do
    [[ $# -gt 0 && $line =~ ^($1)$ ]] && shift
  done <"$OUT"
  if [[ $# -eq 0 ]]; then ok "$text"; else
    not_ok "$text" "the line /$1/ on stdout, after the ones before it" 'none'
    show_call
  fi
}

expect_one_message() { # TEXT: an error is short, says something, and is not a stack trace (section 5)
  local lines
  lines=$(grep -c . "$ERR")
  check "$1: one clear message on stderr" '1 to 12 lines' "$lines" test "$lines" -ge 1 -a "$lines" -le 12
}

# JavaScript over a JSON file. The file has to hold exactly one JSON value, which is what --json promises.
json() { # FILE EXPRESSION, in which `o` is the value
  node -e '
    const [file, expression] = process.argv.slice(1);
    const o = JSON.parse(require("node:fs").readFileSync(file, "utf8"));
    const value = new Function("o", `return (${expression})`)(o);
    console.log(typeof value === "string" ? value : JSON.stringify(value));' "$1" "$2"
}

expect_json() { # TEXT EXPRESSION: stdout is exactly one JSON object, for which EXPRESSION is true
  local seen
  seen=$(json "$OUT" "typeof o === 'object' && o !== null && !Array.isArray(o) && !!($2)" 2>&1 | tail -n 1)
  if [[ $seen == true ]]; then ok "$1"; else
    not_ok "$1" "one JSON object with $2" "$seen"
    show_call
  fi
}

# --- the CLI ---------------------------------------------------------------------------------------------------------

# Runs the CLI in $PROJECT with the assignments of $CLI_ENV, not on a terminal. Leaves OUT, ERR (files) and RC; 137 is
# "killed after $LIMIT seconds". Every output is kept, so that `finish` can look at all of them.
cli() {
  prepare_call "ecs-canary $*"
  in_project env "${CLI_ENV[@]}" timeout -s KILL "$LIMIT" node "$CLI" "$@"
}

# In the background and waited for, because only `wait` lets bash act on a signal: a script that is ended from outside
# has to clean up at once, not when its command is done.
in_project() { # COMMAND…
  (cd "$PROJECT" && exec "$@") >"$OUT" 2>"$ERR" </dev/null &
  CURRENT=$!
  wait "$CURRENT" 2>/dev/null
  RC=$? CURRENT=''
}

# The same without waiting. CLI_PID is Node itself, so that a signal reaches the CLI and nothing else; `set -m`, because
# a shell without job control starts its background commands deaf to SIGINT.
cli_in_background() {
  prepare_call "ecs-canary $*"
  set -m
  (cd "$PROJECT" && exec env "${CLI_ENV[@]}" node "$CLI" "$@") >"$OUT" 2>"$ERR" </dev/null &
  CLI_PID=$!
  set +m
  BACKGROUND+=("$CLI_PID")
}

cli_ended() { ! kill -0 "$CLI_PID" 2>/dev/null; }

wait_for_cli() { # SECONDS
  RC=none
  wait_until "$1" cli_ended && { wait "$CLI_PID"; RC=$?; }
}

prepare_call() { # COMMAND LINE
  CALLS=$((CALLS + 1)) COMMAND=$1
  local verbose=''
  [[ " $1 " != *' --verbose '* ]] || verbose=-verbose # may print more, see finish
  printf -v OUT '%s/calls/%03d%s.out' "$WORK" "$CALLS" "$verbose"
  printf -v ERR '%s/calls/%03d%s.err' "$WORK" "$CALLS" "$verbose"
}

must() { # a command that only prepares the test
  cli "$@"
  [[ $RC -eq 0 ]] || give_up "preparing: $COMMAND" 'exit 0' "exit $RC"
}

# --- waiting ---------------------------------------------------------------------------------------------------------

wait_until() { # SECONDS COMMAND…: false when COMMAND never succeeded in that time
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    nap 0.1
  done
}

expect_soon() { # SECONDS TEXT EXPECTED COMMAND…
  local seconds=$1 text=$2 expected=$3
  shift 3
  check "$text" "$expected within $seconds s" 'it never came' wait_until "$seconds" "$@"
}

now() { printf -v "$1" %s "${EPOCHREALTIME/./}"; } # microseconds, into the variable named

# --- the sandbox and the app -----------------------------------------------------------------------------------------

free_ports() { # COUNT: prints as many free ports of 127.0.0.1, all different
  node -e '
    const net = require("node:net");
    const servers = Array.from({ length: Number(process.argv[1]) }, () => net.createServer().listen(0, "127.0.0.1"));
    Promise.all(servers.map((s) => new Promise((done) => s.once("listening", done)))).then(() => {
      console.log(servers.map((s) => s.address().port).join(" "));
      for (const s of servers) s.close();
    });' "$1"
}

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
port_closed() { ! port_open "$1"; }

hold_port() { # PORT: somebody else's server is there; HOLDER is its process
  node -e 'require("node:net").createServer().listen(Number(process.argv[1]), "127.0.0.1")' "$1" &
  HOLDER=$!
  BACKGROUND+=("$HOLDER")
  wait_until 10 port_open "$1"
}

start_sandbox() { # [OPTION…]: on a free port with a folder of its own; sets what its `export` lines say
  SANDBOX_DIR=$WORK/sandbox
  [[ -n $API_PORT ]] || API_PORT=$(free_ports 1)
  SANDBOXES+=("$SANDBOX_DIR")
  cli sandbox start --detach --port "$API_PORT" --dir "$SANDBOX_DIR" --speed "$SPEED" "$@"
  [[ $RC -eq 0 ]] || give_up 'section 2: sandbox start --detach' 'exit 0' "exit $RC"
  eval "$(grep '^export ' "$OUT")"
  [[ -n ${AWS_ENDPOINT_URL:-} ]] ||
    give_up 'section 2: sandbox start prints the export lines' 'export AWS_ENDPOINT_URL=…' "$(head -c 200 "$OUT")"
  REGION=${AWS_REGION:-${AWS_DEFAULT_REGION:-$REGION}} # should the lines name a region, a user's .env would name it too
}

new_project() { # NAME [LINE…]: a folder with a .env of its own, the LINEs at its end; PROJECT is that folder
  PROJECT=$WORK/$1
  mkdir -p "$PROJECT"
  read -r PORT_PUBLIC PORT_INTERNAL <<<"$(free_ports 2)"
  cat >"$PROJECT/.env" <<END
PROJECT_NAME=$1
AWS_DEFAULT_REGION=$REGION
AWS_ACCOUNT_ID=$ACCOUNT
SERVICE_NAME=quay
LISTENER_PORT=$PORT_PUBLIC
INTERNAL_LISTENER_PORT=$PORT_INTERNAL
HEALTH_CHECK_PATH=/health
HEALTH_CHECK_GRACE_PERIOD=20
DEREGISTRATION_DELAY=10
POLL_INTERVAL=0.2
SETTLE=0.5s
HOLD=1s
BASE_IMAGE=none
END
  shift
  printf '%s\n' "$@" | grep . >>"$PROJECT/.env"
}

# An app that names its version and its process. MODE good, crash (ends with 42 at once) or mute (serves, but its health
# check never gets an answer). Each process leaves its id in $WORK/pids, so that a test can see what still runs.
make_app() { # DIR VERSION [MODE]
  mkdir -p "$PROJECT/$1"
  cat >"$PROJECT/$1/Dockerfile" <<'END'
FROM node:20-slim
WORKDIR /srv/quay
ENV QUAY_BERTH=7
COPY . .
EXPOSE 8080
CMD ["node", "app.js"]
END
  printf 'Dockerfile\n.dockerignore\n' >"$PROJECT/$1/.dockerignore"
  cat >"$PROJECT/$1/app.js" <<END
const version = '$2', mode = '${3:-good}', pids = '$WORK/pids';
END
  cat >>"$PROJECT/$1/app.js" <<'END'
require('node:fs').appendFileSync(pids, `${process.pid} ${version}\n`);
console.log(`Quay ${version} opens`);
if (mode === 'crash') {
  console.error('the harbour wall is missing');
  process.exit(42);
}
const { QUAY_BERTH, QUAY_WORD = '', HOST, PORT } = process.env;
const server = require('node:http').createServer((request, response) => {
  if (request.url === '/health') return mode === 'mute' ? undefined : response.end('afloat\n');
  if (request.url === '/word') return response.end(`${QUAY_WORD.length}\n`);
  response.end(`Quay, berth ${QUAY_BERTH}: welcome (Version ${version}, process ${process.pid})\n`);
});
server.keepAliveTimeout = 75_000; // longer than a balancer's idle time, or it would write into a closing connection
server.listen(Number(PORT), HOST);
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
END
}

ready() { # VERSION…: a sandbox, the base, and every version pushed from v<VERSION>
  local version
  start_sandbox
  new_project harbour
  must build-infra
  take_endpoint
  for version; do
    make_app "v$version" "$version"
    must push "v$version" --tag "$version"
  done
}

take_endpoint() { # from the output of build-infra, as a user reads it
  ENDPOINT=$(awk 'found { print; exit } /^Public endpoint:$/ { found = 1 }' "$OUT")
  ENDPOINT=${ENDPOINT%/}
  [[ $ENDPOINT == http://* ]] ||
    give_up 'section 3: build-infra prints the public endpoint' '"Public endpoint:", then a URL on the next line' "'$ENDPOINT'"
}

web() { curl -sS --noproxy '*' --max-time 10 "$@"; }

answers() { [[ $(web "$ENDPOINT/" 2>/dev/null) == *"(Version $1,"* ]]; } # VERSION

count_versions() { # N: "VERSION COUNT" lines of N requests, `error` for everything else; one connection, so it is fast
  web --max-time 60 -w '\n' "$ENDPOINT/?n=[1-$1]" 2>&1 | grep . |
    sed -E 's/^.*\(Version ([^,]*),.*$/\1/; t; s/.*/error/' | sort | uniq -c | awk '{ print $2, $1 }'
}

# Processes of a version that still run. An id may have been given to another program meanwhile: its command line tells.
running() { # VERSION
  local pid version
  while read -r pid version; do
    [[ $version == "$1" ]] && grep -qF app.js "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
  done <"$WORK/pids"
  return 0
}
nothing_runs() { [[ -z $(running "$1") ]]; } # VERSION

# --- what status says ------------------------------------------------------------------------------------------------

read_status() { (cd "$PROJECT" && exec timeout -s KILL 30 node "$CLI" status --json) >"$WORK/status.json" 2>"$WORK/status.err" </dev/null; }
in_status() { json "$WORK/status.json" "$1"; } # EXPRESSION, of the status read last

status_is() { # EXPRESSION
  read_status
  [[ $(in_status "!!($1)" 2>/dev/null) == true ]]
}

# AWS need not read back at once what was written, so status gets a few seconds to agree.
expect_status() { # TEXT EXPRESSION
  if wait_until 8 status_is "$2"; then ok "$1"; else
    not_ok "$1" "status --json with $2" "$(tr -d '\n' <"$WORK/status.json" | cut -c1-900) $(head -c 300 "$WORK/status.err")"
  fi
}

ESSENCE='(() => { const role = (r) => r && [r.colour, r.version, r.digest, r.weight, r.desired, r.taskDefinition, r.rolledBack];
  return JSON.stringify([o.state, role(o.primary), role(o.canary), role(o.old), o.rules]); })()'

# A command that has to leave everything as it was: it makes no write call. The lock and the record in SSM are the CLI's
# own notes, and an image in ECR serves nobody yet: neither is the users' state, so writing them is allowed here (a dry
# run and a usage error may not even do that, see expect_no_writes). What the notes might change is seen by same_status,
# once for all such commands between a remember_status and it.
unchanged() { # CODE TEXT ARGUMENT…
  local code=$1 text=$2 mark writes
  shift 2
  log_mark mark
  cli "$@"
  expect_exit "$code" "$text"
  writes=$(log_since "$mark" 'c.write && !/^(ssm|ecr)$/i.test(c.service)')
  check "$text: nothing changed" 'no write call' "${writes//$'\n'/, }" test -z "$writes"
}

remember_status() {
  read_status
  REMEMBERED=$(in_status "$ESSENCE" 2>/dev/null)
}
status_as_remembered() { read_status && [[ $(in_status "$ESSENCE" 2>/dev/null) == "$REMEMBERED" ]]; }
same_status() { # TEXT
  if wait_until 5 status_as_remembered; then ok "$1"; else not_ok "$1" "$REMEMBERED" "$(in_status "$ESSENCE" 2>&1)"; fi
}

# --- the sandbox's request log ---------------------------------------------------------------------------------------

log_lines() { wc -l 2>/dev/null <"$SANDBOX_DIR/requests.ndjson" || echo 0; }
log_longer_than() { (($(log_lines) > $1)); }
log_mark() { printf -v "$1" %s "$(log_lines)"; } # into the variable named

# "service operation status code" of the calls since MARK for which EXPRESSION holds; `c` is the call. First a call of
# our own is made and seen to arrive in the log, so that what came before it is there too; it is left out.
log_since() { # MARK EXPRESSION
  local before
  before=$(log_lines)
  api_query sts GetCallerIdentity 2011-06-15 >/dev/null
  if ! wait_until 5 log_longer_than "$before"; then
    echo "(no line for our own call in $SANDBOX_DIR/requests.ndjson)"
    return
  fi
  node -e '
    const [file, mark, expression] = process.argv.slice(1);
    const test = new Function("c", `return (${expression})`);
    const calls = require("node:fs").readFileSync(file, "utf8").split("\n").filter(Boolean).slice(Number(mark)).map(JSON.parse);
    const own = calls.map((c) => c.operation).lastIndexOf("GetCallerIdentity");
    for (const c of calls.filter((c, i) => i !== own && test(c))) console.log(c.service, c.operation, c.status, c.code ?? "");
  ' "$SANDBOX_DIR/requests.ndjson" "$1" "$2" 2>&1
}

expect_no_writes() { # MARK TEXT
  local seen
  seen=$(log_since "$1" c.write)
  check "$2: no write call in requests.ndjson" none "${seen//$'\n'/, }" test -z "$seen"
}

# --- AWS, asked directly ---------------------------------------------------------------------------------------------

# Raw calls with curl: another client than the CLI's, there on every machine. Any credentials are accepted (section 6).
authorization() { # SERVICE
  echo "Authorization: AWS4-HMAC-SHA256 Credential=QUAYQUAYQUAYQUAY/20260101/$REGION/$1/aws4_request," \
    "SignedHeaders=host;x-amz-date, Signature=$(printf '0%.0s' {1..64})"
}

api_json() { # SERVICE TARGET BODY [CURL OPTION…]
  local service=$1 target=$2 body=$3
  shift 3
  web -H "$(authorization "$service")" -H 'X-Amz-Date: 20260101T000000Z' -H "X-Amz-Target: $target" \
    -H 'Content-Type: application/x-amz-json-1.1' --data "$body" "$@" "$AWS_ENDPOINT_URL/"
}
ECS=AmazonEC2ContainerServiceV20141113
ECR=AmazonEC2ContainerRegistry_V20150921

api_query() { # SERVICE ACTION VERSION
  web -H "$(authorization "$1")" -H 'X-Amz-Date: 20260101T000000Z' --data "Action=$2&Version=$3" "$AWS_ENDPOINT_URL/"
}

# The AWS CLI, as the second opinion of someone who wrote none of this. Not every machine has it.
have_aws() {
  [[ -n ${HAVE_AWS:-} ]] || if aws --version >/dev/null 2>&1; then HAVE_AWS=yes; else HAVE_AWS=no; fi
  [[ $HAVE_AWS == yes ]]
}
aws_cli() { NO_PROXY='*' timeout -s KILL 30 aws --region "$REGION" --endpoint-url "$AWS_ENDPOINT_URL" --output json "$@"; }

# --- the request loop beside a command -------------------------------------------------------------------------------

# A:112's `while true; do curl …; done`, bounded in number and time, with a line per request: when it began and ended,
# curl's exit code, the body and the HTTP status.
start_requests() { # [PATH]
  : >"$WORK/requests.log"
  rm -f "$WORK/requests.stop"
  request_loop "$ENDPOINT${1:-/}" >"$WORK/requests.log" &
  LOOP_PID=$!
  BACKGROUND+=("$LOOP_PID")
  more_requests 5
}

request_loop() { # URL
  local n begun body code deadline=$((SECONDS + 120))
  for ((n = 1; n <= 20000 && SECONDS < deadline; n++)); do
    [[ -e $WORK/requests.stop ]] && break
    now begun
    body=$(web -w ' HTTP=%{http_code}' "$1" 2>&1)
    code=$?
    printf '%s %s curl=%s %s\n' "$begun" "${EPOCHREALTIME/./}" "$code" "${body//$'\n'/ }"
    nap 0.01
  done
}

request_count() { wc -l <"$WORK/requests.log"; }
requests_reach() { (($(request_count) >= $1)); }
more_requests() { # N: lets the loop make N more
  wait_until 30 requests_reach $(($(request_count) + $1)) || not_ok 'the request loop goes on' "$1 more requests in 30 s" "$(tail -n 1 "$WORK/requests.log")"
}
seen_since() { awk -v from="$2" -v what="(Version $1," '$1 >= from && index($0, what) { found = 1 } END { exit !found }' "$WORK/requests.log"; } # VERSION TIME

stop_requests() {
  : >"$WORK/requests.stop"
  wait "$LOOP_PID"
}

# JavaScript over the finished loop; `r` is the list of requests, `seq` their versions with neighbours that agree as one.
requests() { # EXPRESSION
  node -e '
    const [file, expression] = process.argv.slice(1);
    const r = require("node:fs").readFileSync(file, "utf8").split("\n").filter(Boolean).map((line) => ({
      begun: Number(line.split(" ")[0]), ended: Number(line.split(" ")[1]), line,
      ok: / curl=0 .* HTTP=200$/.test(line) && /\(Version [^,]+,/.test(line), version: /\(Version ([^,]+),/.exec(line)?.[1],
    }));
    const seq = r.map((x) => x.version ?? "error").filter((v, i, all) => v !== all[i - 1]);
    const first = (v) => r.findIndex((x) => x.version === v), last = (v) => r.map((x) => x.version).lastIndexOf(v);
    console.log(String(new Function("r", "seq", "first", "last", `return (${expression})`)(r, seq, first, last)));
  ' "$WORK/requests.log" "$1" 2>&1
}

expect_requests() { # TEXT EXPRESSION EXPECTED
  local seen
  seen=$(requests "$2")
  check "$1" "$3" "$(requests 'r.length + " requests: " + seq.slice(0, 12).join(", ") + (seq.length > 12 ? ", …" : "")')" test "$seen" = true
}

expect_no_errors() { # TEXT AT_LEAST
  local bad
  bad=$(requests 'r.filter((x) => !x.ok).slice(0, 3).map((x) => x.line).join(" / ")')
  check "$1: not one error" 'every request answered by a version' "$bad" test -z "$bad"
  expect_requests "$1: the loop was at work" "r.length >= $2" "at least $2 requests"
}

expect_only() { # TEXT VERSION FROM TO: requests that began after FROM and ended before TO (microseconds) saw only VERSION
  expect_requests "$1" "((some) => some.length > 0 && some.every((x) => x.version === '$2'))(r.filter((x) => x.begun >= $3 && x.ended <= $4))" "only $2 there"
}

expect_order() { # TEXT A B C: first only A, then A and B mixed, at the end only C (which is one of the two)
  expect_requests "$1" "r[0].version === '$2' && r[r.length - 1].version === '$4' && first('$3') > 0 && last('$2') > first('$3')
    && r.every((x) => x.version === '$2' || x.version === '$3')" "$2, then both $2 and $3, then $4"
}

# --- the end ---------------------------------------------------------------------------------------------------------

# Processes that carry our mark in their environment or stand in our folder, without this shell and what called it.
left_running() {
  {
    grep -lzxF "QUAY_WORK=$WORK" /proc/[0-9]*/environ 2>/dev/null
    find /proc -maxdepth 2 -name cwd -lname "$WORK/*" 2>/dev/null
  } | awk -F/ '{ print $3 }' | sort -un | while read -r pid; do
    [[ $pid == "$$" || $pid == "$PPID" || $pid == "$BASHPID" ]] || ! kill -0 "$pid" 2>/dev/null && continue
    case $(cat "/proc/$pid/comm" 2>/dev/null) in '' | bash | grep | find | awk | sort | timeout | sed) ;; *) echo "$pid" ;; esac
  done
}
none_left() { [[ -z $(left_running) ]]; }

# Whatever way a script ends, its loops, its commands and its sandboxes end with it; a sandbox that leaves something
# behind after its own `stop` is a fault of its own (section 6: "stops everything it started").
cleanup() {
  local code=$? pid dir
  trap - EXIT
  trap '' INT TERM HUP
  : >"$WORK/requests.stop"
  for pid in "${BACKGROUND[@]}" $CURRENT; do kill "$pid" 2>/dev/null; done
  for dir in "${SANDBOXES[@]}"; do
    timeout -s KILL 20 node "$CLI" sandbox stop --dir "$dir" >/dev/null 2>&1 </dev/null
  done
  if ! wait_until 5 none_left; then
    for pid in $(left_running); do
      echo "not ok - section 6: sandbox stop ends everything: expected nothing left, seen process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
      kill -9 "$pid" 2>/dev/null
    done
    code=1
  fi
  if [[ -n ${QUAY_KEEP:-} ]]; then echo "kept: $WORK"; else rm -rf "$WORK"; fi
  exit "$code"
}
trap cleanup EXIT
for signal in HUP:129 INT:130 TERM:143; do # deaf from then on: a second signal must not cut the cleaning up short
  # shellcheck disable=SC2064 # meant to be expanded now
  trap "trap '' INT TERM HUP; exit ${signal#*:}" "${signal%:*}"
done

# Two promises hold for every command of every script, so they are checked over all that was printed: not on a terminal
# there is no colour and no redrawn line (section 3), and no stack trace without --verbose (section 5).
finish() {
  local seen
  seen=$(grep -lE $'\x1b|\r' "$WORK"/calls/* | head -n 3)
  check 'section 3: on a pipe no colour and no redrawn line, in any output' 'no ESC, no CR' "${seen:+$(head -c 200 "${seen%%$'\n'*}" | cat -v)}" test -z "$seen"
  seen=$(grep -hE -m 1 '^ +at .+[(:]|node:internal' "$WORK"/calls/[0-9][0-9][0-9].* | head -n 1)
  check 'section 5: no stack trace in any output' none "$seen" test -z "$seen"
  printf '%s checks passed, %s failed\n' "$PASSED" "$FAILED"
  ((FAILED == 0)) || exit 1
  exit 0
}

[[ -f $CLI ]] || give_up 'the CLI is built' "$CLI (npm ci && npm run build)" 'no such file'
