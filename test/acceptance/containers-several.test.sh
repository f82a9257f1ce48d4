#!/usr/bin/env bash
# Task definitions with several containers: the image of the right one is replaced, `--container` says which, and everything
# else stays (issue 6.5).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/push-lib.sh"

ready_to_push
make_lantern v1 3.1
make_lantern v2 3.2
make_lantern v3 3.3
for tag in v1:3.1 v2:3.2 v3:3.3; do
  push "${tag%:*}" --tag "${tag#*:}"
  pushed "preparing: push ${tag#*:}"
  declare "DIGEST_${tag%:*}=$DIGEST"
done
must rollout --tag 3.1
read_status

# What runs, with a second container beside the first, and with much in it that a replacement has to leave alone.
api_json ecs $ECS.DescribeTaskDefinition "{\"taskDefinition\":\"$(in_status o.primary.taskDefinition)\"}" >"$WORK/described.json"
definition() { # NAME-OF-THE-FIRST NAME-OF-THE-SECOND
  json "$WORK/described.json" "(() => {
    const keep = ['family', 'taskRoleArn', 'executionRoleArn', 'networkMode', 'containerDefinitions', 'volumes', 'requiresCompatibilities', 'cpu', 'memory', 'runtimePlatform'];
    const d = Object.fromEntries(Object.entries(o.taskDefinition).filter(([key]) => keep.includes(key)));
    const first = d.containerDefinitions.find((c) => c.name === 'quay');
    const image = first.image;
    Object.assign(first, { name: '$1', environment: [...(first.environment ?? []), { name: 'QUAY_WORD', value: 'salt' }], stopTimeout: 17, dockerLabels: { pier: 'nine' },
      ulimits: [{ name: 'nofile', softLimit: 2048, hardLimit: 4096 }], startTimeout: 33, workingDirectory: '/srv/lantern' });
    d.containerDefinitions.push({ name: '$2', image, essential: false, memoryReservation: 64, environment: [{ name: 'PORT', value: '9090' }], stopTimeout: 5, dockerLabels: { mast: 'tall' } });
    return d; })()"
}
definition quay lookout >"$PROJECT/two.json"
definition pier lookout >"$PROJECT/strangers.json"

revision() { # ROLE: what AWS has of it, to $WORK/revision.json
  read_status
  api_json ecs $ECS.DescribeTaskDefinition "{\"taskDefinition\":\"$(in_status "o.$1.taskDefinition")\"}" >"$WORK/revision.json"
}
replaced() { # NAME DIGEST TEXT: of the revision read last; the other container's image and all else are as in $WORK/before.json
  local seen
  seen=$(json "$WORK/revision.json" "o.taskDefinition.containerDefinitions.find((c) => c.name === '$1')?.image" 2>&1 | tail -n 1)
  check "$3: the image of $1 is replaced" "…@$2" "$seen" grep -q "@$2\$" <<<"$seen"
  seen=$(node -e '
    const [before, after, name] = process.argv.slice(1), fs = require("node:fs"), read = (file) => JSON.parse(fs.readFileSync(file, "utf8"));
    const plain = (x) => Array.isArray(x) ? x.map(plain) : x && typeof x === "object" ? Object.fromEntries(Object.entries(x).sort(([a], [b]) => a < b ? -1 : 1).map(([k, v]) => [k, plain(v)])) : x;
    const a = read(before).taskDefinition ?? read(before), b = read(after).taskDefinition, keys = ["family", "taskRoleArn", "executionRoleArn", "networkMode", "volumes", "requiresCompatibilities", "cpu", "memory"];
    const differ = [];
    const compare = (what, x, y) => { if (x !== undefined && JSON.stringify(plain(x)) !== JSON.stringify(plain(y))) differ.push(`${what}: ${JSON.stringify(x)} is now ${JSON.stringify(y)}`); };
    for (const key of keys) compare(key, a[key], b[key]);
    compare("names", a.containerDefinitions.map((c) => c.name), b.containerDefinitions.map((c) => c.name));
    for (const c of a.containerDefinitions) for (const [key, value] of Object.entries(c)) {
      if (key === "image" && c.name === name) continue;
      compare(`${c.name}.${key}`, value, b.containerDefinitions.find((x) => x.name === c.name)?.[key]);
    }
    console.log(differ.slice(0, 3).join("; "));' "$WORK/before.json" "$WORK/revision.json" "$1" 2>&1)
  check "$3: everything else stays" 'no difference' "$seen" test -z "$seen"
}

# Which one it is, is asked for where it can't be known; and one that is not there is no answer.
refuses '1|2' 'pier.*lookout|lookout.*pier|--container' 'issue 6: two containers, none named as the service' rollout --tag 3.2 --task-definition strangers.json
refuses '1|2' 'sail' 'issue 6: --container that is not in it' rollout --tag 3.2 --task-definition two.json --container sail
expect_stderr 'quay|lookout' 'issue 6: --container that is not in it: the message says which there are'
wrong_usage 'container' 'section 5: --container without a value' rollout --tag 3.2 --container
expect_status 'issue 6: nothing has changed' 'o.state === "primary" && o.primary.version === "3.1"'
for command in rollout update; do
  cli $command --help
  says '--container' "issue 6: $command --help has --container"
done

text='issue 6: two containers and --container'
cp "$PROJECT/two.json" "$WORK/before.json"
cli rollout --tag 3.2 --task-definition two.json --container quay
expect_exit 0 "$text"
revision canary
replaced quay "$DIGEST_v2" "$text"
must promote
expect_soon 10 "$text: it serves" 'Version 3.2' answers 3.2
cp "$WORK/revision.json" "$WORK/before.json"

text='issue 6: the next version, from the revision that runs'
cli update v3 --tag 3.3 --container quay --steps 100 --hold 0s
expect_exit 0 "$text"
revision primary
replaced quay "$DIGEST_v3" "$text"
expect_soon 10 "$text: it serves" 'Version 3.3' answers 3.3
cp "$WORK/revision.json" "$WORK/before.json"

# Without --container, where one is named as the service: that one, or a question that names the option.
text='issue 6: two containers, one named as the service, no --container'
must destroy-old --yes
cli rollout --tag 3.1
if [[ $RC -eq 0 ]]; then
  revision canary
  replaced quay "$DIGEST_v1" "$text"
else
  expect_exit '1|2' "$text"
  expect_stderr '--container' "$text: the message names the option"
fi
cli rollback
cli destroy-old --yes

text='issue 6: two strangers and --container'
cp "$PROJECT/strangers.json" "$WORK/before.json"
cli rollout --tag 3.2 --task-definition strangers.json --container pier --replace
expect_exit 0 "$text"
revision canary
replaced pier "$DIGEST_v2" "$text"
must promote
expect_soon 10 "$text: the load balancer reaches it" 'Version 3.2' answers 3.2
CLI_ENV=(ECS_CANARY_CONTAINER=pier)
must destroy-old --yes
cp "$WORK/revision.json" "$WORK/before.json"
cli rollout --tag 3.1
expect_exit 0 "$text: ECS_CANARY_CONTAINER"
revision canary
replaced pier "$DIGEST_v1" "$text: ECS_CANARY_CONTAINER"
CLI_ENV=()

finish
