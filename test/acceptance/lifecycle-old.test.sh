#!/usr/bin/env bash
# The lifecycle table of section 2, cell by cell: the row "primary + old", in both flavours. An old version either owned
# production (a promotion replaced it), then rollback brings it back; or it was rolled back itself, then there is nothing
# to roll back.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
ready 3.1 3.2 3.3
must rollout --tag 3.1
must rollout --tag 3.2
must promote

row='section 2, primary + old that was replaced'
expect_status "$row: so says status" \
  'o.state === "primary+old" && o.primary.version === "3.2" && o.old.version === "3.1" && o.old.rolledBack === false && !o.canary'
remember_status
unchanged 1 "$row × route" route --canary 10
says 'no canary' "$row × route: there is no canary"
unchanged 1 "$row × promote" promote
says 'no canary' "$row × promote: there is no canary"
unchanged 1 "$row × rollout --keep-old" rollout --tag 3.3 --keep-old
unchanged 2 "$row × destroy-old without --yes, not on a terminal" destroy-old
expect_stderr 'destroy-old.*--yes|--yes.*destroy-old' "$row × destroy-old without --yes: names the command to type"
expect_one_message "$row × destroy-old without --yes"
same_status "$row: after all of these it is as it was"

cli rollback
expect_exit 0 "$row × rollback"
expect_status "$row × rollback: the old one is primary again, the other was rolled back" \
  'o.state === "primary+old" && o.primary.version === "3.1" && o.primary.weight === 100 && o.old.version === "3.2"
   && o.old.weight === 0 && o.old.rolledBack === true && !o.canary'
expect_soon 5 "$row × rollback: it answers" 'Version 3.1' answers 3.1

row='section 2, primary + old that was rolled back'
remember_status
unchanged 0 "$row × rollback" rollback
says 'nothing to|already' "$row × rollback: says so"
unchanged 1 "$row × route" route --canary 10
says 'no canary' "$row × route: there is no canary"
unchanged 1 "$row × promote" promote
unchanged 1 "$row × rollout --keep-old" rollout --tag 3.3 --keep-old
same_status "$row: after all of these it is as it was"

cli rollout --tag 3.3
expect_exit 0 "$row × rollout"
says_it_destroys '3\.2' "$row × rollout"
expect_status "$row × rollout: then there is a canary" \
  'o.state === "primary+canary" && o.primary.version === "3.1" && o.canary.version === "3.3" && o.canary.weight === 0 && !o.old'
expect_soon 5 "$row × rollout: the old one is gone" 'no process of 3.2' nothing_runs 3.2

must promote
row='section 2, primary + old that was replaced'
cli rollout --tag 3.2
expect_exit 0 "$row × rollout"
says_it_destroys '3\.1' "$row × rollout"
expect_status "$row × rollout: then there is a canary" \
  'o.state === "primary+canary" && o.primary.version === "3.3" && o.canary.version === "3.2" && o.canary.weight === 0 && !o.old'

must promote
cli destroy-old --yes
expect_exit 0 "$row × destroy-old"
expect_status "$row × destroy-old: empties its colour" 'o.state === "primary" && o.primary.version === "3.2" && !o.old && !o.canary'
expect_soon 5 "$row × destroy-old: the old one is gone" 'no process of 3.3' nothing_runs 3.3
check "$row × destroy-old: the primary still has its tasks" '2 processes of 3.2' "$(running 3.2 | wc -l)" test "$(running 3.2 | wc -l)" -eq 2

must rollout --tag 3.3
must rollback
row='section 2, primary + old that was rolled back'
cli destroy-old --yes
expect_exit 0 "$row × destroy-old"
expect_status "$row × destroy-old: empties its colour" 'o.state === "primary" && o.primary.version === "3.2" && !o.old && !o.canary'
expect_soon 5 "$row × destroy-old: the old one is gone" 'no process of 3.3' nothing_runs 3.3

finish
