#!/usr/bin/env bash
# A target-group attribute changed, a certificate added, an update forced to fail and roll back, each at 50/50 with
# requests running: none fails, no weight moves (issue 5, "It is done when"); and traffic can be moved in all rules after.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"

two_versions
must route --canary 50
updates_keep_weights 'at 50/50'
expect_status 'issue 5: the canary still has 50 %' 'o.canary.version === "4.2" && o.canary.weight === 50 && o.primary.weight === 50 && o.rules.length === 2'

cli route --canary 60
expect_exit 0 'issue 5.3: route after a certificate was added'
expect_line 'Modified 2 listener rules' 'issue 5.3: route moves HTTP and HTTPS'
check 'issue 5.3: both have the same weights' 'one line' "$(weights_of_rules)" test "$(weights_of_rules | wc -l)" -eq 1
cli rollback
expect_exit 0 'issue 5.3: rollback with both'
expect_all_from 4.1 'issue 5.3: after it'

finish
