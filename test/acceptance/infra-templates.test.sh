#!/usr/bin/env bash
# The two templates: printed without any AWS call, hold what issue 5.1 lists and nothing that moves traffic, pass
# cfn-lint without silenced rules, and are accepted as they stand by moto, which is not of ours.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/routing-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/survival-lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/infra-lib.sh"

new_project harbour
nobody_home
for which in base service; do
  cli build-infra --template "$which"
  expect_exit 0 "section 2: build-infra --template $which, without credentials"
  expect_no_knock "section 2: build-infra --template $which"
  cp "$OUT" "$WORK/$which.yaml"
  check "issue 5.1: the $which template is on stdout, and nothing else" 'AWSTemplateFormatVersion: … first' "$(head -n 1 "$OUT")" \
    grep -q '^AWSTemplateFormatVersion' <<<"$(grep -m 1 -v '^#\|^---' "$OUT")"
  cli build-infra --template "$which" --json
  expect_json "section 3: --template $which --json" 'o.schemaVersion === 1 && /AWSTemplateFormatVersion/.test(o.template)'
  CLI_ENV=(LISTENER_PORT=8123 HEALTH_CHECK_PATH=/tide NAT=per-zone CERTIFICATE_ARN="$(certificate)")
  cli build-infra --template "$which"
  check "issue 5.1: $which: values go as parameters: other settings, same template" 'the same text' \
    "$(diff "$WORK/$which.yaml" "$OUT" | head -n 3 | tr '\n' ';')" cmp -s "$WORK/$which.yaml" "$OUT"
  CLI_ENV=()
done
for which in bridge ''; do
  cli build-infra --template "$which"
  expect_exit 2 "section 5: --template '$which'"
  expect_stderr 'template' "section 5: --template '$which': named"
done
CLI_ENV=(PROJECT_NAME=Harbour_1)
cli build-infra --template base
expect_exit 2 'section 2: --template reads the settings: a malformed one'
expect_stderr PROJECT_NAME 'section 2: --template reads the settings: named'
CLI_ENV=()
expect_no_knock 'section 2: and wrong ones'

# The templates as texts: `r` are the resources [type, text], `of(type)` their texts, `text` all of it without comments.
template() { # WHICH EXPRESSION
  node -e '
    const [file, expression] = process.argv.slice(1);
    const text = require("node:fs").readFileSync(file, "utf8").replace(/^\s*#.*\n/gm, "").replace(/\s#\s.*$/gm, "");
    const section = (name) => (new RegExp(`^${name}:\\s*\\n((?: .*\\n|\\n)*)`, "m").exec(text) ?? ["", ""])[1];
    const entries = (name) => section(name).split(/^(?=  [A-Za-z0-9]+:)/m).filter((s) => /^  [A-Za-z0-9]+:/.test(s));
    const r = entries("Resources").map((s) => [/^    Type:\s*["\x27]?([A-Za-z0-9:]+)/m.exec(s)?.[1], s]);
    const of = (type) => r.filter(([t]) => t === `AWS::${type}`).map(([, s]) => s);
    console.log(String(new Function("text", "r", "of", "section", "entries", `return (${expression})`)(text, r, of, section, entries)));
  ' "$WORK/$1.yaml" "$2" 2>&1 | tail -n 1
}
has() { # WHICH TEXT EXPRESSION
  local seen
  seen=$(template "$1" "$3")
  check "issue 5.1: $1: $2" "$3" "$seen" test "$seen" = true
}
has base 'a VPC' 'of("EC2::VPC").length === 1'
has base 'two zones' 'new Set(of("EC2::Subnet").map((s) => (/Select:?\s*\[?\s*-?\s*["\x27]?(\d)/.exec(s) ?? [])[1])).size >= 2'
has base 'one NAT gateway, or one for each zone' 'of("EC2::NatGateway").length === 2 && of("EC2::NatGateway").every((s) => /^    Condition:/m.test(s))'
has base 'endpoints for ecr.api, ecr.dkr, logs, s3' '["ecr.api", "ecr.dkr", "logs", "s3"].every((n) => of("EC2::VPCEndpoint").some((s) => s.includes(`.${n}`)))'
has base 'an internet-facing and an internal load balancer' 'of("ElasticLoadBalancingV2::LoadBalancer").length === 2 && /Scheme:\s*["\x27]?internal\b/.test(text)'
has base 'HTTP and HTTPS listeners' '/Protocol:\s*["\x27]?HTTPS/.test(of("ElasticLoadBalancingV2::Listener").join()) && /Protocol:\s*["\x27]?HTTP\b/.test(of("ElasticLoadBalancingV2::Listener").join())'
has base 'a redirect to HTTPS' '/redirect/i.test(of("ElasticLoadBalancingV2::Listener").join()) && /HTTP_30[1278]/.test(text)'
has base 'a fixed 503 by default' '/fixed-response/.test(text) && /StatusCode:\s*["\x27]?503/.test(text)'
has base 'an ECS cluster' 'of("ECS::Cluster").length === 1'
has base 'a bastion on a condition' 'of("EC2::Instance").length === 1 && /^    Condition:/m.test(of("EC2::Instance")[0])'
has service 'the pair, alike but for the colour' 'of("ElasticLoadBalancingV2::TargetGroup").length === 2 && new Set(of("ElasticLoadBalancingV2::TargetGroup").map((s) => s.replace(/blue|green/gi, "").trim())).size === 1'
has service 'a repository with immutable tags and scan on push' 'of("ECR::Repository").length === 1 && /IMMUTABLE/.test(of("ECR::Repository")[0]) && /ScanOnPush:\s*["\x27]?true/i.test(of("ECR::Repository")[0])'
has service 'a lifecycle for untagged images only' '((found) => found?.length === 1 && /untagged/.test(found[0]))(of("ECR::Repository")[0].match(/tagStatus[^,}\n]*/gi))'
has service 'a task role and an execution role' 'of("IAM::Role").length >= 2'
has service 'secrets can be made readable' '/secretsmanager:GetSecretValue/.test(text)'
has service 'a log group with retention' 'of("Logs::LogGroup").length === 1 && /RetentionInDays:/.test(of("Logs::LogGroup")[0])'
has service 'a security group' 'of("EC2::SecurityGroup").length >= 1'
for which in base service; do
  has $which 'no exports, no imports' '!/^\s+Export:|ImportValue/m.test(text)'
  has $which 'no fixed physical names but those of DNS' '!/^\s+(RoleName|LogGroupName|GroupName|LoadBalancerName|ManagedPolicyName):/m.test(section("Resources")) && !/^      Name:(?!.*\.internal)/m.test(section("Resources"))'
  has $which 'no value of this project' '!/harbour|quay|eu-central-1|000000000000/.test(text)'
  has $which 'nothing that moves traffic or runs tasks' 'of("ElasticLoadBalancingV2::ListenerRule").length + of("ECS::Service").length + of("ECS::TaskDefinition").length === 0'
  has $which 'no silenced linter rules' '!/cfn-lint|ignore_checks/i.test(require("node:fs").readFileSync(process.argv[1], "utf8"))'
done

if cfn-lint --version >/dev/null 2>&1; then
  for which in base service; do
    (cd "$WORK" && exec cfn-lint --regions "$REGION" --format parseable -- "$which.yaml") >"$WORK/lint" 2>&1
    code=$?
    check "issue 5: cfn-lint finds nothing in the $which template" 'exit 0, no line' "exit $code: $(head -n 3 "$WORK/lint" | tr '\n' ';')" \
      test "$code" -eq 0 -a ! -s "$WORK/lint"
  done
else
  echo 'skipped: no cfn-lint (that the templates pass a linter)'
fi

# moto's CloudFormation takes what build-infra sends: the templates as they stand, with their parameters.
if moto_server --help >/dev/null 2>&1; then
  port=$(free_ports 1)
  moto_server -H 127.0.0.1 -p "$port" >"$WORK/moto.log" 2>&1 &
  BACKGROUND+=("$!")
  if wait_until 40 port_open "$port"; then
    export AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_ACCESS_KEY_ID=QUAY AWS_SECRET_ACCESS_KEY=quay
    setting AWS_ACCOUNT_ID 123456789012 # moto's own
    setting AWS_DEFAULT_REGION us-east-1
    REGION=us-east-1
    # Its events do not say which request they belong to, so that no run can follow its own: 124 is all right here.
    cli build-infra --timeout 10s
    vpc=$(cfn DescribeStacks StackName=harbour | grep -o '<OutputKey>VpcId</OutputKey><OutputValue>[^<]*' | sed 's/.*>//')
    cfn CreateStack StackName=harbour-quay "TemplateBody=$(cat "$WORK/service.yaml")" Capabilities.member.1=CAPABILITY_IAM \
      Parameters.member.1.ParameterKey=ProjectName Parameters.member.1.ParameterValue=harbour \
      Parameters.member.2.ParameterKey=ServiceName Parameters.member.2.ParameterValue=quay \
      Parameters.member.3.ParameterKey=VpcId "Parameters.member.3.ParameterValue=$vpc" >"$WORK/moto.answer"
    for stack in harbour harbour-quay; do
      check "issue 5: moto accepts the template of stack $stack" "$stack CREATE_COMPLETE" "$(stacks | tr '\n' ';')" \
        grep -qx "$stack CREATE_COMPLETE" <<<"$(stacks)"
    done
    if [[ $(stacks | grep -c CREATE_COMPLETE) -ne 2 ]]; then
      show_call
      grep -E '^[A-Za-z.]+(Error|Exception)' "$WORK/moto.log" | tail -n 3 | sed 's/^/      moto| /'
    fi
  else
    echo "skipped: moto's server does not start here (that an independent CloudFormation accepts the templates)"
  fi
else
  echo 'skipped: no moto_server (that an independent CloudFormation accepts the templates)'
fi

finish
