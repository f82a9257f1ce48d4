#!/usr/bin/env bash
# `probe`: B's experiment and its format, and what counts as an error (section 3). Against a little server of our own, no
# AWS, no settings, no credentials.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

read -r PORT NOBODY <<<"$(free_ports 2)"
node -e '
  let n = 0;
  require("node:http").createServer((request, response) => {
    n += 1;
    const odd = n % 2 === 1;
    if (request.url === "/both") return response.end(`Hello (Version ${odd ? "7.1" : "7.2-rc.1"})`);
    if (request.url === "/error") return response.end("Response from the server: (Error)"); // as the demo does, with 200
    if (request.url === "/half") return response.writeHead(odd ? 200 : 503).end("Version 7.1");
    if (request.url === "/moved") return response.writeHead(302, { location: "http://127.0.0.1:9/" }).end("Version 7.1");
    response.end(`berth ${odd ? "north" : "south"}`);
  }).listen(Number(process.argv[1]), "127.0.0.1")' "$PORT" &
BACKGROUND+=("$!")
wait_until 10 port_open "$PORT" || give_up 'preparing: a server of our own' "port $PORT open" closed
U=http://127.0.0.1:$PORT

cli probe --url "$U/both" -n 100
expect_exit 0 'section 2: probe reads no project settings'
expect_lines_in_order "section 3: B's format" '========== Results ==========' 'Total:    100 requests in [0-9]+\.[0-9]{3}s' \
  'Version 7\.1: 50  \(50\.0%\)' 'Version 7\.2-rc\.1: 50  \(50\.0%\)' 'Errors:    0'

cli probe --url "$U/error" -n 20
expect_line 'Total:    20 requests in [0-9]+\.[0-9]{3}s' 'section 3: a body that names no version'
expect_line 'Errors:    20' 'section 3: a body that names no version is an error, though the status is 200'
cli probe --url "$U/half" -n 20
expect_line 'Version 7\.1: 10  .*' 'section 3: the answers with 200 count for the version'
expect_line 'Errors:    10' 'section 3: a status other than 2xx is an error, though the body names a version'
cli probe --url "$U/moved" -n 4
expect_line 'Errors:    4' 'section 3: 302 is not 2xx'
cli probe --url "http://127.0.0.1:$NOBODY/" -n 5
expect_line 'Errors:    5' 'section 3: a refused connection is an error'

cli probe --url "$U/berth" -n 10 --pattern 'berth (\w+)'
expect_exit 0 'section 2: probe --pattern'
check 'section 2: --pattern with one group says what is counted' '5 and 5' "$(cat "$OUT")" \
  test "$(grep -Ec '\b(north|south): 5  \(50\.0%\)$' "$OUT")" -eq 2

cli probe --url 'not a url' -n 10
expect_exit 2 'section 5: a malformed URL'
cli probe --url "$U/both" -n many
expect_exit 2 'section 5: a malformed number'
cli probe --url "$U/both" --pattern '(' -n 10
expect_exit 2 'section 5: a malformed pattern'

finish
