#!/usr/bin/env bash
# The lifecycle table of section 2, cell by cell: the rows "nothing runs", "primary" and "primary + canary".
# (Its other rows: lifecycle-old; its column `update`: lifecycle-update.)
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

NOTHING='nothing to|no old version' # the words are the program's
SPEED=$((SPEED * 2)) # nothing here looks at time
ready 3.1 3.2 3.3
row='section 2, nothing runs'
expect_status "$row: so says status" 'o.state === "nothing" && !o.primary && !o.canary && !o.old'
remember_status

unchanged 1 "$row × route" route --canary 10
expect_one_message "$row × route"
unchanged 1 "$row × promote" promote
unchanged 1 "$row × rollback" rollback
expect_one_message "$row × rollback"
unchanged 0 "$row × destroy-old" destroy-old --yes
says "$NOTHING" "$row × destroy-old: says so"
same_status "$row: after all of these it is as it was"

cli rollout --tag 3.1
expect_exit 0 "$row × rollout"
expect_status "$row × rollout: it becomes the primary, at 100" \
  'o.state === "primary" && o.primary.version === "3.1" && o.primary.weight === 100 && o.primary.healthy === 2 && !o.canary && !o.old'
expect_soon 5 "$row × rollout: it answers" 'Version 3.1' answers 3.1

row='section 2, primary'
remember_status
unchanged 0 "$row × rollout of the primary" rollout --tag 3.1
says 'already|is the primary|is primary' "$row × rollout of the primary: says so"
unchanged 1 "$row × route" route --canary 10
says 'no canary' "$row × route: there is no canary"
unchanged 0 "$row × route --canary 0" route --canary 0
unchanged 1 "$row × promote" promote
says 'no canary' "$row × promote: there is no canary"
unchanged 1 "$row × rollback" rollback
says 'go back' "$row × rollback: nothing to go back to"
unchanged 0 "$row × destroy-old" destroy-old --yes
says "$NOTHING" "$row × destroy-old: says so"
same_status "$row: after all of these it is as it was"

cli rollout --tag 3.2
expect_exit 0 "$row × rollout of another"
expect_status "$row × rollout of another: a canary in the empty colour, at 0" \
  'o.state === "primary+canary" && o.primary.version === "3.1" && o.primary.weight === 100 && o.canary.version === "3.2"
   && o.canary.weight === 0 && o.canary.healthy === 2 && o.canary.colour !== o.primary.colour && !o.old'

row='section 2, primary + canary'
remember_status
unchanged 0 "$row × rollout of the canary resumes" rollout --tag 3.2
unchanged 1 "$row × rollout of another" rollout --tag 3.3
for word in promote rollback --replace; do
  says "$word" "$row × rollout of another: names $word"
done
unchanged 1 "$row × update to another" update v3.3 --tag 3.3
for word in promote rollback --replace; do
  says "$word" "$row × update to another: names $word"
done
unchanged 0 "$row × destroy-old" destroy-old --yes
says "$NOTHING" "$row × destroy-old: says so"
same_status "$row: after all of these it is as it was"

cli route --canary 30
expect_exit 0 "$row × route"
expect_status "$row × route: as asked, in every rule" \
  'o.canary.weight === 30 && o.primary.weight === 70 && o.rules.length > 0
   && o.rules.every((x) => x.weights[o.canary.colour] === 30 && x.weights[o.primary.colour] === 70)'

# --replace takes the weight away before it touches the tasks that have it.
log_mark MARK
cli rollout --tag 3.3 --replace
expect_exit 0 "$row × rollout --replace"
expect_status "$row × rollout --replace: the other is the canary, at 0" \
  'o.state === "primary+canary" && o.primary.version === "3.1" && o.primary.weight === 100 && o.canary.version === "3.3" && o.canary.weight === 0'
order=$(log_since "$MARK" 'c.write && c.status === 200 && /^(Modify(Rule|Listener)|UpdateService)$/.test(c.operation)' | awk '{ print $2 }' | uniq | tr '\n' ' ')
check "$row × rollout --replace: weight 0 first" 'ModifyRule or ModifyListener, then UpdateService' "$order" \
  grep -Eq '^Modify(Rule|Listener) (Modify(Rule|Listener) )*UpdateService ' <<<"$order"
expect_soon 5 "$row × rollout --replace: nothing of the one before is left" 'no process of 3.2' nothing_runs 3.2

cli rollback
expect_exit 0 "$row × rollback"
expect_status "$row × rollback: weight 0, and it is then old" \
  'o.state === "primary+old" && o.primary.version === "3.1" && o.primary.weight === 100 && !o.canary
   && o.old.version === "3.3" && o.old.weight === 0 && o.old.rolledBack === true'

finish
