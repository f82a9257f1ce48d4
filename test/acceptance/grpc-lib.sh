# shellcheck shell=bash disable=SC2016,SC2034,SC2119,SC2120
# What the grpc-*.test.sh scripts share, on top of lib.sh and routing-lib.sh: a gRPC client and server on nothing but
# Node's http2, a quay that answers by gRPC, certificates made by hand, ACM and Route 53 asked directly. "issue 7.N" in a
# message is part N of the issue's "Build"; "issue 7" alone is its "It is done when".

# Settings that lib.sh does not know yet, and what would change whom Node trusts.
unset CERTIFICATE_ARN HTTPS_LISTENER_PORT HEALTHY_THRESHOLD UNHEALTHY_THRESHOLD NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED \
  GRPC_TRACE GRPC_VERBOSITY GRPC_DEFAULT_SSL_ROOTS_FILE_PATH

# === GUESSES =========================================================================================================
# The issue is silent on these; each is what a user would try first. Whoever knows better corrects it here, and only here.

# Where the switch is given: `PROTOCOL=grpc` needs a certificate, so every build-infra of a gRPC project has it.
INFRA=(build-infra --self-signed)
# The lines that make a service of .env a gRPC one behind the internal load balancer; its health check is the default.
GRPC_SETTINGS=(PROTOCOL=grpc EXPOSE=internal)
# The name of a service in the private hosted zone; the certificate is for it.
grpc_name() { echo "$1.harbour.internal"; } # SERVICE
# Where it is reached from this machine: the sandbox's load balancers are 127.0.0.1, the internal one has this port.
grpc_address() { echo "127.0.0.1:$PORT_INTERNAL"; }
# What build-infra prints below "Internal endpoint:".
GRPC_ENDPOINT='(https|grpcs)://[^ /]+:[0-9]+/?'
# And what of --json says the same.
GRPC_JSON='typeof o.internalEndpoint === "string"'
# Where a user finds the CA: what ACM's GetCertificate has for the listener's certificate (its chain, or itself), and
# files with a certificate that build-infra left in the project's folder. All are trusted together.
ca_candidates() {
  acm GetCertificate "{\"CertificateArn\":\"$(listener_certificate)\"}" >"$WORK/acm.json"
  json "$WORK/acm.json" '[o.CertificateChain, o.Certificate].filter(Boolean).join("\n")' 2>/dev/null
  grep -rlI --exclude-dir=node_modules 'BEGIN CERTIFICATE' "$PROJECT" 2>/dev/null | while read -r file; do cat "$file"; done
}
# How it is handed to the client's task: in a variable of any name that holds the PEM itself, its base64, or a path to it.
# (grpc-client-task looks at all variables of the task, so that the name need not be guessed.)

# `probe`: https for TLS, http for plain HTTP/2; whom to trust is told as to any Node program.
PROBE_TLS=https PROBE_PLAIN=http
probe_trust() { CLI_ENV=("NODE_EXTRA_CA_CERTS=$1"); } # FILE
# The certificate is for the names of the zone: who reaches the load balancer by another way says which name is meant.
PROBE_NAME=(--server-name quay.harbour.internal)
# Where `probe --grpc` looks for the version: in the answer as JSON, so --pattern is as ever.

# A service with PROTOCOL=grpc, no CERTIFICATE_ARN and no --self-signed, and both of these at once, are wrong usage.
NO_CERTIFICATE='CERTIFICATE_ARN|--self-signed'
# A certificate of --self-signed that is about to end is renewed by build-infra --self-signed, or it is said that it ends.
SAYS_IT_ENDS='certificate.*(expire|ends|renew|valid until)|(expire|renew).*certificate'

# "A retriable status" of a stream that was cut is UNAVAILABLE: by trailers, as a refused stream, or with the connection.
RETRIABLE=14

# The example: how its parts are run on this machine, and where its .env and its `make build-infra` are (A:24, A:37).
RUN_SERVER=(node server.js)  # in examples/echo/server; A:87
RUN_CLIENT=(node client.js)  # in examples/echo/client; A:94
EXAMPLE_INFRA=.              # in examples/echo
# What `make demo` ends in, without the building, which would disturb the other scripts.
DEMO=(node scripts/demo.mjs) # in the top folder
# === END OF THE GUESSES ==============================================================================================

# --- a gRPC client and server on node:http2 --------------------------------------------------------------------------

# The messages of quay.Harbour: Call {string name = 1; int32 count = 2; int32 every = 3}, Answer {string text = 1; int32 number = 2}.
cat >"$WORK/quay.proto" <<'END'
syntax = "proto3";
package quay;
message Call { string name = 1; int32 count = 2; int32 every = 3; }
message Answer { string text = 1; int32 number = 2; }
service Harbour {
  rpc Hail (Call) returns (Answer);
  rpc Watch (Call) returns (stream Answer);
  rpc Load (stream Call) returns (Answer);
  rpc Talk (stream Call) returns (stream Answer);
}
END

cat >"$WORK/grpc.js" <<'END'
const http2 = require('node:http2');
const STATUS = ['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED'];
const now = () => performance.timeOrigin + performance.now();
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// Protobuf, as far as these messages go: a list of values by field number; a text or a number not below zero.
const varint = (n) => { const out = []; for (; n > 127; n = Math.floor(n / 128)) out.push((n % 128) | 128); return Buffer.from([...out, n]); };
function encode(...values) {
  return Buffer.concat(values.flatMap((value, i) => value === undefined || value === '' || value === 0 ? []
    : typeof value === 'number' ? [varint((i + 1) * 8), varint(value)]
    : [varint((i + 1) * 8 + 2), varint(Buffer.byteLength(value)), Buffer.from(value)]));
}
function decode(bytes) { // fields[1] is field 1
  const fields = [];
  let at = 0;
  const number = () => { let n = 0; for (let scale = 1; ; scale *= 128) { const byte = bytes[at++]; n += (byte & 127) * scale; if (!(byte & 128)) return n; } };
  while (at < bytes.length) {
    const key = number(), wire = key % 8;
    if (wire === 0) fields[key >> 3] = number();
    else if (wire === 2) { const length = number(); fields[key >> 3] = bytes.subarray(at, at + length).toString(); at += length; }
    else throw new Error(`wire type ${wire}`);
  }
  return fields;
}
const call = (name, count, every) => encode(name, count, every);
const answer = (bytes) => { const [, text = '', number = 0] = decode(bytes); return { text, number }; };

// Length-prefixed messages: a byte that says whether it is compressed, four bytes of length, the message.
function frame(message) {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
function deframer(onMessage) {
  let parts = [], length = 0;
  return (chunk) => {
    parts.push(chunk);
    length += chunk.length;
    for (let need = 5; length >= need;) {
      const all = parts.length === 1 ? parts[0] : Buffer.concat(parts);
      need = 5 + all.readUInt32BE(1);
      parts = [all];
      if (length < need) break;
      if (all[0] !== 0) throw new Error('a compressed message');
      onMessage(all.subarray(5, need));
      parts = [all.subarray(need)];
      length -= need;
      need = 5;
    }
  };
}
function queue() { // values that come one after the other, for `for await`
  const values = [], waiting = [];
  let over = false;
  return {
    push(value) { const next = waiting.shift(); if (next) next({ value, done: false }); else values.push(value); },
    end() { over = true; for (const next of waiting.splice(0)) next({ value: undefined, done: true }); },
    [Symbol.asyncIterator]() {
      return { next: () => values.length ? Promise.resolve({ value: values.shift(), done: false })
        : over ? Promise.resolve({ value: undefined, done: true }) : new Promise((next) => waiting.push(next)) };
    },
  };
}
const percent = (text) => [...Buffer.from(text)].map((b) => b < 32 || b > 126 || b === 37 ? `%${b.toString(16).toUpperCase().padStart(2, '0')}` : String.fromCharCode(b)).join('');

// One channel: one connection at a time, a new one only when the other side has ended the last. `connections` counts them.
class Channel {
  constructor({ address = process.env.QUAY_ADDRESS, name = process.env.QUAY_NAME, ca = process.env.QUAY_CA, pem, plain = !ca && !pem } = {}) {
    Object.assign(this, { address, name: name || address, plain, ca: plain ? undefined : pem ?? require('node:fs').readFileSync(ca) });
    this.connections = 0;
    this.retried = 0;
    this.errors = [];
  }
  session() {
    if (this.current && !this.current.gone && !this.current.closed && !this.current.destroyed) return this.current;
    const options = this.plain ? {} : { ca: this.ca, servername: this.name, ALPNProtocols: ['h2'] };
    const session = http2.connect(`${this.plain ? 'http' : 'https'}://${this.address}`, options);
    session.lastStream = Infinity;
    session.on('goaway', (code, last) => { session.gone = true; session.lastStream = Math.min(session.lastStream, last ?? Infinity); });
    session.on('error', (error) => { session.gone = true; session.why = error.code || error.message; this.errors.push(session.why); });
    session.on('connect', (_, socket) => { socket.once('close', () => { session.gone = true; }); });
    session.on('close', () => { session.gone = true; });
    this.connections += 1;
    this.current = session;
    return session;
  }
  // A call of any kind. `timeout` sends a deadline and keeps it here too; with `trusting` it is left to the other side.
  open(path, { metadata = {}, timeout, trusting = false } = {}) {
    const session = this.session(), messages = queue(), begun = now(), ends = new AbortController(); // close() would end the stream before it resets it
    const stream = session.request({ ':method': 'POST', ':scheme': this.plain ? 'http' : 'https', ':authority': this.name, ':path': path,
      'content-type': 'application/grpc', te: 'trailers', 'user-agent': 'quay-test/1', ...(timeout && { 'grpc-timeout': `${timeout}m` }), ...metadata }, { signal: ends.signal });
    let headers, trailers, own, timer, failure;
    const status = new Promise((done) => {
      stream.on('response', (h, flags) => { headers = h; if (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) trailers = h; });
      stream.on('trailers', (h) => { trailers = h; });
      stream.on('error', (error) => { failure = error; });
      stream.on('data', (() => { const take = deframer((m) => messages.push(m)); return (chunk) => { try { take(chunk); } catch (error) { own ??= [13, error.message]; ends.abort(); } }; })());
      if (timeout && !trusting) timer = setTimeout(() => { own ??= [4, 'deadline exceeded']; ends.abort(); }, timeout);
      stream.on('close', async () => {
        clearTimeout(timer);
        await sleep(20); // whether the connection ended with it shows a moment later
        const lost = session.gone || session.destroyed, rst = stream.rstCode, id = stream.id;
        const refused = !headers && !own && (rst === 7 || id === undefined || id > session.lastStream);
        const http = Number(headers?.[':status'] ?? 0);
        const [code, message] = trailers?.['grpc-status'] !== undefined && !own ? [Number(trailers['grpc-status']), decodeURIComponent(trailers['grpc-message'] ?? '')]
          : own ?? (http && http !== 200 ? [{ 400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14 }[http] ?? 2, `HTTP ${http}`]
          : lost || refused ? [14, `connection or stream ended: ${session.why ?? failure?.code ?? `RST ${rst}`}`]
          : [{ 8: 1, 11: 8, 12: 7 }[rst] ?? 13, `RST ${rst} ${failure?.message ?? 'without trailers'}`]);
        messages.end();
        done({ code, name: STATUS[code] ?? String(code), message, headers: headers ?? {}, trailers: trailers ?? {}, rst, http, refused, begun, ended: now() });
      });
    });
    return { stream, messages, status, send: (message) => new Promise((sent) => stream.write(frame(message), () => sent())), end: () => stream.end(),
      cancel: () => { own ??= [1, 'cancelled']; ends.abort(); } };
  }
  // A stream that was refused never reached anybody: the only case in which gRPC tries again by itself.
  async unary(path, message, options) {
    for (let attempt = 1; ; attempt += 1) {
      const it = this.open(path, options);
      it.stream.end(frame(message));
      const list = [];
      for await (const m of it.messages) list.push(m);
      const status = await it.status;
      if (status.refused && attempt < 3) { this.retried += 1; continue; }
      if (status.code === 0 && list.length !== 1) Object.assign(status, { code: 13, name: 'INTERNAL', message: `${list.length} messages` });
      return { ...status, answer: list.length ? list[0] : undefined, attempts: attempt };
    }
  }
  async hail(name = '', count = 0, options = undefined) {
    const result = await this.unary('/quay.Harbour/Hail', call(name, count), options);
    const { text, number } = result.answer ? answer(result.answer) : { text: '', number: 0 };
    return { ...result, text, number, version: /\(Version ([^,]+),/.exec(text)?.[1], process: /, process (\d+)\)/.exec(text)?.[1] };
  }
  close() { this.current?.destroy(); }
}

// A server. handlers: path -> async (it), `it` with metadata, messages, send(), trailers, fail(code, message), gone (a promise).
function serve(handlers, { port, host = '127.0.0.1', key, cert, log = () => {} }) {
  const server = key ? http2.createSecureServer({ key, cert }) : http2.createServer();
  const sessions = new Set();
  server.open = 0;
  server.on('session', (session) => { sessions.add(session); session.on('close', () => sessions.delete(session)); session.on('error', () => {}); });
  server.on('stream', async (stream, headers) => {
    const path = headers[':path'], messages = queue();
    let over = false, trailers = {}, left;
    server.open += 1;
    log(`open ${path} timeout=${headers['grpc-timeout'] ?? 'none'}`);
    const gone = new Promise((done) => { left = done; });
    stream.on('error', () => {});
    stream.on('data', deframer((m) => messages.push(m)));
    stream.on('end', () => messages.end());
    stream.on('close', () => {
      server.open -= 1;
      messages.end();
      left();
      log(over && !stream.aborted && !stream.rstCode ? `done ${path}` : `gone ${path} rst=${stream.rstCode}`);
    });
    const finish = (code, message = '') => {
      if (over || stream.aborted || stream.destroyed || stream.closed) return;
      over = true;
      const last = { ...trailers, 'grpc-status': String(code), ...(message && { 'grpc-message': percent(message) }) };
      if (!stream.headersSent) { stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...last }, { endStream: true }); return; }
      stream.on('wantTrailers', () => stream.sendTrailers(last));
      stream.end();
    };
    const start = (more = {}) => { if (!stream.headersSent && !stream.destroyed) stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...more }, { waitForTrailers: true }); };
    const it = { metadata: headers, messages, gone, start, trailers: (t) => { trailers = { ...trailers, ...t }; }, fail: finish, is: { get over() { return over || stream.destroyed; } },
      send: (message) => { start(); return new Promise((sent) => { if (stream.destroyed || !stream.writable) sent(); else stream.write(frame(message), () => sent()); }); } };
    const [, amount, unit] = /^(\d+)([HMSmun])$/.exec(headers['grpc-timeout'] ?? '') ?? [];
    const timer = amount && setTimeout(() => finish(4, 'too late at the quay'), amount * { H: 3.6e6, M: 6e4, S: 1e3, m: 1, u: 1e-3, n: 1e-6 }[unit]);
    try {
      const handler = handlers[path];
      if (!handler) return finish(12, `no ${path} here`);
      await handler(it);
      start();
      finish(0);
    } catch (error) { finish(2, error.message); } finally { clearTimeout(timer); }
  });
  server.listen(port, host);
  server.leave = (then) => { // finishes what runs, takes nothing new
    server.close(then);
    for (const session of sessions) session.close();
  };
  return server;
}

// quay.Harbour itself, of a version.
function harbour(version, { berth = '7', healthy = () => true, prefix = '/quay.Harbour/' } = {}) {
  const text = (name) => `Quay, berth ${berth}: welcome ${name} (Version ${version}, process ${process.pid})`;
  const one = async (it) => { for await (const m of it.messages) return decode(m); return []; };
  return {
    [`${prefix}Hail`]: async (it) => {
      const [, name = '', count = 0] = await one(it);
      if (name === 'nobody') { it.trailers({ 'quay-trailer': 'ebb' }); return it.fail(5, 'no berth at the quay: 100 %, “über”'); }
      if (count) await Promise.race([sleep(count), it.gone]);
      it.start({ 'quay-header': 'flood' });
      it.trailers({ 'quay-trailer': 'tide', 'quay-seen': it.metadata['x-quay'] ?? 'none', 'quay-authority': it.metadata[':authority'] ?? it.metadata.host ?? 'none', 'quay-bin': Buffer.from([0, 1, 254, 255]).toString('base64') });
      if (!it.is.over) await it.send(encode(text(name), name.length));
    },
    [`${prefix}Watch`]: async (it) => {
      const [, name = '', count = 0, every = 0] = await one(it);
      let sent = 0;
      for (; sent < count && !it.is.over; sent += 1) {
        await it.send(encode(text(name), sent + 1));
        if (every && sent + 1 < count) await Promise.race([sleep(every), it.gone]);
      }
      it.trailers({ 'quay-sent': String(sent) });
    },
    [`${prefix}Load`]: async (it) => {
      let taken = 0, bytes = 0;
      for await (const m of it.messages) { taken += 1; bytes += (decode(m)[1] ?? '').length; }
      it.trailers({ 'quay-bytes': String(bytes) });
      if (!it.is.over) await it.send(encode(text('cargo'), taken));
    },
    [`${prefix}Talk`]: async (it) => {
      let taken = 0;
      it.start({ 'quay-header': 'flood' });
      for await (const m of it.messages) { taken += 1; await it.send(encode(text(decode(m)[1] ?? ''), taken)); }
      it.trailers({ 'quay-sent': String(taken) });
    },
    // ServingStatus: 1 SERVING, 2 NOT_SERVING. `healthy` may also say that there is no answer at all.
    '/grpc.health.v1.Health/Check': async (it) => {
      const state = healthy();
      if (state === 'mute') return new Promise(() => {});
      await it.send(encode(state ? 1 : 2));
      // A load balancer looks at the status only (docs/from-app-mesh.md): the message alone would be healthy to it.
      if (!state) it.fail(14, 'NOT_SERVING');
    },
  };
}
module.exports = { Channel, serve, harbour, encode, decode, call, answer, frame, deframer, sleep, now, STATUS };
END

cat >"$WORK/grpc-run.js" <<'END'
const [, , code, ...args] = process.argv;
const fs = require('node:fs'), grpc = require(`${process.env.QUAY_WORK}/grpc.js`);
const channel = new grpc.Channel(), AsyncFunction = (async () => {}).constructor;
const list = async (messages) => { const all = []; for await (const m of messages) all.push(grpc.answer(m)); return all; };
const version = (text) => /\(Version ([^,]+),/.exec(text)?.[1], who = (text) => /, process (\d+)\)/.exec(text)?.[1];
const until = async (ms, test) => { for (const end = grpc.now() + ms; grpc.now() < end; await grpc.sleep(20)) if (await test()) return true; return false; };
const names = { ...grpc, channel, list, version, who, until, fs, args, stopped: () => fs.existsSync(`${process.env.QUAY_WORK}/grpc.stop`) };
new AsyncFunction(...Object.keys(names), code)(...Object.values(names))
  .then((value) => value === undefined || console.log(typeof value === 'string' ? value : JSON.stringify(value)))
  .catch((error) => { console.error(error.stack); process.exitCode = 1; })
  .finally(() => { channel.close(); process.exit(); });
END

# JavaScript with `channel`, hail and open on it, list(messages), sleep, until(ms, test), stopped(); `args` are the ARGUMENTs.
# A time limit, because a call that hangs is a finding and not the end of the script.
grpc() { # CODE [ARGUMENT…]
  QUAY_ADDRESS=$ADDRESS QUAY_NAME=$NAME QUAY_CA=$CA timeout -s KILL 60 node "$WORK/grpc-run.js" "$@" 2>"$WORK/grpc.err" </dev/null
}
grpc_json() { # CODE [ARGUMENT…]: its value is in $WORK/grpc.json
  grpc "$@" >"$WORK/grpc.json" || echo "{\"failed\":$?}" >"$WORK/grpc.json"
}
expect_grpc() { # TEXT EXPRESSION: over what grpc_json got
  local seen
  seen=$(json "$WORK/grpc.json" "!!($2)" 2>&1 | tail -n 1)
  check "$1" "$2" "$(head -c 500 "$WORK/grpc.json") $(head -c 200 "$WORK/grpc.err")" test "$seen" = true
}
grpc_in_background() { # CODE [ARGUMENT…]: prints to $WORK/grpc.log; ends by itself once $WORK/grpc.stop is there
  rm -f "$WORK/grpc.stop"
  : >"$WORK/grpc.log"
  QUAY_ADDRESS=$ADDRESS QUAY_NAME=$NAME QUAY_CA=$CA timeout -s KILL 240 node "$WORK/grpc-run.js" "$@" >"$WORK/grpc.log" 2>"$WORK/grpc-background.err" </dev/null &
  GRPC_PID=$!
  BACKGROUND+=("$GRPC_PID")
}
stop_grpc() {
  : >"$WORK/grpc.stop"
  wait "$GRPC_PID"
}
grpc_log_has() { grep -Eq -- "$1" "$WORK/grpc.log"; } # REGEX
ADDRESS='' NAME='' CA=''
: >"$WORK/grpc.err"
: >"$WORK/certificate.json"

hails() { [[ $(grpc 'return (await channel.hail("boat", 0, { timeout: 5000 })).version ?? "none"') == "$1" ]]; } # VERSION

# --- the quay, by gRPC -----------------------------------------------------------------------------------------------

# MODE good; closed (its health check answers NOT_SERVING, and UNAVAILABLE, from the first); mute (its health check never gets an answer);
# fickle (NOT_SERVING from when $WORK/closed-VERSION is there). What happens to it is in $WORK/events: "MS VERSION PID EVENT…".
make_quay() { # DIR VERSION [MODE [PREFIX]]
  make_app "$1" "$2"
  cp "$WORK/grpc.js" "$PROJECT/$1/grpc.js"
  cat >"$PROJECT/$1/app.js" <<END
const version = '$2', mode = '${3:-good}', prefix = '${4:-/quay.Harbour/}', work = '$WORK';
END
  cat >>"$PROJECT/$1/app.js" <<'END'
const fs = require('node:fs'), { serve, harbour, now } = require('./grpc.js');
fs.appendFileSync(`${work}/pids`, `${process.pid} ${version}\n`);
const log = (event) => /Health/.test(event) || fs.appendFileSync(`${work}/events`, `${Math.round(now())} ${version} ${process.pid} ${event}\n`);
console.log(`Quay ${version} opens`);
const healthy = () => mode === 'mute' ? 'mute' : mode === 'closed' ? false : !(mode === 'fickle' && fs.existsSync(`${work}/closed-${version}`));
const server = serve(harbour(version, { berth: process.env.QUAY_BERTH, healthy, prefix }), { port: Number(process.env.PORT), host: process.env.HOST, log });
process.on('SIGTERM', () => {
  log(`sigterm open=${server.open}`);
  server.leave(() => process.exit(0));
});
END
}

: >"$WORK/events"
event_seen() { grep -Eq -- "$1" "$WORK/events"; }                            # REGEX
event_time() { grep -E -- "$1" "$WORK/events" | awk 'NR == 1 { print $1 }'; } # REGEX: of the first one, in milliseconds

# --- the project -----------------------------------------------------------------------------------------------------

grpc_project() { # NAME [LINE…]: as new_project, its services speaking gRPC behind the internal load balancer
  local name=$1
  shift
  new_project "$name" "${GRPC_SETTINGS[@]}" "$@"
  sed -i '/^HEALTH_CHECK_PATH=/d' "$PROJECT/.env" # the one for HTTP: gRPC has its own default (issue 7.2)
}

infra() { # [ARGUMENT…]: build-infra, its endpoint and its CA
  must "${INFRA[@]}" "$@"
  take_channel "${SERVICE:-quay}"
}
take_channel() { # SERVICE
  ADDRESS=$(grpc_address)
  NAME=$(grpc_name "$1")
  CA=$WORK/ca.pem
  ca_candidates >"$CA"
  grep -q 'BEGIN CERTIFICATE' "$CA" || give_up 'issue 7.2: the CA of --self-signed is found' "a certificate of ACM or in $PROJECT" none
}

grpc_ready() { # VERSION…: as `ready`, by gRPC
  local version
  start_sandbox
  grpc_project harbour
  infra
  for version; do
    make_quay "v$version" "$version"
    must push "v$version" --tag "$version"
  done
}

# --- ACM and Route 53, asked directly --------------------------------------------------------------------------------

acm() { api_json acm "CertificateManager.$1" "$2"; } # OPERATION BODY
# All key types: without them ACM lists RSA up to 2048 only.
ALL_KEYS='{"Includes":{"keyTypes":["RSA_1024","RSA_2048","RSA_3072","RSA_4096","EC_prime256v1","EC_secp384r1","EC_secp521r1"]}}'
certificates() { # the ARNs of all certificates
  acm ListCertificates "$ALL_KEYS" >"$WORK/certificates.json"
  json "$WORK/certificates.json" '(o.CertificateSummaryList ?? []).map((c) => c.CertificateArn).sort().join("\n")' 2>/dev/null | grep .
}
certificate_is() { # ARN EXPRESSION: over its DescribeCertificate, `c`
  acm DescribeCertificate "{\"CertificateArn\":\"$1\"}" >"$WORK/certificate.json"
  [[ $(json "$WORK/certificate.json" "((c) => !!($2))(o.Certificate)" 2>/dev/null) == true ]]
}
import_certificate() { # KEY-FILE CERTIFICATE-FILE [CHAIN-FILE [ARN]]: by hand; IMPORTED is its ARN
  node -e '
    const [key, certificate, chain, arn] = process.argv.slice(1), fs = require("node:fs");
    const pem = (file) => fs.readFileSync(file).toString("base64");
    console.log(JSON.stringify({ PrivateKey: pem(key), Certificate: pem(certificate), ...(chain && { CertificateChain: pem(chain) }), ...(arn && { CertificateArn: arn }) }));
  ' "$1" "$2" "${3:-}" "${4:-}" >"$WORK/import.body"
  acm ImportCertificate "@$WORK/import.body" >"$WORK/import.json"
  IMPORTED=$(json "$WORK/import.json" 'o.CertificateArn' 2>/dev/null)
  [[ $IMPORTED == arn:*:acm:* ]] || give_up 'preparing: a certificate is imported by hand' 'AWS takes it' "$(head -c 300 "$WORK/import.json")"
}
# The certificate of the HTTPS listeners, one ARN or none.
listener_certificate() {
  elb 'const { listeners } = await everything();
    return [...new Set(Object.values(listeners).filter((l) => l.Protocol === "HTTPS" && l.Port === args[0]).flatMap((l) => (l.Certificates || []).map((c) => c.CertificateArn)))].join(" ")' "$PORT_INTERNAL"
}
# What the listener really shows: names, when it ends, serial number.
served() { # EXPRESSION, over `c`, a certificate as Node has it
  node -e '
    const [port, servername, expression] = process.argv.slice(1);
    const socket = require("node:tls").connect({ host: "127.0.0.1", port, servername, rejectUnauthorized: false, ALPNProtocols: ["h2"] }, () => {
      const c = socket.getPeerCertificate();
      console.log(String(new Function("c", "protocol", `return (${expression})`)(c, socket.alpnProtocol)));
      socket.destroy();
    });
    socket.on("error", (error) => console.log(error.message));' "$PORT_INTERNAL" "$(grpc_name quay)" "$1" 2>&1
}

route53() { # PATH: XML, on one line
  web -H "$(authorization route53 | sed "s|/$REGION/|/us-east-1/|")" -H 'X-Amz-Date: 20260101T000000Z' "$AWS_ENDPOINT_URL/2013-04-01/$1" | tr -d '\n'
}
zones() { # "ID NAME PRIVATE" lines
  route53 hostedzone | sed 's/<HostedZone>/\n&/g' | sed -nE 's|^<HostedZone>.*<Id>(/hostedzone/)?([^<]*)</Id>.*<Name>([^<]*)</Name>.*<PrivateZone>([^<]*)</PrivateZone>.*|\2 \3 \4|p' | sort -k 2
}
records() { # ZONE-ID: "NAME TYPE TARGET" lines
  route53 "hostedzone/$1/rrset" | sed 's/<ResourceRecordSet>/\n&/g' |
    sed -nE 's|^<ResourceRecordSet>.*<Name>([^<]*)</Name>.*<Type>([^<]*)</Type>(.*<DNSName>([^<]*)</DNSName>)?.*|\1 \2 \4|p'
}

# --- certificates by hand --------------------------------------------------------------------------------------------

# A CA and a certificate that it signed, with keys, in files of their own: X.509 written out, because openssl need not be there.
cat >"$WORK/certify.js" <<'END'
const crypto = require('node:crypto'), fs = require('node:fs');
const [, , prefix, days, ...names] = process.argv;
const der = (tag, ...parts) => {
  const body = Buffer.concat(parts), n = body.length;
  return Buffer.concat([Buffer.from(n < 128 ? [tag, n] : n < 256 ? [tag, 0x81, n] : [tag, 0x82, n >> 8, n & 255]), body]);
};
const oid = (text) => { const [a, b, ...rest] = text.split('.').map(Number);
  return der(6, Buffer.from([a * 40 + b, ...rest.flatMap((n) => { const out = [n % 128]; while ((n = Math.floor(n / 128))) out.unshift((n % 128) | 128); return out; })])); };
const seq = (...parts) => der(0x30, ...parts), bits = (b) => der(3, Buffer.from([0]), b), flag = der(1, Buffer.from([255]));
const name = (cn) => seq(der(0x31, seq(oid('2.5.4.3'), der(12, Buffer.from(cn)))));
const time = (ms) => { const iso = new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14); return iso < '2050' ? der(0x17, Buffer.from(`${iso.slice(2)}Z`)) : der(0x18, Buffer.from(`${iso}Z`)); };
const extension = (id, critical, value) => seq(oid(id), ...(critical ? [flag] : []), der(4, value));
const pem = (what, bytes) => `-----BEGIN ${what}-----\n${bytes.toString('base64').replace(/.{64}/g, '$&\n').trim()}\n-----END ${what}-----\n`;
const rsa = process.env.QUAY_KEY === 'rsa'; // ACM changes the kind of key of no certificate
const algorithm = rsa ? seq(oid('1.2.840.113549.1.1.11'), der(5)) : seq(oid('1.2.840.10045.4.3.2'));
function certificate(subject, issuer, keys, signer, extensions) {
  const body = seq(der(0xa0, der(2, Buffer.from([2]))), der(2, Buffer.concat([Buffer.from([1]), crypto.randomBytes(12)])), algorithm, name(issuer),
    seq(time(Date.now() - 864e5), time(Date.now() + days * 864e5)), name(subject), keys.publicKey.export({ type: 'spki', format: 'der' }), der(0xa3, seq(...extensions)));
  return pem('CERTIFICATE', seq(body, algorithm, bits(crypto.sign('sha256', body, signer.privateKey))));
}
const pair = () => rsa ? crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }) : crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
const authority = pair(), own = pair();
const print = (keys) => crypto.createHash('sha1').update(keys.publicKey.export({ type: 'spki', format: 'der' })).digest();
const ids = (keys) => [extension('2.5.29.14', false, der(4, print(keys))), extension('2.5.29.35', false, seq(der(0x80, print(authority))))];
const altNames = seq(...names.map((n) => /^[\d.]+$/.test(n) ? der(0x87, Buffer.from(n.split('.').map(Number))) : der(0x82, Buffer.from(n))));
const ca = certificate('Quay test CA', 'Quay test CA', authority, authority, [extension('2.5.29.19', true, seq(flag)), extension('2.5.29.15', true, der(3, Buffer.from([1, 6]))), ...ids(authority)]);
const leaf = certificate(names[0], 'Quay test CA', own, authority, [extension('2.5.29.19', true, seq()), extension('2.5.29.15', true, der(3, rsa ? Buffer.from([5, 0xa0]) : Buffer.from([7, 0x80]))),
  extension('2.5.29.37', false, seq(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'))), extension('2.5.29.17', false, altNames), ...ids(own)]);
fs.writeFileSync(`${prefix}-ca.pem`, ca);
fs.writeFileSync(`${prefix}.pem`, leaf);
fs.writeFileSync(`${prefix}.key`, own.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
END
certify() { node "$WORK/certify.js" "$WORK/$1" "${@:2}"; } # NAME DAYS HOST…: $WORK/NAME.pem, NAME.key, NAME-ca.pem; QUAY_KEY=rsa for RSA

# --- a server of the test's own --------------------------------------------------------------------------------------

# Plain on PORT_PLAIN and with TLS on PORT_TLS, certificate for 127.0.0.1. HANDLERS is JavaScript for an object; `n` counts calls.
serve_own() { # HANDLERS
  read -r PORT_PLAIN PORT_TLS <<<"$(free_ports 2)"
  certify own 30 localhost 127.0.0.1 quay.harbour.internal
  node -e '
    const [plain, tls, work, code] = process.argv.slice(1), fs = require("node:fs"), grpc = require(`${work}/grpc.js`);
    const handlers = new Function("grpc", "state", `return (${code})`)(grpc, { n: 0 });
    grpc.serve(handlers, { port: Number(plain) });
    grpc.serve(handlers, { port: Number(tls), key: fs.readFileSync(`${work}/own.key`), cert: fs.readFileSync(`${work}/own.pem`) });
  ' "$PORT_PLAIN" "$PORT_TLS" "$WORK" "$1" &
  BACKGROUND+=("$!")
  wait_until 10 port_open "$PORT_PLAIN"
  wait_until 10 port_open "$PORT_TLS" || give_up 'preparing: a gRPC server of our own' 'both ports open' closed
}

# --- shares ----------------------------------------------------------------------------------------------------------

# The band of the binomial that a right balancer leaves about once in a million runs, as in shares and routing-load.
band() { awk -v n="$1" -v p="$2" 'BEGIN { p /= 100; d = 4.9 * sqrt(n * p * (1 - p)); print int(n * p - d), int(n * p + d + 0.999) }'; } # N PERCENT

# N calls on one channel, 20 at a time: "VERSION COUNT" lines, and `connections COUNT`.
count_calls() { # N
  grpc 'const counts = {}, n = Number(args[0]);
    let left = n;
    await Promise.all(Array.from({ length: 20 }, async () => {
      while (left-- > 0) { const r = await channel.hail("boat", 0, { timeout: 15000 }); const key = r.code === 0 && r.version ? r.version : `error-${r.name}-${r.message.replace(/\s+/g, "_").slice(0, 60)}`; counts[key] = (counts[key] ?? 0) + 1; }
    }));
    return [...Object.entries(counts), ["connections", channel.connections]].map((e) => e.join(" ")).join("\n")' "$1"
}

# --- a second opinion ------------------------------------------------------------------------------------------------

# What most Node programs call gRPC with, where it is installed; not every machine, and no scripts but two, need it.
GRPC_MODULES=$ROOT/node_modules
have_grpc_js() { [[ -d $GRPC_MODULES/@grpc/grpc-js && -d $GRPC_MODULES/@grpc/proto-loader ]]; }
cat >"$WORK/second.js" <<'END'
const { createRequire } = require('node:module'), fs = require('node:fs');
const from = createRequire(`${process.env.QUAY_MODULES}/x.js`), grpc = from('@grpc/grpc-js'), loader = from('@grpc/proto-loader');
const { QUAY_WORK: work, QUAY_ADDRESS: address, QUAY_NAME: name, QUAY_CA: ca } = process.env;
const { quay } = grpc.loadPackageDefinition(loader.loadSync(`${work}/quay.proto`));
const client = new quay.Harbour(address, ca ? grpc.credentials.createSsl(fs.readFileSync(ca)) : grpc.credentials.createInsecure(),
  { 'grpc.ssl_target_name_override': name, 'grpc.default_authority': name });
const hail = (request, options = {}) => new Promise((done) => {
  const out = {};
  const it = client.Hail(request, new grpc.Metadata(), options, (error, answer) => { out.code = error ? error.code : 0; out.details = error?.details; out.text = answer?.text; });
  it.on('status', (status) => { out.trailers = status.metadata.getMap(); setImmediate(() => done({ ...out, code: status.code, details: status.details })); });
});
const read = (it, each = () => {}) => new Promise((done) => {
  const all = [];
  it.on('data', (m) => { all.push(m); each(m, all.length); }).on('error', () => {}).on('status', (s) => setImmediate(() => done({ code: s.code, numbers: all.map((m) => m.number) })));
});
(async () => {
  const out = { versions: {}, errors: 0 };
  let left = Number(process.argv[2]);
  await Promise.all(Array.from({ length: 10 }, async () => { while (left-- > 0) { const r = await hail({ name: 'boat' }, { deadline: Date.now() + 15000 }); const v = /\(Version ([^,]+),/.exec(r.text)?.[1]; if (r.code === 0 && v) out.versions[v] = (out.versions[v] ?? 0) + 1; else { out.errors += 1; out.error = r; } } }));
  out.hail = await hail({ name: 'boat' });
  out.nobody = await hail({ name: 'nobody' });
  out.late = await hail({ name: 'boat', count: 20000 }, { deadline: Date.now() + 500 });
  out.watch = await read(client.Watch({ name: 'boat', count: 5, every: 20 }));
  out.load = await new Promise((done) => { const it = client.Load((error, answer) => done(error ? { code: error.code } : { code: 0, number: answer.number })); for (let i = 0; i < 7; i++) it.write({ name: 'crate' }); it.end(); });
  const talk = client.Talk();
  talk.write({ name: 'word' });
  out.talk = await read(talk, (m, n) => n < 3 ? talk.write({ name: 'word' }) : talk.end());
  const cancelled = client.Watch({ name: 'boat', count: 1000, every: 50 });
  out.cancelled = await read(cancelled, (m, n) => { if (n === 2) cancelled.cancel(); });
  console.log(JSON.stringify(out));
  process.exit();
})();
END
second_opinion() { # N: into $WORK/grpc.json
  QUAY_MODULES=$GRPC_MODULES QUAY_ADDRESS=$ADDRESS QUAY_NAME=$NAME QUAY_CA=$CA timeout -s KILL 60 node "$WORK/second.js" "$1" >"$WORK/grpc.json" 2>"$WORK/grpc.err" </dev/null ||
    echo "{\"failed\":$?}" >"$WORK/grpc.json"
}
expect_second_opinion() { # TEXT: of all but the counts
  expect_grpc "$1: grpc-js agrees: unary, with trailers" 'o.hail.code === 0 && o.hail.trailers["quay-trailer"] === "tide"'
  expect_grpc "$1: grpc-js agrees: an error" 'o.nobody.code === 5 && o.nobody.details === "no berth at the quay: 100 %, “über”" && o.nobody.trailers["quay-trailer"] === "ebb"'
  expect_grpc "$1: grpc-js agrees: a deadline" 'o.late.code === 4'
  expect_grpc "$1: grpc-js agrees: server stream" 'o.watch.code === 0 && o.watch.numbers.join() === "1,2,3,4,5"'
  expect_grpc "$1: grpc-js agrees: client stream" 'o.load.code === 0 && o.load.number === 7'
  expect_grpc "$1: grpc-js agrees: bidirectional stream" 'o.talk.code === 0 && o.talk.numbers.join() === "1,2,3"'
  expect_grpc "$1: grpc-js agrees: cancelled" 'o.cancelled.code === 1'
}
