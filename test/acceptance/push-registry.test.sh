#!/usr/bin/env bash
# A registry that nobody here wrote: Debian's docker-registry, on loopback and with a password. A push to it works, skopeo
# reads the same digest, a second push sends no blob, a wrong password is said, and a cut connection does no harm (issue 6,
# "It is done when"). ECR's part, that is the token, comes from a front before the sandbox.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/push-lib.sh"

command -v docker-registry >/dev/null || skip "a push to Debian's docker-registry" 'there is none on this machine'
LIMIT=40
PASSWORD=quay-registry-7c1f0b9e4d
ready_to_push
REGISTRY_PORT=$(free_ports 1)
echo 'AWS:$2y$05$abcdefghijklmnopqrstuuBmcuTu320Xdyc7JIZCqwN8COfmlH2ia' >"$WORK/htpasswd" # of that password
cat >"$WORK/registry.yml" <<END
version: 0.1
log: { level: info }
storage: { filesystem: { rootdirectory: $WORK/registry } }
http: { addr: "127.0.0.1:$REGISTRY_PORT" }
auth: { htpasswd: { realm: harbour, path: $WORK/htpasswd } }
END
docker-registry serve "$WORK/registry.yml" >"$WORK/registry.log" 2>&1 &
BACKGROUND+=("$!")
wait_until 15 port_open "$REGISTRY_PORT" || skip "a push to Debian's docker-registry" "it does not start: $(tail -n 1 "$WORK/registry.log" | cut -c1-160)"
code=$(web -o /dev/null -w '%{http_code}' "http://127.0.0.1:$REGISTRY_PORT/v2/")
check 'preparing: the registry wants a password' 401 "$code" test "$code" = 401

# Neither curl nor skopeo gets the password among its arguments here, where these are looked at.
echo "user = \"AWS:$PASSWORD\"" >"$WORK/curlrc"
token=$(api_json ecr $ECR.GetAuthorizationToken '{}' >"$WORK/token.json" && json "$WORK/token.json" 'o.authorizationData[0].authorizationToken')
echo "{\"auths\":{\"127.0.0.1:$REGISTRY_PORT\":{\"auth\":\"$(printf 'AWS:%s' "$PASSWORD" | base64 -w 0)\"},\"127.0.0.1:$API_PORT\":{\"auth\":\"$token\"}}}" >"$WORK/auth.json"
foreign() { # PATH [CURL OPTION…]
  local path=$1
  shift
  web -f -K "$WORK/curlrc" -H "Accept: $MANIFESTS" "$@" "http://127.0.0.1:$REGISTRY_PORT/v2/harbour/quay/$path"
}
has_it() { # TAG TEXT
  local seen
  seen=sha256:$(foreign "manifests/$1" 2>/dev/null | sha256sum | cut -d' ' -f1)
  check "$2: the registry has the digest that was printed" "$DIGEST" "$seen" test "$seen" = "$DIGEST"
}
sent() { grep -oE '"(PATCH|PUT|POST) /v2/[^ ]*blobs/uploads[^ ]*' "$WORK/registry.log" | wc -l; }

start_front "$REGISTRY_PORT" "$REGISTRY_PORT" "$PASSWORD"
watch_processes
make_lantern v1 3.1
ballast "$PROJECT/v1/ballast" 6
text="issue 6: a push to Debian's docker-registry"
push v1 --tag 3.1
pushed "$text"
FIRST=$DIGEST
has_it 3.1 "$text"
seen=$(sent)
check "$text: its blobs went there" 'uploads in its log' "$seen" test "$seen" -gt 0
before=$seen
push v1 --tag 3.1
pushed "$text, again"
same_digest "$FIRST" "$text, again"
push v1 --tag 3.1-again
pushed "$text, with another tag"
has_it 3.1-again "$text, with another tag"
seen=$(sent)
check "$text, again: sends no blob" "$before uploads in its log" "$seen" test "$seen" -eq "$before"

if command -v skopeo >/dev/null; then
  inspect() { timeout -s KILL 30 skopeo inspect --tls-verify=false --authfile "$WORK/auth.json" "docker://127.0.0.1:$1/harbour/quay:3.1" >"$WORK/skopeo.json" 2>"$WORK/skopeo.err"; } # PORT
  inspect "$REGISTRY_PORT"
  seen=$(json "$WORK/skopeo.json" '[o.Digest, o.Os, o.Architecture].join(" ")' 2>&1 | tail -n 1)
  check "$text: skopeo inspect reads the same digest" "$FIRST linux amd64" "$seen $(head -c 200 "$WORK/skopeo.err")" test "$seen" = "$FIRST linux amd64"
  CLI_ENV=()
  push v1 --tag 3.1
  pushed 'issue 6: the same tree to the sandbox'
  same_digest "$FIRST" 'issue 6: the same tree to the sandbox has the same digest'
  inspect "$API_PORT"
  seen=$(json "$WORK/skopeo.json" o.Digest 2>&1 | tail -n 1)
  check "issue 6: skopeo inspect reads it in the sandbox, too" "$FIRST" "$seen $(head -c 200 "$WORK/skopeo.err")" test "$seen" = "$FIRST"
  CLI_ENV=("AWS_ENDPOINT_URL=http://127.0.0.1:$FRONT_PORT")
else
  echo 'skipped: skopeo inspect because there is no skopeo on this machine'
fi

make_archive docker "$WORK/docker.tar" v1 >/dev/null
cli push --help
if grep -q -- --image-archive "$OUT"; then
  push --image-archive "$WORK/docker.tar" --tag 3.2
  pushed "$text, of an archive"
  has_it 3.2 "$text, of an archive"
fi

# Cut in the middle of a blob, on the way to this registry.
start_front "$REGISTRY_PORT" front "$PASSWORD"
text="issue 6: docker-registry, cut in the middle of a blob"
echo tide >>"$PROJECT/v1/ballast"
front_order '{"match":"^(PATCH|PUT|POST) /v2/.*/blobs/uploads","cut":1000000}'
push v1 --tag 3.3 --timeout 30s
expect_hit "$text"
if [[ $RC -eq 0 ]]; then has_it 3.3 "$text"; else failed_cleanly 'connection|network|broke|cut|reset|closed|hang ?up|ECONNRESET|EPIPE|lost|socket' "$text"; fi
front_clear
push v1 --tag 3.3
pushed "$text: the next one completes"
has_it 3.3 "$text: the next one"

# A password that it does not take.
start_front "$REGISTRY_PORT" "$REGISTRY_PORT" not-the-password-5521
text='issue 6: a registry that does not take the token'
push v1 --tag 3.4 --timeout 8s
failed_cleanly 'token|sign(ed|ing)?[ -]?in|expired|credential|authori[sz]' "$text"
expect_no_token 'issue 6'

finish
