# shellcheck shell=bash disable=SC2016,SC2034,SC2154
# What the push-*, containers-* and logs-* scripts share, on top of lib.sh: an app that runs as a process and as a
# container, a front before the sandbox that hands out tokens of its own and misbehaves on order, stubs in place of
# engines, archives made by hand, and what is needed to use real engines without privileges.

# Everything that a command may leave behind lies in folders of its own, so that a secret in one of them is found.
REAL_PATH=$PATH
mkdir -p "$WORK/home" "$WORK/tmp" "$WORK/xdg" "$WORK/stub-calls"
chmod 700 "$WORK/xdg"
export HOME=$WORK/home TMPDIR=$WORK/tmp XDG_RUNTIME_DIR=$WORK/xdg GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_CEILING_DIRECTORIES=$WORK
unset DOCKER_CONFIG REGISTRY_AUTH_FILE DOCKER_BUILDKIT XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME GIT_DIR GIT_WORK_TREE
: >"$WORK/tokens"

set_line() { # NAME [VALUE]: of the .env; without a value the line goes
  sed -i "/^$1=/d" "$PROJECT/.env"
  [[ $# -lt 2 ]] || echo "$1=$2" >>"$PROJECT/.env"
}

skip() { # WHAT WHY: the whole script
  prepare_call skipped # an output, for `finish` to look at
  : >"$OUT"
  echo "skipped: ${1#issue 6: } because $2"
  finish
}

# --- the app ---------------------------------------------------------------------------------------------------------

# A lantern names its version and says on its own output what it is told to. It listens where HOST says, or everywhere,
# as an image does that was made for containers. MODE as in make_app.
make_lantern() { # DIR VERSION [MODE]
  mkdir -p "$PROJECT/$1"
  cat >"$PROJECT/$1/Dockerfile" <<'END'
FROM scratch
WORKDIR /srv/lantern
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
const fs = require('node:fs');
try { fs.appendFileSync(pids, `${process.pid} ${version}\n`); } catch {} // no such folder in a container
console.log(`Lantern ${version} is lit`);
if (mode === 'crash') {
  console.error('the glass is broken');
  process.exit(42);
}
const { QUAY_BERTH, HOST, PORT } = process.env;
const server = require('node:http').createServer((request, response) => {
  const url = new URL(request.url, 'http://lantern');
  if (url.pathname === '/health') return mode === 'mute' ? undefined : response.end('bright\n');
  if (url.pathname === '/say') console.log(`Lantern ${version} says ${url.searchParams.get('word')}`);
  response.end(`Lantern, berth ${QUAY_BERTH}: shines (Version ${version}, process ${process.pid})\n`);
});
server.keepAliveTimeout = 75_000;
server.listen(Number(PORT ?? 8080), HOST);
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
END
}

# The machine's own Node and the libraries it needs: all that an image made from nothing has to hold to run `node`.
make_rootfs() { # DIR
  local node
  node=$(node -p process.execPath)
  mkdir -p "$1/usr/local/bin"
  cp -L --reflink=auto "$node" "$1/usr/local/bin/node"
  ldd "$node" 2>/dev/null | grep -oE '(^|[[:space:]])/[^ ()]+' | tr -d '\t ' | sort -u | while read -r lib; do
    cp -L --parents "$lib" "$1/"
  done
}

# The same app as an image that runs anywhere: with Node in it. Two layers, the big one first. ROOTFS is made once.
make_vessel() { # DIR VERSION [MODE]
  make_lantern "$@"
  [[ -d $WORK/rootfs ]] || make_rootfs "$WORK/rootfs"
  cp -r --reflink=auto "$WORK/rootfs" "$PROJECT/$1/rootfs"
  cat >"$PROJECT/$1/Dockerfile" <<END
FROM scratch
COPY rootfs /
WORKDIR /srv/lantern
ENV PATH=/usr/local/bin QUAY_BERTH=7 QUAY_MARK=${WORK##*/}
COPY app.js ./
EXPOSE 8080
CMD ["node", "app.js"]
END
}

# A file that no compression makes small, so that a push of it takes more than one write.
ballast() { # FILE MEGABYTES: the same bytes each time
  node -e '
    const [file, megabytes] = process.argv.slice(1);
    const cipher = require("node:crypto").createCipheriv("aes-128-ctr", Buffer.alloc(16, 7), Buffer.alloc(16));
    require("node:fs").writeFileSync(file, cipher.update(Buffer.alloc(Number(megabytes) * 1048576)));' "$1" "$2"
}

ready_to_push() { # [SANDBOX OPTION…]: a sandbox and the base; nothing here looks at time
  SPEED=$((SPEED * 2))
  start_sandbox "$@"
  new_project harbour
  set_line BUILDER pack
  must build-infra
  take_endpoint
}

# To build with engines: no builder is set, stubs stand where a user's engines would, and there is something to build.
ready_for_stubs() {
  ready_to_push
  set_line BUILDER
  set_line BASE_IMAGE
  make_path
  make_stub_image 3.1
  make_lantern v1 3.1
}

push() { # ARGUMENT…: sets DIGEST to the one that is printed
  cli push "$@"
  DIGEST=$(grep -oE 'sha256:[0-9a-f]{64}' "$OUT" | tail -n 1)
}
pushed() { # TEXT: of the last push
  expect_exit 0 "$1"
  check "$1: prints the digest" 'sha256:…' "${DIGEST:-none}" is_digest "$DIGEST"
}
same_digest() { check "$2" "$1" "$DIGEST" test -n "$1" -a "$1" = "$DIGEST"; } # DIGEST TEXT
is_digest() { grep -Eqx 'sha256:[0-9a-f]{64}' <<<"$1"; }

has_next() { # TEXT: an error says what to type
  if grep -Eiq '^ *Next: *.' "$ERR"; then ok "$1: says what to do next"; else
    not_ok "$1: says what to do next" 'a line with Next:' none
    show_call
  fi
}

refuses() { # CODES REGEX TEXT ARGUMENT…: fails with a clear message, and AWS gets no write call
  local codes=$1 regex=$2 text=$3 mark
  shift 3
  log_mark mark
  cli "$@"
  expect_exit "$codes" "$text"
  expect_stderr "$regex" "$text: the message names it"
  expect_one_message "$text"
  expect_no_writes "$mark" "$text"
}

# "Each retried or explained": either it is done, with the right digest in the registry, or the message says what was the matter.
retried_or_explained() { # TAG REGEX TEXT: about the last push
  if [[ $RC -eq 0 ]]; then
    ok "$3: done all the same (exit 0)"
    expect_in_registry "$1" "$DIGEST" "$3: the registry has what it printed"
  else
    failed_cleanly "$2" "$3"
  fi
}
failed_cleanly() { # REGEX TEXT
  expect_exit '1|124' "$2: or fails cleanly"
  expect_stderr "$1" "$2: the message says what was the matter"
  expect_one_message "$2"
  has_next "$2"
}

wrong_usage() { # REGEX TEXT ARGUMENT…: exit 2, before any AWS call at all
  local regex=$1 text=$2 mark seen
  shift 2
  log_mark mark
  cli "$@"
  expect_exit 2 "$text"
  expect_stderr "$regex" "$text: the message names it"
  expect_one_message "$text"
  seen=$(log_since "$mark" true)
  check "$text: before any AWS call" none "${seen//$'\n'/, }" test -z "$seen"
}

# --- out of the registry, by curl ------------------------------------------------------------------------------------

MANIFESTS='application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json'
registry() { # PATH [CURL OPTION…]: of the sandbox's registry
  local path=$1
  shift
  [[ -n ${BASIC:-} ]] || BASIC=$(api_json ecr $ECR.GetAuthorizationToken '{}' >"$WORK/token.json" && json "$WORK/token.json" 'o.authorizationData[0].authorizationToken')
  web -f -L -H "Authorization: Basic $BASIC" -H "Accept: $MANIFESTS" "$@" "$AWS_ENDPOINT_URL/v2/$path"
}
status_of() { registry "harbour/quay/manifests/$1" -o /dev/null -w '%{http_code}' 2>/dev/null; } # TAG
digest_of() { echo "sha256:$(registry "harbour/quay/manifests/$1" | sha256sum | cut -d' ' -f1)"; } # TAG
config_of() { # TAG FILE [ARCHITECTURE]: the image's configuration, also of an index
  local digest
  registry "harbour/quay/manifests/$1" >"$2.manifest" || return
  digest=$(json "$2.manifest" "o.manifests ? o.manifests.find((m) => m.platform?.architecture === '${3:-amd64}').digest : ''")
  [[ -z $digest ]] || registry "harbour/quay/manifests/$digest" >"$2.manifest"
  registry "harbour/quay/blobs/$(json "$2.manifest" o.config.digest)" >"$2"
}
files_of() { # FILE: what is in the layers of the manifest that config_of has left beside FILE
  local layer
  for layer in $(json "$1.manifest" 'o.layers.map((x) => x.digest).join(" ")'); do
    registry "harbour/quay/blobs/$layer" >"$WORK/layer"
    tar -tf "$WORK/layer"
  done
}
expect_config() { # TEXT EXPRESSION: of what config_of has written to $WORK/config
  local seen
  seen=$(json "$WORK/config" "!!($2)" 2>&1 | tail -n 1)
  check "$1" "an image configuration with $2" "$seen: $(head -c 400 "$WORK/config")" test "$seen" = true
}
expect_in_registry() { # TAG DIGEST TEXT
  local seen
  seen=$(digest_of "$1" 2>/dev/null)
  check "$3" "$2" "$seen" test "$seen" = "$2"
}
expect_not_pushed() { # TAG TEXT
  local seen
  seen=$(status_of "$1")
  check "$2: nothing of that tag is in the registry" 404 "$seen" test "$seen" = 404
}

# --- a front before the sandbox --------------------------------------------------------------------------------------

# It passes everything on, but signs in with tokens of its own (known to the test, so that they can be looked for), counts
# what goes to the registry, and cuts, refuses or lets tokens expire on order. With a registry of somebody else's behind it,
# the reads of ECR that are about images are answered from there.
cat >"$WORK/front.js" <<'END'
const fs = require('node:fs'), http = require('node:http'), crypto = require('node:crypto');
const { port, api, registry, advertise, secret, log, tokens } = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const foreign = registry !== api, inner = `127.0.0.1:${api}`, outer = `127.0.0.1:${advertise}`;
let orders = [], expiry = { lifetime: Infinity }, issued = [], basic = '';
const read = async (stream) => { const parts = []; for await (const part of stream) parts.push(part); return Buffer.concat(parts); };
const send = (options, body) => new Promise((done, failed) => {
  const request = http.request({ host: '127.0.0.1', agent: false, ...options }, async (answer) => {
    try { done({ status: answer.statusCode, headers: answer.headers, body: await read(answer) }); } catch (error) { failed(error); }
  });
  request.on('error', failed).end(body);
});
const amz = (target) => ({ 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AmazonEC2ContainerRegistry_V20150921.${target}`,
  authorization: 'AWS4-HMAC-SHA256 Credential=FRONT/20260101/eu-central-1/ecr/aws4_request, SignedHeaders=host, Signature=00' });
const issue = () => {
  const password = secret ?? `lantern-oil-${crypto.randomBytes(24).toString('hex')}`, token = Buffer.from(`AWS:${password}`).toString('base64');
  if (!issued.some((x) => x.token === token)) {
    issued.push({ token, uses: 0 });
    fs.appendFileSync(tokens, `${password}\n${token}\n${Buffer.from(password).toString('base64').replace(/=+$/, '')}\n`);
  }
  return token;
};
const images = async (target, body) => {
  const { repositoryName: name, imageIds } = JSON.parse(body || '{}');
  const call = (path, method = 'GET') => send({ port: registry, method, path, headers: { authorization: `Basic ${Buffer.from(`AWS:${secret}`).toString('base64')}`,
    accept: 'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json' } });
  const tags = async () => JSON.parse((await call(`/v2/${name}/tags/list`)).body).tags ?? [];
  const ids = imageIds ?? (await tags()).map((imageTag) => ({ imageTag }));
  const found = [], failures = [];
  for (const id of ids) {
    const { status, headers, body: manifest } = await call(`/v2/${name}/manifests/${id.imageTag ?? id.imageDigest}`);
    if (status !== 200) failures.push({ imageId: id, failureCode: 'ImageNotFound', failureReason: 'Requested image not found' });
    else found.push({ id: { ...id, imageDigest: headers['docker-content-digest'] }, type: headers['content-type'], manifest: String(manifest) });
  }
  if (target === 'BatchGetImage') return { images: found.map((x) => ({ repositoryName: name, imageId: x.id, imageManifest: x.manifest, imageManifestMediaType: x.type })), failures };
  if (target === 'ListImages') return { imageIds: found.map((x) => x.id) };
  if (failures.length) return { __type: 'ImageNotFoundException', message: `The image with imageId ${JSON.stringify(failures[0].imageId)} does not exist within the repository with name '${name}'` };
  return { imageDetails: found.map((x) => ({ repositoryName: name, imageDigest: x.id.imageDigest, imageTags: x.id.imageTag ? [x.id.imageTag] : [], imageManifestMediaType: x.type, imagePushedAt: Date.now() / 1000 })) };
};
http.createServer(async (request, response) => {
  const { method, url: path, headers } = request, target = (headers['x-amz-target'] ?? '').split('.').pop();
  request.on('error', () => {}), response.on('error', () => {});
  const line = { method, path, target, bytes: 0, status: 0, signedIn: false, what: '' };
  const note = (status, what = '') => fs.appendFileSync(log, JSON.stringify({ ...line, status, what }) + '\n');
  const answer = (status, body, more = {}) => { note(status, 'front'); response.writeHead(status, { 'content-type': 'application/json', ...more }); response.end(typeof body === 'string' ? body : JSON.stringify(body)); };
  try {
    if (path === '/_front') {
      const order = JSON.parse(await read(request));
      if (order.clear) orders = [], expiry = { lifetime: Infinity };
      if (order.order) orders.push({ seen: 0, hits: 0, ...order.order });
      if (order.lifetime !== undefined) expiry = { from: issued.length, to: issued.length + order.tokens, ...order }; // the next tokens end after so many calls
      return response.end(JSON.stringify(orders));
    }
    const name = `${method} ${path} ${target}`, v2 = path.startsWith('/v2');
    let order = orders.find((x) => new RegExp(x.match).test(name) && (x.seen += 1) >= (x.nth ?? 1) && x.hits < (x.times ?? 1));
    if (order && !order.cut) order.hits += 1; // a cut counts when it happens
    if (order?.status) {
      request.resume();
      const secrets = order.reflect ? ` ${headers.authorization} ${Buffer.from(String(headers.authorization).slice(6), 'base64')}` : '';
      return answer(order.status, order.body ?? { errors: [{ code: order.code ?? 'UNKNOWN', message: (order.message ?? 'the sea is rough') + secrets }] }, order.headers ?? {});
    }
    if (order?.cut === 0) { order.hits += 1; note(0, 'cut'); return request.socket.destroy(); }
    if (order?.hang) { note(0, 'hang'); return request.resume(); }
    if (!v2) {
      if (target === 'GetAuthorizationToken') { await read(request); return answer(200, { authorizationData: [{ authorizationToken: issue(), expiresAt: Date.now() / 1000 + 43200, proxyEndpoint: `http://${outer}` }] }, { 'content-type': 'application/x-amz-json-1.1' }); }
      const body = String(await read(request));
      if (foreign && /^(DescribeImages|BatchGetImage|ListImages)$/.test(target)) { const seen = await images(target, body); return answer(seen.__type ? 400 : 200, seen, { 'content-type': 'application/x-amz-json-1.1' }); }
      const { 'content-length': _, 'accept-encoding': __, ...kept } = headers;
      const gone = Buffer.from(body.replaceAll(outer, inner).replaceAll(encodeURIComponent(outer), encodeURIComponent(inner)));
      const got = await send({ port: api, method, path, headers: { ...kept, host: inner, 'content-length': gone.length } }, gone);
      const { 'content-length': ___, 'transfer-encoding': ____, ...back } = got.headers;
      note(got.status);
      response.writeHead(got.status, back);
      return response.end(String(got.body).replaceAll(inner, outer));
    }
    const owner = issued.find((x) => headers.authorization === `Basic ${x.token}`);
    line.signedIn = Boolean(owner);
    if (!owner) { request.resume(); return answer(401, { errors: [{ code: 'UNAUTHORIZED', message: 'Not Authorized' }] }, { 'www-authenticate': `Basic realm="http://${headers.host}/",service="ecr.amazonaws.com"` }); }
    const number = issued.indexOf(owner);
    if ((owner.uses += 1) > expiry.lifetime && number >= expiry.from && number < expiry.to) {
      request.resume();
      return expiry.refusal === 'denied' ? answer(403, { errors: [{ code: 'DENIED', message: 'Your authorization token has expired. Reauthenticate and try again.' }] })
        : answer(401, { errors: [{ code: 'UNAUTHORIZED', message: 'Not Authorized' }] }, { 'www-authenticate': `Basic realm="http://${headers.host}/",service="ecr.amazonaws.com"` });
    }
    if (!foreign && !basic) basic = JSON.parse((await send({ port: api, method: 'POST', path: '/', headers: amz('GetAuthorizationToken') }, '{}')).body).authorizationData[0].authorizationToken;
    const up = http.request({ host: '127.0.0.1', port: registry, agent: false, method, path, headers: { ...headers, authorization: foreign ? headers.authorization : `Basic ${basic}` } });
    let cut = false;
    up.on('error', () => { if (!response.headersSent) request.socket.destroy(); });
    up.on('response', (got) => { note(got.statusCode, order?.lost ? 'lost' : '');
      if (order?.lost) { got.resume(); return request.socket.destroy(); } // it took effect, and nobody heard of it
      response.writeHead(got.statusCode, got.headers); got.pipe(response); });
    request.on('data', (part) => {
      line.bytes += part.length;
      if (order?.cut > 0 && line.bytes >= order.cut && order.hits < (order.times ?? 1) && !cut) { order.hits += 1; cut = true; note(0, 'cut'); up.destroy(); request.socket.destroy(); return; }
      if (!cut && !up.write(part)) { request.pause(); up.once('drain', () => request.resume()); }
    });
    request.on('end', () => cut || up.end()).on('close', () => request.complete || up.destroy());
  } catch (error) { note(0, String(error.message)); request.socket.destroy(); }
}).listen(port, '127.0.0.1');
END

start_front() { # [REGISTRY-PORT ADVERTISED-PORT SECRET]: before the sandbox, and before another registry if one is given
  FRONT_PORT=$(free_ports 1)
  FRONT_LOG=$WORK/front.ndjson
  : >"$FRONT_LOG"
  local registry=${1:-$API_PORT} advertise=${2:-$FRONT_PORT} secret=${3:-}
  cat >"$WORK/front.$FRONT_PORT.json" <<END
{"port":$FRONT_PORT,"api":$API_PORT,"registry":$registry,"advertise":${advertise/front/$FRONT_PORT},"secret":$([[ -z $secret ]] && echo null || echo "\"$secret\""),"log":"$FRONT_LOG","tokens":"$WORK/tokens"}
END
  node "$WORK/front.js" "$WORK/front.$FRONT_PORT.json" 2>"$WORK/front.err" & # no secret among its arguments
  BACKGROUND+=("$!")
  wait_until 10 port_open "$FRONT_PORT" || give_up 'preparing: a front before the sandbox' 'it listens' "$(head -c 300 "$WORK/front.err")"
  CLI_ENV=("AWS_ENDPOINT_URL=http://127.0.0.1:$FRONT_PORT")
}

front() { web --data "$1" "http://127.0.0.1:$FRONT_PORT/_front" >"$WORK/front.orders"; } # ORDER, as JSON
front_order() { front "{\"order\":$1}"; }
front_clear() { front '{"clear":true}'; }
front_hits() { front '{}' && json "$WORK/front.orders" 'o.reduce((n, x) => n + x.hits, 0)'; }
expect_hit() { # TEXT
  local seen
  seen=$(front_hits)
  check "$1: it happened" 'at least once' "$seen" test "$seen" -ge 1
}
front_mark() { printf -v "$1" %s "$(wc -l <"$FRONT_LOG")"; }
front_since() { # MARK EXPRESSION over the list of calls `r`
  node -e '
    const [file, mark, expression] = process.argv.slice(1);
    const r = require("node:fs").readFileSync(file, "utf8").split("\n").filter(Boolean).slice(Number(mark)).map(JSON.parse);
    console.log(String(new Function("r", `return (${expression})`)(r)));' "$FRONT_LOG" "$1" "$2" 2>&1
}
BLOB_BYTES='r.filter((x) => /\/blobs\/uploads/.test(x.path)).reduce((n, x) => n + x.bytes, 0)'

# --- secrets ---------------------------------------------------------------------------------------------------------

# Looks at every process's arguments while commands run: $WORK/seen-in-ps has what was found.
cat >"$WORK/watch.js" <<'END'
const fs = require('node:fs'), [, , tokens, found, looks] = process.argv;
let n = 0;
setInterval(() => {
  const secrets = fs.readFileSync(tokens, 'utf8').split('\n').filter(Boolean);
  fs.writeFileSync(looks, String(n += 1));
  if (!secrets.length) return;
  for (const pid of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    let line = '';
    try { line = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '); } catch { continue; }
    if (secrets.some((s) => line.includes(s))) fs.appendFileSync(found, `${pid} ${line.slice(0, 60)}\n`);
  }
}, 15);
END
watch_processes() {
  : >"$WORK/seen-in-ps"
  node "$WORK/watch.js" "$WORK/tokens" "$WORK/seen-in-ps" "$WORK/looks" &
  BACKGROUND+=("$!")
  wait_until 10 test -s "$WORK/looks"
}

expect_no_token() { # TEXT: in nothing that was printed or left, nor in any process's arguments
  local seen
  check "$1: tokens were issued, and looked for" 'at least one' "$(wc -l <"$WORK/tokens")" test -s "$WORK/tokens"
  grep -v '^$' "$WORK/tokens" >"$WORK/patterns"
  seen=$(grep -lFf "$WORK/patterns" "$WORK"/calls/* 2>/dev/null | head -n 3 | tr '\n' ' ')
  check "$1: the token is in no output" none "$seen" test -z "$seen"
  seen=$(grep -rlFf "$WORK/patterns" "$HOME" "$TMPDIR" "$XDG_RUNTIME_DIR" "$PROJECT" "$SANDBOX_DIR" "$WORK/stub-calls" 2>/dev/null | head -n 3 | tr '\n' ' ')
  check "$1: the token is in no file" none "$seen" test -z "$seen"
  [[ ! -e $WORK/seen-in-ps ]] || check "$1: the token is in no process's arguments" none "$(head -n 3 "$WORK/seen-in-ps" | cut -c1-120)" test ! -s "$WORK/seen-in-ps"
}

# --- stubs in place of engines ---------------------------------------------------------------------------------------

# A PATH with what the tests and the CLI use, and no engine; the stubs come in front of it.
make_path() {
  local tool file
  mkdir -p "$WORK/plain" "$WORK/stubs"
  for tool in node git env sh bash timeout cat tar gzip gunzip uname id getent tee sed grep cut head tail tr sort ps script stty make curl; do
    file=$(PATH=$REAL_PATH command -v "$tool") && [[ $file == /* ]] && ln -sf "$file" "$WORK/plain/$tool"
  done
  ln -sf "$(node -p process.execPath)" "$WORK/plain/node"
  STUB_PATH=$WORK/stubs:$WORK/plain
}

# BEHAVIOUR: good; silent (the program is there, what it talks to does not answer); hang (never says anything); failing
# (its builds fail); slow (a build goes on when $WORK/go-on is there). Each call leaves a folder with what it was given.
stub() { # ENGINE BEHAVIOUR
  cat >"$WORK/stubs/$1" <<END
#!$BASH
engine=$1 behaviour=$2 work='$WORK' project='$PROJECT' log='$WORK/stub-calls' own_path='$REAL_PATH'
END
  cat >>"$WORK/stubs/$1" <<'END'
export PATH=$own_path LC_ALL=C
call=$log/${EPOCHREALTIME/./}.$$.$engine
mkdir -p "$call"
printf '%s\n' "$@" >"$call/args"
pwd >"$call/cwd"
has() { local word; for word in "${args[@]}"; do [[ $word =~ ^($1)$ ]] && return; done; return 1; }
args=("$@")
! has --password-stdin || cat >/dev/null
[[ ! -s $work/tokens ]] || grep -v '^$' "$work/tokens" | grep -rlFf - "$HOME" "$TMPDIR" "$XDG_RUNTIME_DIR" "$project" \
  ${DOCKER_CONFIG:+"$DOCKER_CONFIG"} ${REGISTRY_AUTH_FILE:+"$REGISTRY_AUTH_FILE"} >"$work/stub-leaks.$$" 2>/dev/null && cat "$work/stub-leaks.$$" >>"$work/stub-leaks"
[[ $behaviour != hang ]] || { read -rt 20 <> <(:); exit 1; }
if has '--version|-v' || [[ $behaviour != silent && ${1:-} == version ]]; then
  has '.*json.*' && { echo '{"Client":{"Version":"28.0.0"},"Server":{"Version":"28.0.0"},"Version":"28.0.0"}'; exit 0; }
  echo "$engine version 28.0.0"
  exit 0
fi
[[ $behaviour != silent ]] || { echo "Cannot connect to the $engine daemon at unix:///run/nowhere.sock. Is the daemon running?" >&2; exit 1; }
id=sha256:$(sha256sum <"$work/stub-image/docker.tar" 2>/dev/null | cut -d' ' -f1)
give() { # FILE-OR-DIR OF-KIND
  mkdir -p "$(dirname "$1")"
  case $2 in oci-dir) mkdir -p "$1"; tar -xf "$work/stub-image/oci.tar" -C "$1" ;; *) cat "$work/stub-image/$2.tar" >"$1" ;; esac
}
after() { local i; for ((i = 0; i < ${#args[@]}; i++)); do # VALUE of an option
  [[ ${args[i]} =~ ^($1)=(.*)$ ]] && { echo "${BASH_REMATCH[2]}"; return; }
  [[ ${args[i]} =~ ^($1)$ ]] && { echo "${args[i + 1]:-}"; return; }
done; }
if has 'build|bud|build-using-dockerfile'; then
  touch "$call/is-build"
  echo "STEP 1: $engine caulks the seams"
  echo "$engine: a word on the other stream" >&2
  [[ $behaviour != slow ]] || until [[ -e $work/go-on ]]; do read -rt 0.05 <> <(:); done
  [[ $behaviour != failing ]] || { echo "$engine: no oakum left in the store" >&2; exit 17; }
  file=$(after --iidfile); [[ -z $file ]] || printf %s "$id" >"$file"
  file=$(after --metadata-file); [[ -z $file ]] || echo "{\"containerimage.digest\":\"$id\",\"containerimage.config.digest\":\"$id\"}" >"$file"
  output=$(after '--output|-o')
  if [[ $output == *dest=* ]]; then
    file=${output#*dest=} file=${file%%,*}
    case $output in *type=oci*) give "$file" oci ;; *) give "$file" docker ;; esac
  fi
  echo "$id"
  exit 0
fi
case " $* " in
*' save '*) file=$(after '--output|-o'); kind=docker
  [[ " $* " != *oci-archive* ]] || kind=oci
  [[ " $* " != *oci-dir* ]] || kind=oci-dir
  if [[ -n $file ]]; then give "$file" "$kind"; else cat "$work/stub-image/docker.tar"; fi ;;
*' push '*) for word in "${args[@]}"; do case $word in
    oci-archive:*) file=${word#*:}; give "${file%%:*}" oci ;;
    docker-archive:*) file=${word#*:}; give "${file%%:*}" docker ;;
    oci:*) file=${word#*:}; give "${file%%:*}" oci-dir ;;
  esac; done ;;
*' inspect '*) echo "[{\"Id\":\"$id\",\"FromImageID\":\"$id\",\"Architecture\":\"amd64\",\"Os\":\"linux\",\"OCIv1\":{\"architecture\":\"amd64\",\"os\":\"linux\"}}]" ;;
*' info '*) echo '{"ServerVersion":"28.0.0","host":{"os":"linux","arch":"amd64"},"OSType":"linux","Architecture":"x86_64"}' ;;
esac
exit 0
END
  chmod +x "$WORK/stubs/$1"
}
no_stubs() { rm -rf "$WORK"/stubs/* "$WORK"/stub-calls/* "$WORK/go-on"; }
forget_calls() { rm -rf "$WORK"/stub-calls/*; }
builders_seen() { # the engines that were told to build, in this order
  local call seen=''
  for call in "$WORK"/stub-calls/*; do [[ ! -e $call/is-build ]] || seen+="${call##*.} "; done
  echo "${seen% }"
}
build_words() { # the arguments of the last build, each in brackets, `--x=y` as two
  local call last=''
  for call in "$WORK"/stub-calls/*; do [[ ! -e $call/is-build ]] || last=$call; done
  [[ -z $last ]] || sed -E 's/^(--[a-z-]+)=(.*)$/\1\n\2/' "$last/args" | sed 's/.*/[&]/' | tr '\n' ' '
}
expect_words() { # REGEX TEXT: in the arguments of the last build
  local words
  words=$(build_words)
  check "$2" "arguments like /$1/" "${words:-no build}" grep -Eq -- "$1" <<<"$words"
}
make_stub_image() { # VERSION: what the stubs save and push
  [[ -d $PROJECT/stubbed ]] || make_lantern stubbed "$1"
  mkdir -p "$WORK/stub-image"
  make_archive oci "$WORK/stub-image/oci.tar" stubbed >/dev/null
  make_archive docker "$WORK/stub-image/docker.tar" stubbed >/dev/null
}

# --- archives --------------------------------------------------------------------------------------------------------

cat >"$WORK/archive.js" <<'END'
const [, , kind, dir, layerFile, architecture, tag] = process.argv, fs = require('node:fs'), { createHash } = require('node:crypto'), { gzipSync } = require('node:zlib');
const hex = (data) => createHash('sha256').update(data).digest('hex');
const layer = fs.readFileSync(layerFile), packed = gzipSync(layer, { level: 6 });
const config = Buffer.from(JSON.stringify({ architecture, os: 'linux', created: '2026-01-01T00:00:00Z',
  config: { Env: ['PATH=/usr/local/bin:/usr/bin:/bin', 'QUAY_BERTH=7'], Cmd: ['node', 'app.js'], WorkingDir: '/srv/lantern', ExposedPorts: { '8080/tcp': {} } },
  rootfs: { type: 'layers', diff_ids: [`sha256:${hex(layer)}`] }, history: [{ created: '2026-01-01T00:00:00Z', created_by: 'COPY app.js' }] }));
const blob = (data) => { fs.mkdirSync(`${dir}/blobs/sha256`, { recursive: true }); fs.writeFileSync(`${dir}/blobs/sha256/${hex(data)}`, data); return { digest: `sha256:${hex(data)}`, size: data.length }; };
const text = (value) => Buffer.from(JSON.stringify(value));
const type = (name) => `application/vnd.oci.image.${name}`;
if (kind === 'docker') {
  fs.mkdirSync(`${dir}/${hex(layer)}`, { recursive: true });
  fs.writeFileSync(`${dir}/${hex(layer)}/layer.tar`, layer);
  fs.writeFileSync(`${dir}/${hex(config)}.json`, config);
  fs.writeFileSync(`${dir}/manifest.json`, text([{ Config: `${hex(config)}.json`, RepoTags: [`lantern:${tag}`], Layers: [`${hex(layer)}/layer.tar`] }]));
  console.log(`sha256:${hex(config)}`);
} else {
  const plain = kind === 'hybrid';
  const manifest = blob(text({ schemaVersion: 2, mediaType: type('manifest.v1+json'), config: { mediaType: type('config.v1+json'), ...blob(config) },
    layers: [{ mediaType: type(plain ? 'layer.v1.tar' : 'layer.v1.tar+gzip'), ...blob(plain ? layer : packed) }] }));
  let top = { mediaType: type('manifest.v1+json'), ...manifest, platform: { architecture, os: 'linux' } };
  if (kind === 'nested') { // as buildx does: an index in the index, with an attestation beside the image
    const statement = blob(text({ _type: 'https://in-toto.io/Statement/v0.1' })), empty = blob(text({ architecture: 'unknown', os: 'unknown', config: {}, rootfs: { type: 'layers', diff_ids: [statement.digest] } }));
    const attestation = blob(text({ schemaVersion: 2, mediaType: type('manifest.v1+json'), config: { mediaType: type('config.v1+json'), ...empty }, layers: [{ mediaType: 'application/vnd.in-toto+json', ...statement }] }));
    top = { mediaType: type('index.v1+json'), ...blob(text({ schemaVersion: 2, mediaType: type('index.v1+json'), manifests: [top,
      { mediaType: type('manifest.v1+json'), ...attestation, annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': manifest.digest }, platform: { architecture: 'unknown', os: 'unknown' } }] })) };
  }
  fs.writeFileSync(`${dir}/index.json`, text({ schemaVersion: 2, mediaType: type('index.v1+json'), manifests: [{ ...top, annotations: { 'org.opencontainers.image.ref.name': tag } }] }));
  fs.writeFileSync(`${dir}/oci-layout`, text({ imageLayoutVersion: '1.0.0' }));
  if (plain) fs.writeFileSync(`${dir}/manifest.json`, text([{ Config: `blobs/sha256/${hex(config)}`, RepoTags: [`lantern:${tag}`], Layers: [`blobs/sha256/${hex(layer)}`] }]));
  console.log(manifest.digest);
}
END
# KIND oci, docker (as `docker save` made them for years), hybrid (as it makes them now) or nested (as buildx exports
# them). Prints the digest of the manifest, of the configuration where there is no manifest. The folder stays at FILE.d.
make_archive() { # KIND FILE APP [ARCHITECTURE]
  rm -rf "$2.d" "$2.layer"
  mkdir -p "$2.d" "$2.layer/srv/lantern"
  cp "$PROJECT/$3/app.js" "$2.layer/srv/lantern/"
  tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$2.layer" -cf "$2.layer.tar" srv
  node "$WORK/archive.js" "$1" "$2.d" "$2.layer.tar" "${4:-amd64}" 1
  tar -C "$2.d" -cf "$2" .
}

# --- real engines ----------------------------------------------------------------------------------------------------

# Settings with which Podman and Buildah work without privileges, and keep all they have in this test's own folder.
prepare_engines() {
  local runc
  mkdir -p "$WORK/engine" "$HOME/.config/containers"
  runc=$(PATH=$REAL_PATH:/usr/sbin command -v runc || PATH=$REAL_PATH:/usr/sbin command -v crun || true)
  {
    printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
    [[ -z ${ENGINE_NETNS:-} ]] || printf 'netns = "%s"\n' "$ENGINE_NETNS"
    printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
    [[ -z $runc ]] || printf 'runtime = "%s"\n[engine.runtimes]\n%s = ["%s"]\n' "${runc##*/}" "${runc##*/}" "$runc"
  } >"$WORK/engine/containers.conf"
  cat >"$WORK/engine/storage.conf" <<END
[storage]
driver = "vfs"
runroot = "$WORK/engine/run"
graphroot = "$WORK/engine/graph"
END
  export CONTAINERS_CONF=$WORK/engine/containers.conf CONTAINERS_STORAGE_CONF=$WORK/engine/storage.conf BUILDAH_ISOLATION=chroot
  if [[ -z ${DOCKER_HOST:-} ]]; then # the host of the user's own context, whose settings are not in our HOME
    DOCKER_HOST=$(HOME=$(getent passwd "$(id -u)" | cut -d: -f6) PATH=$REAL_PATH timeout 10 docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null) || true
    if [[ -n $DOCKER_HOST ]]; then export DOCKER_HOST; else unset DOCKER_HOST; fi
  fi
  if [[ ! -e /etc/containers/policy.json ]]; then echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$HOME/.config/containers/policy.json"; fi
}

# A build of the smallest image there is tells whether an engine works here; WHY says why not.
engine_builds() { # ENGINE
  local sub=build
  WHY="there is no $1 on this machine"
  command -v "$1" >/dev/null || return
  case $1 in docker) timeout 20 docker version >"$WORK/engine.log" 2>&1 || { WHY="docker does not answer: $(grep -v '^ ' "$WORK/engine.log" | tail -n 1 | cut -c1-120)"; return 1; } ;; esac
  [[ $1 != buildah ]] || sub=bud
  mkdir -p "$WORK/engine/try"
  printf 'FROM scratch\nCOPY Dockerfile /\n' >"$WORK/engine/try/Dockerfile"
  timeout 60 "$1" "$sub" -t "quay-try:${WORK##*.}" "$WORK/engine/try" >"$WORK/engine.log" 2>&1 && return
  WHY="$1 builds nothing here: $(tail -n 1 "$WORK/engine.log" | cut -c1-160)"
  return 1
}

# Containers of this test, by the mark in their environment. All of them are ended at the end, whatever happened.
containers_of() { # ENGINE [-a]
  local id
  for id in $(timeout 20 "$1" ps -q ${2:+"$2"} 2>/dev/null); do
    timeout 20 "$1" inspect "$id" 2>/dev/null | grep -qF "QUAY_MARK=${WORK##*/}" && echo "$id"
  done
  return 0
}
no_containers() { [[ -z $(containers_of "$1") ]]; }
end_engines() {
  local code=$? dir engine id
  if [[ -n ${ENGINES:-} ]]; then
    for dir in "${SANDBOXES[@]}"; do timeout -s KILL 20 node "$CLI" sandbox stop --dir "$dir" >/dev/null 2>&1 </dev/null; done
    for engine in $ENGINES; do
      for id in $(containers_of "$engine" -a); do timeout 20 "$engine" rm -f "$id" >/dev/null 2>&1; done
      [[ $engine != docker ]] || for id in $(docker images -q "quay-try:${WORK##*.}" 2>/dev/null); do timeout 20 docker rmi -f "$id" >/dev/null 2>&1; done
    done
  fi
  return "$code"
}
trap 'end_engines; cleanup' EXIT

# An image with Node in it, made and run by the engine; with the network of the machine where it can give no other.
engine_runs() { # ENGINE
  local engine=$1 image=quay-try:${WORK##*.} sub=build try
  engine_builds "$engine" || return
  [[ -d $WORK/rootfs ]] || make_rootfs "$WORK/rootfs"
  printf 'FROM scratch\nCOPY . /\nENV PATH=/usr/local/bin\n' >"$WORK/engine/Dockerfile"
  timeout 120 "$engine" "$sub" -q -t "$image" -f "$WORK/engine/Dockerfile" "$WORK/rootfs" >"$WORK/engine.log" 2>&1 ||
    { WHY="$engine builds no image with Node: $(tail -n 1 "$WORK/engine.log" | cut -c1-160)"; return 1; }
  for try in '' host; do
    [[ -z $try || $engine == podman ]] || continue
    ENGINE_NETNS=$try
    prepare_engines
    [[ $(timeout 60 "$engine" run --rm "$image" node -e 'console.log("afloat")' 2>"$WORK/engine.log") == afloat ]] && return
  done
  WHY="$engine runs nothing here: $(tail -n 1 "$WORK/engine.log" | cut -c1-160)"
  return 1
}

# --- the story of a real builder, the same for all -------------------------------------------------------------------

engine_story() { # ENGINE
  local engine=$1 text="issue 6: a push with $1" leaf
  LIMIT=120
  ENGINES=$engine
  prepare_engines
  engine_builds "$engine" || skip "a push with $engine" "$WHY"
  ready_to_push
  set_line BUILDER
  set_line BASE_IMAGE
  start_front
  watch_processes
  make_vessel v1 3.1

  push v1 --tag 3.1 --builder "$engine"
  pushed "$text"
  expect_in_registry 3.1 "$DIGEST" "$text: the registry has the digest that was printed"
  config_of 3.1 "$WORK/config"
  expect_config "$text: linux/amd64, and what the Dockerfile says" 'o.architecture === "amd64" && o.os === "linux" && o.config.Env.includes("QUAY_BERTH=7")
    && o.config.Cmd.join(" ") === "node app.js" && o.config.WorkingDir === "/srv/lantern"'
  push v1 --tag 3.1-json --builder "$engine" --json --verbose
  expect_json "$text --json: one object" 'o.schemaVersion === 1 && o.tag === "3.1-json" && /^sha256:/.test(o.digest)'

  # Another Dockerfile, with stages, for another platform. Nothing of it has to run here.
  cat >"$PROJECT/v1/Dockerfile.steam" <<'END'
FROM scratch AS hull
ARG SHIP=none
ENV SHIP=$SHIP
COPY app.js /
CMD ["node", "/app.js"]
FROM hull
ENV MAST=tall
END
  CLI_ENV+=(CPU_ARCHITECTURE=ARM64)
  push v1 --tag 3.2 --builder "$engine" --file "$PROJECT/v1/Dockerfile.steam" --target hull --build-arg SHIP=Ferry --platform linux/arm64
  pushed "$text: --file, --target, --build-arg, --platform"
  config_of 3.2 "$WORK/config" arm64
  expect_config "$text: all four count" 'o.architecture === "arm64" && o.config.Env.includes("SHIP=Ferry") && !o.config.Env.some((x) => x.startsWith("MAST="))'
  CLI_ENV=("AWS_ENDPOINT_URL=http://127.0.0.1:$FRONT_PORT")

  echo 'COPY oakum /' >>"$PROJECT/v1/Dockerfile.steam"
  cli push v1 --tag 3.3 --builder "$engine" --file "$PROJECT/v1/Dockerfile.steam"
  expect_exit 1 "$text: a build that fails"
  says 'oakum' "$text: a build that fails: what $engine says is shown"
  expect_not_pushed 3.3 "$text: a build that fails"

  leaf=$(sort -u "$WORK/tokens" | grep -c .)
  check "$text: it signed in" 'a token' "$leaf" test "$leaf" -gt 0
  expect_no_token "$text"
  CLI_ENV=()
  cli rollout --tag 3.1
  expect_exit 0 "$text: its rollout"
  berth() { [[ $(web "$ENDPOINT/") == 'Lantern, berth 7: '*'Version 3.1'* ]]; }
  expect_soon 10 "$text: it runs in the sandbox" 'Version 3.1, berth 7' berth
}

# --- the story of a task runner, the same for all --------------------------------------------------------------------

container_story() { # RUNNER
  local runner=$1 text="issue 6: tasks with the runner $1"
  LIMIT=120
  if [[ $runner != process ]]; then
    ENGINES=$runner
    prepare_engines
    engine_runs "$runner" || skip "$text" "$WHY"
  fi
  ready_to_push --runner "$runner"
  set_line DESIRED_COUNT 1
  make_vessel v1 3.1
  make_vessel v2 3.2
  make_vessel v3 3.3 crash
  cli sandbox status --dir "$SANDBOX_DIR"
  expect_exit 0 "$text: sandbox status"

  task_count() { if [[ $runner == process ]]; then cat <(running 3.1) <(running 3.2) <(running 3.3) | wc -l; else containers_of "$runner" | wc -l; fi; }
  tasks_are() { [[ $(task_count) == "$1" ]]; }
  must push v1 --tag 3.1
  cli rollout --tag 3.1
  expect_exit 0 "$text: a rollout"
  berth() { [[ $(web "$ENDPOINT/") == "Lantern, berth 7: "*"Version $1"* ]]; }
  expect_soon 15 "$text: the image's own command, folder and environment" 'Version 3.1, berth 7' berth 3.1
  expect_soon 5 "$text: one task, really there" '1' tasks_are 1
  if [[ $runner != process ]]; then
    "$runner" inspect "$(containers_of "$runner" | head -n 1)" >"$WORK/inspect.json" 2>/dev/null
    seen=$(json "$WORK/inspect.json" 'JSON.stringify([o[0].HostConfig.Memory, o[0].HostConfig.NanoCpus, o[0].HostConfig.CpuShares, o[0].HostConfig.CpuQuota])' 2>&1 | tail -n 1)
    check "$text: the memory of the task definition is its limit" '512 MiB' "$seen" test "$(json "$WORK/inspect.json" 'o[0].HostConfig.Memory' 2>/dev/null)" = $((512 * 1048576))
    check "$text: and so is its CPU" 'a limit or shares of a quarter' "$seen" test "$(json "$WORK/inspect.json" 'o[0].HostConfig.NanoCpus === 250000000 || o[0].HostConfig.CpuShares === 256 || o[0].HostConfig.CpuQuota > 0' 2>/dev/null)" = true
    seen=$(json "$WORK/inspect.json" 'Object.values(o[0].NetworkSettings.Ports ?? {}).flat().filter(Boolean).map((x) => x.HostIp).join(" ")' 2>/dev/null)
    check "$text: its ports are published on loopback only" '127.0.0.1' "$seen" grep -qE '^(127\.0\.0\.1 ?)*$' <<<"$seen"
  fi
  api_json ecs $ECS.ListTasks '{"cluster":"harbour"}' >"$WORK/list.json"
  api_json ecs $ECS.DescribeTasks "{\"cluster\":\"harbour\",\"tasks\":$(json "$WORK/list.json" 'JSON.stringify(o.taskArns)')}" >"$WORK/tasks.json"
  check "section 6: $runner: answers show no address of loopback" none "$(grep -oE '127\.0\.0\.[0-9]+' "$WORK/tasks.json" | head -n 1)" \
    test -z "$(json "$WORK/tasks.json" 'o.tasks.flatMap((t) => [...t.attachments.flatMap((a) => a.details), ...t.containers.flatMap((c) => c.networkInterfaces ?? [])]).map((x) => x.value ?? x.privateIpv4Address).filter((x) => /^127\./.test(x)).join(" ")')"

  start_requests
  cli update v2 --tag 3.2 --steps 50,100 --hold 0.5s
  expect_exit 0 "$text: an update"
  more_requests 20
  stop_requests
  expect_no_errors "$text: through an update" 30
  expect_order "$text: through an update" 3.1 3.2 3.2
  cli destroy-old --yes
  expect_exit 0 "$text: destroy-old"
  expect_soon 15 "$text: the old task is gone" '1 task' tasks_are 1

  cli logs
  expect_exit 0 "$text: logs"
  expect_line '.*Lantern 3\.2 is lit.*' "$text: logs has what a task said"
  cli logs --tag 3.1
  expect_line '.*Lantern 3\.1 is lit.*' "$text: logs of a task that is gone are kept"
  must push v3 --tag 3.3
  cli rollout --tag 3.3
  expect_exit 1 "$text: a version that crashes"
  expect_stderr 'the glass is broken' "$text: its log is shown when it fails"
  expect_stderr '\b42\b' "$text: and its exit code"
  expect_soon 15 "$text: nothing of it is left" '1 task' tasks_are 1
  expect_status "$text: users are where they were" 'o.primary.version === "3.2" && o.primary.weight === 100'

  cli sandbox stop --dir "$SANDBOX_DIR"
  expect_exit 0 "$text: sandbox stop"
  expect_soon 10 "section 6: $runner: stop ends every task" none tasks_are 0
  start_sandbox --runner "$runner"
  expect_soon 30 "section 6: $runner: after a restart it serves" 'Version 3.2' berth 3.2
  cli sandbox stop --dir "$SANDBOX_DIR"
  expect_soon 10 "section 6: $runner: and stop ends every task again" none tasks_are 0
  if [[ $runner != process ]]; then
    seen=$(containers_of "$runner" -a | wc -l)
    check "section 6: $runner: no container is left, stopped or not" 0 "$seen" test "$seen" -eq 0
  fi
}
