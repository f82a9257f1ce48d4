#!/usr/bin/env bash
# What share of the requests really goes where the weights say (issue 2): each bound is the binomial's at n = 1,000, so
# wide that a right balancer fails about once in a million runs, and so narrow that a wrong weight does not pass.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ready 3.1 3.2
must rollout --tag 3.1
must rollout --tag 3.2

# The count of a version in B's format; a version that was never seen may also be missing there.
probed() { # VERSION
  sed -nE "s/^Version ${1//./\\.}: ([0-9]+)  \([0-9]+\.[0-9]%\)$/\1/p" "$OUT" | grep . || echo 0
}

expect_share() { # TEXT LOW HIGH: of the new version, by `probe`
  cli probe --url "$ENDPOINT/" -n 1000
  expect_exit 0 "section 2: probe, $1"
  expect_line 'Total:    1000 requests in [0-9]+\.[0-9]{3}s' "section 3: probe counts 1000, $1"
  expect_line 'Errors:    0' "section 3: no errors, $1"
  local new old
  new=$(probed 3.2) old=$(probed 3.1)
  check "issue 2: the new version's share, $1" "$2 to $3 of 1000" "$new" test "$new" -ge "$2" -a "$new" -le "$3"
  check "issue 2: the old version has the rest, $1" "$((1000 - new))" "$old" test "$old" -eq $((1000 - new))
}

# curl's opinion of the same, because `probe` is part of what is being judged.
expect_share_by_curl() { # TEXT LOW HIGH
  local counts new
  counts=$(count_versions 1000)
  new=$(awk '$1 == "3.2" { print $2 }' <<<"$counts")
  check "issue 2: curl agrees, $1" "$2 to $3 of 1000 for 3.2 and the rest for 3.1" "${counts//$'\n'/, }" \
    test "${new:-0}" -ge "$2" -a "${new:-0}" -le "$3" -a "$(awk '$1 ~ /^3\.[12]$/ { n += $2 } END { print n + 0 }' <<<"$counts")" -eq 1000
}

expect_share 'at 0 %' 0 0

cli route --primary 90
expect_exit 0 'section 2: route --primary 90'
expect_line 'Routing 10% of traffic to the new service' 'section 2: --primary 90 is --canary 10 from the other side'
expect_status 'section 1: primary + canary = 100' 'o.canary.weight === 10 && o.primary.weight === 90'
expect_share 'at 10 %' 57 149
expect_share_by_curl 'at 10 %' 57 149

must route --canary 50
expect_share 'at 50 %' 423 577
expect_share_by_curl 'at 50 %' 423 577

log_mark MARK
cli route --canary 50
expect_exit 0 'section 3: a route that changes nothing ends 0'
expect_line 'Modified 0 listener rules' 'section 3: and says so'
seen=$(log_since "$MARK" 'c.write && /^Modify/.test(c.operation)')
check 'section 4.3: a rule whose weight does not differ is not written' 'no Modify call' "$seen" test -z "$seen"

must route --canary 100
expect_share 'at 100 %' 1000 1000
expect_share_by_curl 'at 100 %' 1000 1000

must route --canary 0
expect_share 'back at 0 %' 0 0
expect_share_by_curl 'back at 0 %' 0 0

finish
