#!/usr/bin/env bash
# The lifecycle table of section 2: its column `update`. (Its cell "primary + canary T, update to another" is in
# lifecycle-first.) Every state is reached by the update before.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SPEED=$((SPEED * 2)) # nothing here looks at time
start_sandbox
new_project harbour
for version in 3.1 3.2 3.3 3.4; do make_app "v$version" "$version"; done
must build-infra
take_endpoint

whole_way='o.state === "primary+old" && o.primary.weight === 100 && o.old.rolledBack === false && !o.canary'
expect_whole_way() { # ROW
  expect_exit 0 "$1 × update"
  expect_lines_in_order "$1 × update: the whole way" 'Updating traffic route' \
    'Routing 50% of traffic to the new service' 'Routing 100% of traffic to the new service' 'The Quay .* can now be safely destroyed\.'
}

row='section 2, nothing runs'
cli update v3.1 --tag 3.1
expect_exit 0 "$row × update"
says_not 'Routing (50|0)%|can now be safely destroyed' "$row × update: push, rollout, done"
expect_status "$row × update: it becomes the primary, at 100" \
  'o.state === "primary" && o.primary.version === "3.1" && o.primary.weight === 100 && !o.canary && !o.old'
expect_soon 5 "$row × update: it answers" 'Version 3.1' answers 3.1

row='section 2, primary'
cli update v3.2 --tag 3.2
expect_whole_way "$row"
expect_status "$row × update: then it is the primary" "$whole_way && o.primary.version === '3.2' && o.old.version === '3.1'"

row='section 2, primary + old that was replaced'
cli update v3.3 --tag 3.3
expect_whole_way "$row"
says_it_destroys '3\.1' "$row × update"
expect_status "$row × update: then it is the primary" "$whole_way && o.primary.version === '3.3' && o.old.version === '3.2'"
expect_soon 5 "$row × update: the old one is gone" 'no process of 3.1' nothing_runs 3.1

must push v3.4 --tag 3.4
must rollout --tag 3.4
must route --canary 20
row='section 2, primary + canary T'
before=$(running 3.4 | sort)
cli update v3.4 --tag 3.4
expect_whole_way "$row"
expect_status "$row × update T: resumes" "$whole_way && o.primary.version === '3.4' && o.old.version === '3.3'"
check "$row × update T: what runs is not started again" "the processes ${before//$'\n'/ }" "$(running 3.4 | sort | tr '\n' ' ')" \
  test -n "$before" -a "$before" = "$(running 3.4 | sort)"

must rollback
row='section 2, primary + old that was rolled back'
cli update v3.2 --tag 3.2
expect_whole_way "$row"
says_it_destroys '3\.4' "$row × update"
expect_status "$row × update: then it is the primary" "$whole_way && o.primary.version === '3.2' && o.old.version === '3.3'"
expect_soon 5 "$row × update: it answers" 'Version 3.2' answers 3.2

finish
