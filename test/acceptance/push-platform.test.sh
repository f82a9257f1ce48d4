#!/usr/bin/env bash
# The image's platform becomes the task definition's cpuArchitecture; where they do not go together, that is said before
# anything is rolled out (issue 6.1).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/push-lib.sh"

ready_to_push
make_lantern v1 3.1
make_lantern v2 3.2
make_lantern v3 3.3

newest() { # EXPRESSION of the task definition that was registered last; empty where there is none
  api_json ecs $ECS.ListTaskDefinitions '{"sort":"DESC"}' >"$WORK/list.json"
  api_json ecs $ECS.DescribeTaskDefinition "{\"taskDefinition\":\"$(json "$WORK/list.json" 'o.taskDefinitionArns[0] ?? ""')\"}" >"$WORK/described.json"
  json "$WORK/described.json" "o.taskDefinition ? String($1) : ''" 2>&1
}
architecture_is() { # NAME TEXT
  local seen
  seen=$(newest 'o.taskDefinition.runtimePlatform?.cpuArchitecture')
  check "$2: cpuArchitecture is $1" "$1" "$seen" test "$seen" = "$1"
  seen=$(newest 'o.taskDefinition.runtimePlatform?.operatingSystemFamily ?? "LINUX"')
  check "$2: and the system is Linux" LINUX "$seen" test "$seen" = LINUX
}
mismatch() { # TEXT ARGUMENT…: refused, both named, nothing rolled out
  local text=$1 mark seen
  shift
  log_mark mark
  cli "$@"
  expect_exit '1|2' "$text"
  expect_stderr '(arm64.*(x86_64|amd64))|((x86_64|amd64).*arm64)' "$text: the message names both"
  expect_one_message "$text"
  seen=$(log_since "$mark" 'c.write && /^(ecs|elasticloadbalancing)$/i.test(c.service)')
  check "$text: refused before rollout" 'no write call' "${seen//$'\n'/, }" test -z "$seen"
}

push v1 --tag 3.1
pushed 'issue 6: a push for the default platform'
config_of 3.1 "$WORK/config"
expect_config 'issue 6: linux/amd64 by default' 'o.architecture === "amd64" && o.os === "linux"'
cli rollout --tag 3.1
expect_exit 0 'issue 6: its rollout'
architecture_is X86_64 'issue 6: an image of linux/amd64'

# ARM64: what runs says X86_64, and the task definition takes what the new image is. Whether such a task starts on this
# machine is not asked here.
push v2 --tag 3.2 --platform linux/arm64
pushed 'issue 6: --platform linux/arm64'
config_of 3.2 "$WORK/config" arm64
expect_config 'issue 6: the image is one of linux/arm64' 'o.architecture === "arm64" && o.os === "linux"'
cli rollout --tag 3.2 --timeout 10s
if [[ $RC -eq 2 ]] || grep -Eiq 'x86_64|amd64' "$ERR"; then
  # Read as: the primary's architecture stands, and this is a mismatch with it.
  expect_stderr 'arm64' 'issue 6: an image of another platform than what runs: the message names it'
else
  architecture_is ARM64 'issue 6: an image of linux/arm64'
fi
cli rollback
cli destroy-old --yes
expect_status 'preparing: 3.1 alone' 'o.primary.version === "3.1" && !o.canary'

# A task definition of the user's own that says another.
api_json ecs $ECS.DescribeTaskDefinition "{\"taskDefinition\":\"$(read_status && in_status o.primary.taskDefinition)\"}" >"$WORK/described.json"
definition() { # ARCHITECTURE
  json "$WORK/described.json" "(() => { const keep = ['family', 'taskRoleArn', 'executionRoleArn', 'networkMode', 'containerDefinitions', 'volumes', 'requiresCompatibilities', 'cpu', 'memory'];
    return { ...Object.fromEntries(Object.entries(o.taskDefinition).filter(([key]) => keep.includes(key))), runtimePlatform: { cpuArchitecture: '$1', operatingSystemFamily: 'LINUX' } }; })()"
}
definition ARM64 >"$PROJECT/arm64.json"
definition X86_64 >"$PROJECT/x86.json"
push v3 --tag 3.3
pushed 'preparing: an image of linux/amd64'
mismatch 'issue 6: an image of amd64 in a task definition of ARM64' rollout --tag 3.3 --task-definition arm64.json
mismatch 'issue 6: an image of arm64 in a task definition of X86_64' rollout --tag 3.2 --task-definition x86.json
mismatch 'issue 6: the same with update' update v3 --tag 3.3 --task-definition arm64.json
expect_status 'issue 6: after all of this users are where they were' 'o.state === "primary" && o.primary.version === "3.1" && o.primary.weight === 100'
cli rollout --tag 3.3 --task-definition x86.json
expect_exit 0 'issue 6: the right one is rolled out'
cli rollback
cli destroy-old --yes

# CPU_ARCHITECTURE that was set, and an image that is another: refused by the push or by the rollout.
CLI_ENV=(CPU_ARCHITECTURE=ARM64)
log_mark MARK
cli push v3 --tag 3.4 --platform linux/amd64
if [[ $RC -eq 0 ]]; then mismatch 'issue 6: CPU_ARCHITECTURE=ARM64 and an image of amd64' rollout --tag 3.4; else
  expect_exit '1|2' 'issue 6: CPU_ARCHITECTURE=ARM64 and --platform linux/amd64'
  expect_stderr 'CPU_ARCHITECTURE|arm64' 'issue 6: CPU_ARCHITECTURE=ARM64 and --platform linux/amd64: the message names it'
fi
CLI_ENV=()

# An archive made for another platform.
make_archive oci "$WORK/arm.tar" v3 arm64 >/dev/null
push --image-archive "$WORK/arm.tar" --tag 3.5
if [[ $RC -eq 0 ]]; then mismatch 'issue 6: an archive of arm64 in a task definition of X86_64' rollout --tag 3.5 --task-definition x86.json; else
  expect_stderr 'arm64' 'issue 6: an archive of arm64: or the push refuses it by name'
fi

# Pushed by others, without any record of ours: the registry still says what it is.
registry harbour/quay/manifests/3.2 >"$WORK/manifest" && registry harbour/quay/manifests/3.6 -X PUT -H "Content-Type: $(json "$WORK/manifest" o.mediaType)" --data-binary @"$WORK/manifest" >/dev/null
mismatch 'issue 6: an image of arm64 that others pushed' rollout --tag 3.6 --task-definition x86.json

# No such platform.
for word in moon linux linux/ linux/sparc/9/9; do
  wrong_usage 'platform' "issue 6: --platform $word" push v1 --tag 3.7 --platform "$word"
done

finish
