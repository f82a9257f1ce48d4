# shellcheck shell=bash disable=SC2016,SC2034
# What the survival-*.test.sh scripts share, on top of lib.sh and routing-lib.sh: a ferry that misbehaves by its version,
# a constant load, random moments that can be had again, and what has to be true once everything is at rest.

# --- the load --------------------------------------------------------------------------------------------------------

# Three clients, each request over a connection of its own, in place of lib.sh's loop of curls: the lines are the same, so
# its checks work on them, and a machine with two cores has something left for the tasks.
cat >"$WORK/load.js" <<'END'
const [, , url, stop] = process.argv;
const http = require('node:http'), fs = require('node:fs');
const now = () => Math.round((performance.timeOrigin + performance.now()) * 1000);
let stopped = false;
setInterval(() => { stopped ||= fs.existsSync(stop); }, 50).unref();
const get = () => new Promise((done) => {
  const failed = (error) => done(`curl=7 ${error.message}`);
  const request = http.get(url, { agent: false, timeout: 30_000 }, (response) => {
    let body = '';
    response.setEncoding('utf8').on('data', (s) => { body += s; }).on('error', failed)
      .on('end', () => done(`curl=0 ${body.replace(/\s+/g, ' ')} HTTP=${response.statusCode}`));
  });
  request.on('timeout', () => request.destroy(new Error('no answer in 30 s'))).on('error', failed);
});
(async () => {
  const client = async () => {
    for (const end = Date.now() + 400_000; !stopped && Date.now() < end;) {
      const begun = now(), line = await get();
      fs.writeSync(1, `${begun} ${now()} ${line}\n`);
      await new Promise((next) => setTimeout(next, 20));
    }
  };
  await Promise.all([client(), client(), client()]);
})();
END
request_loop() { exec node "$WORK/load.js" "$1" "$WORK/requests.stop"; } # URL

# --- the ferry -------------------------------------------------------------------------------------------------------

# BEHAVIOUR: good; leaky (one task after the other ends with 42, a while after it has got passengers); aground (its health check fails a while after
# its first passenger); choppy (answers every fourth passenger with 500); becalmed (takes two seconds for every tenth).
make_ferry() { # DIR VERSION [BEHAVIOUR]
  make_app "$1" "$2" # for its Dockerfile
  cat >"$PROJECT/$1/app.js" <<END
const version = '$2', behaviour = '${3:-good}', pids = '$WORK/pids', turn = '$WORK/turn';
END
  cat >>"$PROJECT/$1/app.js" <<'END'
const fs = require('node:fs');
fs.appendFileSync(pids, `${process.pid} ${version}\n`);
console.log(`Ferry ${version} casts off`);
let passengers = 0, aground = false;
let waiting = false;
function leak() { // one task at a time, so that there is always one that is healthy
  if (waiting) return;
  try { fs.mkdirSync(turn); } catch { return; }
  waiting = true;
  setTimeout(() => {
    fs.rmdirSync(turn);
    console.error('the rudder came off');
    process.exit(42);
  }, 2500);
}
const server = require('node:http').createServer((request, response) => {
  if (request.url === '/health') return response.writeHead(aground ? 503 : 200).end('depth\n');
  passengers += 1;
  if (behaviour === 'leaky') leak();
  if (passengers === 1 && behaviour === 'aground') setTimeout(() => { aground = true; }, 1500);
  const welcome = () => response.end(`Ferry: welcome aboard (Version ${version}, process ${process.pid})\n`);
  if (passengers % 4 === 0 && behaviour === 'choppy') return response.writeHead(500).end('no landing\n');
  if (passengers % 5 === 0 && behaviour === 'becalmed') return setTimeout(welcome, 700);
  welcome();
});
server.keepAliveTimeout = 75_000;
server.listen(Number(process.env.PORT), process.env.HOST);
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
END
}

set_setting() { sed -i "s|^$1=.*|$1=$2|" "$PROJECT/.env"; } # NAME VALUE: of those that new_project writes

# --- random moments --------------------------------------------------------------------------------------------------

take_seed() { # [SEED]: everything random of a script comes from it
  SEED=${1:-$((RANDOM * 32768 + RANDOM))}
  RANDOM=$SEED
  echo "# the same again: $(basename "$0") $SEED"
}

# Moments are counted in calls that AWS gets, so that a slow machine has the same ones.
calls_reach() { (($(log_lines) >= $1)) || cli_ended; } # LINES
wait_for_calls() { # COUNT SECONDS: until as many calls came in, or the command in the background ended
  local lines deadline=$((SECONDS + $2))
  lines=$(($(log_lines) + $1))
  until calls_reach "$lines" || ((SECONDS >= deadline)); do nap 0.01; done
}

kill_after_calls() { # COUNT ARGUMENT…: SIGKILL to the command after as many calls; KILLED tells whether it still ran
  local count=$1
  shift
  cli_in_background "$@"
  wait_for_calls "$count" 60
  KILLED=no
  kill -KILL "$CLI_PID" 2>/dev/null && KILLED=yes
  wait_for_cli 10 2>/dev/null
  [[ $KILLED$RC != yes0 ]] || KILLED=no # it had ended by itself in that very moment
}

seen_or_ended() { grep -Exq -- "$1" "$OUT" "$ERR" 2>/dev/null || cli_ended; } # REGEX of a line of the command in the background
reaches() {                                                                    # REGEX TEXT: false, and not ok, when that command did not print such a line
  wait_until 60 seen_or_ended "$1"
  if grep -Exq -- "$1" "$OUT" "$ERR"; then return 0; fi
  not_ok "preparing: $2" "the line /$1/ of $COMMAND" "none before it ended or 60 s were over"
  return 1
}
HOLDS_AT_50='Routing 50% of traffic to the new service|Modified 0 listener rules' # the second where it had 50 % already

new_machine() { # a copy of the project in another folder, with nothing of what a run may have left in the first
  MACHINES=$((${MACHINES:-0} + 1))
  [[ -n ${ORIGINAL:-} ]] || ORIGINAL=$PROJECT
  PROJECT=$WORK/machine-$MACHINES
  mkdir "$PROJECT"
  (cd "$ORIGINAL" && cp -r .env v* "$PROJECT/")
}

# Whatever the checks before have left, should one have failed: VERSION alone, so that the next ones mean something.
alone_again() { # VERSION
  ! status_is "o.state === 'primary' && o.primary.version === '$1'" || return 0
  cli rollback
  cli destroy-old --yes --accept-drift
  status_is "o.state === 'primary' && o.primary.version === '$1'" || not_ok "preparing: $1 alone again" "$1" "$(in_status "$ESSENCE" 2>&1)"
}

# The way to the next scenario, whatever the one before has left: 4.1 is the primary and 4.2 its canary at PERCENT, behind
# all rules. Sets the pair, and the ECS services PRIMARY and CANARY.
canary_at() { # PERCENT TEXT
  if ! status_is 'o.primary && o.primary.version === "4.1"'; then
    cli rollout --tag 4.1 --replace --accept-drift
    cli promote --accept-drift
  fi
  cli rollout --tag 4.2 --accept-drift
  [[ $RC -ne 0 ]] || cli route --canary "$1" --accept-drift
  [[ $RC -eq 0 ]] || give_up "preparing: $2: 4.2 at $1 %" 'exit 0' "exit $RC"
  take_pair
  PRIMARY=quay-$(in_status o.primary.colour) CANARY=quay-$(in_status '(o.canary || o.old).colour')
}

# --- at rest ---------------------------------------------------------------------------------------------------------

# What the rules that name a target group give to it: "100" where all have all on it, otherwise what each has.
share_of() { # GROUP
  elb 'const { rules } = await everything();
    const found = Object.values(rules).map((r) => [r, groups(r.Actions)]).filter(([, g]) => g.some((x) => x.TargetGroupArn === args[0]));
    const share = ([, g]) => { const own = g.filter((x) => x.TargetGroupArn === args[0]).reduce((n, x) => n + Number(x.Weight), 0);
      return `${own}/${g.reduce((n, x) => n + Number(x.Weight), 0)}`; };
    const shares = found.map(share);
    if (shares.length && shares.every((s) => s === shares[0])) { const [own, all] = shares[0].split("/").map(Number); return String((100 * own) / all); }
    return found.map((f, i) => `${id(f[0].RuleArn)}=${shares[i]}`).join(" ") || "no rule has it"' "$1" || echo '?'
}
share_is() { [[ $(share_of "$1") == "$2" ]]; } # GROUP PERCENT
expect_share() { # GROUP PERCENT TEXT
  if wait_until 8 share_is "$1" "$2"; then ok "$3"; else
    not_ok "$3" "$2 % in every rule" "$(share_of "$1")"
    show_call
  fi
}

expect_primary() { # VERSION TEXT: all weight is on it, says status, and say the rules
  expect_status "$2: $1 owns production" "o.primary && o.primary.version === '$1' && o.primary.weight === 100 && !(o.canary && o.canary.weight > 0) && !(o.old && o.old.weight > 0)"
  expect_share "$(in_status o.primary.targetGroup)" 100 "$2: $1 has all weight in the rules"
}

expect_all_from() { # VERSION TEXT: as users see it
  cli probe --url "$ENDPOINT/" -n 60
  expect_line "Version ${1//./\\.}: 60  \(100\.0%\)" "$2: a probe sees only $1"
  expect_line 'Errors:    0' "$2: a probe sees no error"
}

ecs_list() { # Services|Tasks: names of what there is in the cluster
  api_json ecs "$ECS.List$1" '{"cluster":"harbour"}' >"$WORK/list.json"
  json "$WORK/list.json" "Object.values(o).flat().filter((x) => /^arn:/.test(x)).map((x) => x.split('/').pop()).sort().join(' ')" 2>&1
}
tasks_are() { [[ $(ecs_list Tasks | wc -w) == "$1" ]]; } # COUNT

expect_nothing_left() { # TEXT TASKS VERSION…: as many tasks, processes of no other versions than these, no lock, no service but the two
  local text=$1 tasks=$2 version services
  shift 2
  expect_soon 20 "$text: $tasks tasks are left" "$tasks tasks" tasks_are "$tasks"
  for version in $(awk '{ print $2 }' "$WORK/pids" | sort -u); do
    [[ " $* " == *" $version "* ]] || expect_soon 20 "$text: nothing of $version is left" 'no process' nothing_runs "$version"
  done
  services=$(ecs_list Services)
  check "$text: no service but the pair" 'quay-blue and quay-green' "$services" grep -qxE '(quay-blue)?( ?quay-green)?' <<<"$services"
  expect_status "$text: nobody holds the pair" 'o.holder === null'
}

# --- nonsense --------------------------------------------------------------------------------------------------------

nonsense() { # CODES REGEX-OF-THE-MESSAGE TEXT ARGUMENT…
  local codes=$1 regex=$2 text="issue 4: $3"
  shift 3
  cli "$@"
  expect_exit "$codes" "$text"
  [[ $RC -ne 0 ]] || return 0
  expect_one_message "$text"
  expect_stderr "$regex" "$text: the message says what is wrong"
}

wrote_nothing() { # TEXT: since the mark NONSENSE, which moves here
  local seen
  seen=$(log_since "$NONSENSE" 'c.write' | tr '\n' ',')
  check "issue 4: nonsense in $1: AWS gets no write call" none "$seen" test -z "$seen"
  log_mark NONSENSE
}
