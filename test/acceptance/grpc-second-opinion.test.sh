#!/usr/bin/env bash
# The library that most Node programs call gRPC with, @grpc/grpc-js, has its opinion of what the other scripts find with a
# client of their own (issue 7.3): each kind of call, and the share by weight on one channel. Skipped where it is not.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/grpc-lib.sh"

if ! have_grpc_js; then
  echo "skipped: no @grpc/grpc-js and @grpc/proto-loader in $GRPC_MODULES (a second opinion on gRPC)"
  prepare_call nothing
  : >"$OUT"
  : >"$ERR"
  finish
fi

grpc_ready 3.1 3.2
must rollout --tag 3.1
expect_soon 20 'issue 7: the first version answers' 'Version 3.1' hails 3.1
must rollout --tag 3.2
must route --canary 50
second_opinion 1000
read -r low high <<<"$(band 1000 50)"
expect_grpc 'issue 7: the share of the new version at 50 %, by grpc-js on one channel' \
  "o.errors === 0 && o.versions['3.2'] >= $low && o.versions['3.2'] <= $high && o.versions['3.1'] + o.versions['3.2'] === 1000"
expect_second_opinion 'issue 7.3'
must promote
second_opinion 200
expect_grpc 'issue 7: after promote all is with the new version' 'o.errors === 0 && o.versions["3.2"] === 200'

finish
