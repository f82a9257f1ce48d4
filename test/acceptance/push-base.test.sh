#!/usr/bin/env bash
# `pack` on a base image that is read from a registry: its layers as they are, its environment, folder and command
# inherited, the platform that was asked for, the same digest each time (issue 6.1). The registry of the base is one of
# this test's own, open, or with a bearer's token as the public ones have it.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/push-lib.sh"

cat >"$WORK/bases.js" <<'END'
const [, , port, dir, log] = process.argv, fs = require('node:fs'), { createHash } = require('node:crypto');
require('node:http').createServer((request, response) => {
  const url = new URL(request.url, `http://127.0.0.1:${port}`), reply = (status, body = '', headers = {}) => { response.writeHead(status, headers); response.end(request.method === 'HEAD' ? '' : body); };
  fs.appendFileSync(log, `${request.method} ${request.url}\n`);
  if (url.pathname === '/token') return reply(200, JSON.stringify({ token: 'for-everybody', access_token: 'for-everybody', expires_in: 300 }), { 'content-type': 'application/json' });
  if (fs.existsSync(`${dir}/bearer`) && request.headers.authorization !== 'Bearer for-everybody')
    return reply(401, '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}', { 'www-authenticate': `Bearer realm="http://127.0.0.1:${port}/token",service="bases",scope="repository:library/hull:pull"` });
  if (url.pathname === '/v2/') return reply(200, '{}');
  const [, kind, name] = /^\/v2\/library\/hull\/(manifests|blobs)\/(.+)$/.exec(url.pathname) ?? [];
  const file = kind === undefined ? '' : name.startsWith('sha256:') ? `${dir}/blobs/sha256/${name.slice(7)}` : `${dir}/tags/${name}`;
  if (!file || !fs.existsSync(file)) return reply(404, '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}', { 'content-type': 'application/json' });
  const body = fs.readFileSync(file), digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
  reply(200, body, { 'content-length': body.length, 'docker-content-digest': digest, 'content-type': kind === 'blobs' ? 'application/octet-stream' : JSON.parse(body).mediaType });
}).listen(Number(port), '127.0.0.1');
END

ready_to_push
set_line BASE_IMAGE
make_lantern hull 0.1
sed -i "s/^const version.*/&\nconsole.log('the hull by itself');/" "$PROJECT/hull/app.js"
BASES=$WORK/bases
mkdir -p "$BASES/tags" "$BASES/blobs/sha256"
for architecture in amd64 arm64; do
  MANIFEST=$(make_archive oci "$WORK/$architecture.tar" hull "$architecture")
  cp "$WORK/$architecture.tar.d"/blobs/sha256/* "$BASES/blobs/sha256/"
  cp "$BASES/blobs/sha256/${MANIFEST#sha256:}" "$BASES/tags/$architecture"
done
node -e '
  const fs = require("node:fs"), { createHash } = require("node:crypto"), dir = process.argv[1];
  const manifests = ["arm64", "amd64"].map((architecture) => { const body = fs.readFileSync(`${dir}/tags/${architecture}`);
    return { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: `sha256:${createHash("sha256").update(body).digest("hex")}`, size: body.length, platform: { architecture, os: "linux" } }; });
  const index = JSON.stringify({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests });
  fs.writeFileSync(`${dir}/tags/both`, index);
  fs.writeFileSync(`${dir}/blobs/sha256/${createHash("sha256").update(index).digest("hex")}`, index);' "$BASES"
BASE_PORT=$(free_ports 1)
node "$WORK/bases.js" "$BASE_PORT" "$BASES" "$WORK/bases.log" &
BACKGROUND+=("$!")
wait_until 10 port_open "$BASE_PORT"
HULL=127.0.0.1:$BASE_PORT/library/hull

on_base() { # REFERENCE VERSION: the app in v1 stands on it, whichever of FROM and BASE_IMAGE counts
  make_lantern v1 "$2"
  printf 'FROM %s\nCOPY app.js ./\nENV QUAY_LAMP=oil\n' "$1" >"$PROJECT/v1/Dockerfile"
  set_line BASE_IMAGE "$1"
}
inherits() { # TAG ARCHITECTURE TEXT
  config_of "$1" "$WORK/config" "$2"
  expect_config "$3: environment, command and folder of the base, and its own" "o.architecture === '$2' && o.os === 'linux' && o.config.Env.includes('QUAY_BERTH=7') && o.config.Env.includes('QUAY_LAMP=oil')
    && o.config.Env.some((x) => x.startsWith('PATH=')) && o.config.Cmd.join(' ') === 'node app.js' && o.config.WorkingDir === '/srv/lantern' && '8080/tcp' in o.config.ExposedPorts"
  expect_config "$3: as many layers as the manifest has" "o.rootfs.diff_ids.length === $(json "$WORK/config.manifest" o.layers.length)"
  seen=$(json "$WORK/config.manifest" 'o.layers[0].digest')
  own=$(json "$BASES/tags/$2" 'o.layers[0].digest')
  check "$3: the layer of the base is as it was" "$own first" "$seen" test "$seen" = "$own"
  seen=$(json "$WORK/config.manifest" 'o.layers.length')
  check "$3: and its own on top" 'two or more' "$seen" test "${seen:-0}" -ge 2
}

text='issue 6: pack on a base image'
on_base "$HULL:amd64" 3.1
push v1 --tag 3.1
pushed "$text"
inherits 3.1 amd64 "$text"
FIRST=$DIGEST
find "$PROJECT/v1" -exec touch -d '2013-01-02 03:04:05' {} +
push v1 --tag 3.1-again
pushed "$text, again"
same_digest "$FIRST" "$text: reproducibly"
cli rollout --tag 3.1
expect_exit 0 "$text: its rollout"
berth() { [[ $(web "$ENDPOINT/") == 'Lantern, berth 7: '*'Version 3.1'* ]]; }
expect_soon 10 "$text: its own files lie over those of the base" 'Version 3.1, berth 7' berth

text='issue 6: a base by its digest'
on_base "$HULL@sha256:$(sha256sum <"$BASES/tags/amd64" | cut -d' ' -f1)" 3.1
push v1 --tag 3.1-digest
pushed "$text"
inherits 3.1-digest amd64 "$text"

text='issue 6: a base for several platforms'
on_base "$HULL:both" 3.2
push v1 --tag 3.2
pushed "$text: linux/amd64 by default"
inherits 3.2 amd64 "$text: linux/amd64 by default"
CLI_ENV=(CPU_ARCHITECTURE=ARM64)
push v1 --tag 3.2-arm --platform linux/arm64
pushed "$text: linux/arm64"
inherits 3.2-arm arm64 "$text: linux/arm64"
CLI_ENV=()
refuses '1|2' 'ppc64le|platform' "$text: one that it has not" push v1 --tag 3.3 --platform linux/ppc64le
expect_not_pushed 3.3 "$text: one that it has not"

text='issue 6: a base for another platform only'
on_base "$HULL:arm64" 3.3
refuses '1|2' 'arm64' "$text" push v1 --tag 3.3
expect_not_pushed 3.3 "$text"

text="issue 6: a base behind a bearer's token"
touch "$BASES/bearer"
on_base "$HULL:amd64" 3.1
push v1 --tag 3.1-bearer
pushed "$text"
inherits 3.1-bearer amd64 "$text"
check "$text: everybody's was asked for" 'a call of /token' "$(tail -n 3 "$WORK/bases.log")" grep -q '^GET /token' "$WORK/bases.log"
rm "$BASES/bearer"

# Bases that can't be had. What could be is not pushed.
text='issue 6: a base that is not there'
on_base "$HULL:nowhere" 3.3
refuses '1|2' 'library/hull:nowhere' "$text" push v1 --tag 3.3
text='issue 6: a registry of the base that is not there'
on_base "127.0.0.1:$(free_ports 1)/library/hull:1" 3.3
refuses '1|2' 'library/hull' "$text" push v1 --tag 3.3 --timeout 8s
text='issue 6: a base whose layer is not what its digest says'
LAYER=$(json "$BASES/tags/amd64" 'o.layers[0].digest.slice(7)')
printf 'x' | dd of="$BASES/blobs/sha256/$LAYER" bs=1 seek=40 conv=notrunc status=none
on_base "$HULL:amd64" 3.4
api_json ecr $ECR.DeleteRepository '{"repositoryName":"harbour/quay","force":true}' >/dev/null # where the layer is already
api_json ecr $ECR.CreateRepository '{"repositoryName":"harbour/quay"}' >/dev/null
push v1 --tag 3.4 --timeout 8s
expect_exit '1|2|124' "$text"
expect_stderr "digest|${LAYER:0:12}|library/hull" "$text: the message says so"
expect_one_message "$text"
expect_not_pushed 3.4 "$text"
text='issue 6: a base with a malformed name'
on_base 'Hull of the://harbour' 3.3
push v1 --tag 3.3
expect_exit '1|2' "$text"
expect_one_message "$text"
expect_not_pushed 3.3 "$text"

finish
