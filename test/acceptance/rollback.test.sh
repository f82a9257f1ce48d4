#!/usr/bin/env bash
# `rollback` puts all traffic back on the version that had it, in one weight change (section 2), from a canary at 50 %
# and after a promotion, with a request loop beside it and not one error.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ready 3.1 3.2 3.3
must rollout --tag 3.1

expect_one_change() { # MARK TEXT
  local rules writes
  read_status
  rules=$(in_status 'o.rules.length')
  writes=$(log_since "$1" 'c.write && c.status === 200 && /^Modify(Rule|Listener)$/.test(c.operation)' | wc -l)
  check "section 2: $2 in one weight change" "$rules, one write for each rule" "$writes" test "$writes" -eq "$rules"
}

# From a canary at 50 %.
must rollout --tag 3.2
start_requests
must route --canary 50
now BOTH
expect_soon 10 'section 7: at 50 % the loop sees the new version' 'Version 3.2' seen_since 3.2 "$BOTH"
more_requests 30
log_mark MARK
cli rollback
now BACK
expect_exit 0 'section 5: a rollback that did its work ends 0'
expect_one_change "$MARK" 'from a canary at 50 %'
expect_status 'section 2: weight 0, the canary is then old' \
  'o.state === "primary+old" && o.primary.version === "3.1" && o.primary.weight === 100 && o.old.version === "3.2" && o.old.rolledBack === true'
more_requests 40
now END
stop_requests
expect_no_errors 'section 7: rollback from a canary' 100
expect_order 'section 7: rollback from a canary: versions in order' 3.1 3.2 3.1
expect_only 'section 2: after it only the version that had the traffic' 3.1 "$BACK" "$END"

# After a promotion. The rollout destroys what was rolled back.
must rollout --tag 3.3
must promote
start_requests
log_mark MARK
cli rollback
now BACK
expect_exit 0 'section 2: rollback after a promotion'
expect_one_change "$MARK" 'after a promotion'
expect_status 'section 2: the old one is primary again' \
  'o.state === "primary+old" && o.primary.version === "3.1" && o.primary.weight === 100 && o.old.version === "3.3" && o.old.rolledBack === true'
more_requests 40
now END
stop_requests
expect_no_errors 'section 7: rollback after a promotion' 50
# From 100 to 0 there need not be a time of both: the requests before and after the change are all that can be asked for.
expect_requests 'section 7: rollback after a promotion: versions in order' \
  'seq[0] === "3.3" && seq[seq.length - 1] === "3.1" && seq.every((v) => v === "3.3" || v === "3.1")' '3.3, then 3.1, and no other'
expect_only 'section 2: after it only the version that had the traffic' 3.1 "$BACK" "$END"

finish
