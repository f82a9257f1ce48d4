#!/usr/bin/env bash
# The same as infra-weights, after a promotion: the rules are at 0/100, which is not how build-infra makes them, and no
# update may set them back (issue 5, "It is done when").
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"

path_answers() { [[ $(web "$ENDPOINT$1" 2>/dev/null) == *"(Version $2,"* ]]; } # PATH VERSION

two_versions
must promote
updates_keep_weights 'after a promotion'
expect_primary 4.2 'issue 5: after all updates'
expect_all_from 4.2 'issue 5: after all updates'

# Another path is a rule more for a pair whose rules are at 0/100.
cli destroy-old --yes
expect_exit 0 'issue 5: the old version can be destroyed'
setting PATH_PATTERN '/quay/*'
cli build-infra --yes
expect_exit 0 'issue 5.3: another path for the same service'
check 'issue 5.3: a later sibling has the live weights of the rules before' 'one line' "$(weights_of_rules)" \
  test "$(weights_of_rules | wc -l)" -eq 1
expect_soon 5 'issue 5.3: and is answered by the primary' 'Version 4.2' path_answers /quay/ 4.2

finish
