#!/usr/bin/env bash
# The sandbox's fault orders, for tests and for users' rehearsals (section 6, issue 3, 8): which call they hit, how often,
# with what; the list of them; and --quota. With raw calls, so that nothing here depends on what the CLI calls when.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"

start_sandbox --quota target-groups=3 --quota rules-per-application-load-balancer=150
limits=$(elb 'return (await call("DescribeAccountLimits")).Limits.filter((l) => /^(target-groups|rules-per-application-load-balancer)$/.test(l.Name)).map((l) => `${l.Name}=${l.Max}`).sort().join(" ")')
check 'issue 3: --quota raises a quota' 'rules-per-application-load-balancer=150 target-groups=3' "$limits" \
  test "$limits" = 'rules-per-application-load-balancer=150 target-groups=3'

own_balancer one
own_group berth-one
own_group berth-two
own_group berth-three
elb 'await call("CreateTargetGroup", { Name: "berth-four", Port: 80, Protocol: "HTTP", VpcId: args[0], TargetType: "ip" })' "$VPC"
check 'issue 3: a quota refuses with the error code of AWS' TooManyTargetGroups "$(head -c 200 "$WORK/elb.err")" grep -q TooManyTargetGroups "$WORK/elb.err"

group=$GROUP
read_delay() { elb 'const a = (await call("DescribeTargetGroupAttributes", { TargetGroupArn: args[0] })).Attributes; return a.find((x) => x.Key === "deregistration_delay.timeout_seconds").Value' "$group"; }
# The outcome of a call that sets the delay: `done`, the error's code, or `cut`.
set_delay() { # SECONDS [GROUP]
  elb 'try { await call("ModifyTargetGroupAttributes", { TargetGroupArn: args[0], Attributes: [{ Key: "deregistration_delay.timeout_seconds", Value: args[1] }] }); return "done"; }
    catch (error) { return error.code ?? "cut"; }' "${2:-$group}" "$1"
}
outcomes() { # COUNT: of as many calls, with delays 101, 102, …
  local i
  for ((i = 1; i <= $1; i++)); do printf '%s ' "$(set_delay "$((100 + i))")"; done
}
expect_outcomes() { # TEXT EXPECTED
  local seen expected=$2
  seen=$(outcomes "$(wc -w <<<"$expected")")
  check "issue 3: $1" "$expected" "$seen" test "$seen" = "$expected "
}

fault ModifyTargetGroupAttributes --error OperationNotPermitted
expect_outcomes 'by default the first call fails, once' 'OperationNotPermitted done'
fault ModifyTargetGroupAttributes --error OperationNotPermitted --nth 2
expect_outcomes '--nth 2: the second' 'done OperationNotPermitted done'
fault ModifyTargetGroupAttributes --error OperationNotPermitted --nth 2 --times 2
expect_outcomes '--nth 2 --times 2: the second and the third' 'done OperationNotPermitted OperationNotPermitted done'
set_delay 55 >/dev/null
fault ModifyTargetGroupAttributes --error OperationNotPermitted --times always
expect_outcomes '--times always: every one' 'OperationNotPermitted OperationNotPermitted OperationNotPermitted'
check 'issue 3: a call that fails has no effect' 55 "$(read_delay)" test "$(read_delay)" = 55

cli sandbox faults --dir "$SANDBOX_DIR"
expect_exit 0 'sandbox faults'
says 'ModifyTargetGroupAttributes.*OperationNotPermitted' 'sandbox faults lists the order'
cli sandbox faults --json --dir "$SANDBOX_DIR"
expect_exit 0 'sandbox faults --json'
expect_json 'sandbox faults --json lists it' 'o.schemaVersion === 1 && JSON.stringify(o).includes("ModifyTargetGroupAttributes")'
cli sandbox faults --clear --dir "$SANDBOX_DIR"
expect_exit 0 'sandbox faults --clear'
cli sandbox faults --json --dir "$SANDBOX_DIR"
expect_json 'after it there is none' '!JSON.stringify(o).includes("ModifyTargetGroupAttributes")'
expect_outcomes 'after it calls work' 'done'

fault ModifyTargetGroupAttributes --throttle
seen=$(outcomes 2)
check 'issue 3: --throttle: throttled once' 'Throttling… done' "$seen" grep -Eq '^(Throttling|ThrottlingException|RequestLimitExceeded|TooManyRequestsException) done $' <<<"$seen"
set_delay 55 >/dev/null
fault ModifyTargetGroupAttributes --cut-before
check 'issue 3: --cut-before: no answer' cut "$(set_delay 66)" test "$(read_delay)" = 55
check 'issue 3: --cut-before: and no effect' 55 "$(read_delay)" test "$(read_delay)" = 55
fault ModifyTargetGroupAttributes --cut-after
seen=$(set_delay 77)
check 'issue 3: --cut-after: no answer' cut "$seen" test "$seen" = cut
took_effect() { [[ $(read_delay) == 77 ]]; }
expect_soon 3 'issue 3: --cut-after: but an effect' 77 took_effect
fault ModifyTargetGroupAttributes --delay 1s
now BEGUN
seen=$(set_delay 88)
now DONE
check 'issue 3: --delay 1s: is answered' 'done' "$seen" test "$seen" = 'done'
check 'issue 3: --delay 1s: a second later' 'at least 1 s' "$(((DONE - BEGUN) / 1000)) ms" test $((DONE - BEGUN)) -ge 1000000
settled() { [[ $(read_delay) == 88 ]]; }
expect_soon 3 'issue 3: --delay: and takes effect' 88 settled
fault DescribeTargetGroupAttributes --stale
set_delay 99 >/dev/null
seen=$(read_delay)
check 'issue 3: --stale: the first read is older than the write' 88 "$seen" test "$seen" = 88
seen=$(read_delay)
check 'issue 3: --stale: the next one is not' 99 "$seen" test "$seen" = 99

other=$(elb 'return (await call("DescribeTargetGroups", { Names: ["berth-one"] })).TargetGroups[0].TargetGroupArn')
fault ModifyTargetGroupAttributes --error OperationNotPermitted --times always --about "$group"
seen="$(set_delay 101 "$other") $(set_delay 101)"
check 'issue 3: --about: only the call about it' 'done OperationNotPermitted' "$seen" test "$seen" = 'done OperationNotPermitted'
clear_faults
fault '*' --error InternalFailure
seen="$(read_delay) $(set_delay 101)"
check "issue 3: '*': any call" ' done' "$seen" test "$seen" = ' done'
log_mark MARK
fault ModifyTargetGroupAttributes --error OperationNotPermitted
set_delay 101 >/dev/null
seen=$(log_since "$MARK" 'c.operation === "ModifyTargetGroupAttributes"')
check 'issue 3: the request log has the failed call' 'with its code' "$seen" grep -Eq 'ModifyTargetGroupAttributes 4[0-9]{2} OperationNotPermitted' <<<"$seen"

# An order is for the sandbox that runs; a restart may or may not know it, but one that does not run says so.
must sandbox stop --dir "$SANDBOX_DIR"
cli sandbox fault ModifyRule --throttle --dir "$SANDBOX_DIR"
expect_exit '1|2' 'sandbox fault without a sandbox'
says 'not running|does not run|no sandbox|start' 'sandbox fault without a sandbox says so'

finish
