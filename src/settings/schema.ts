/** What each setting is called, what it must look like, and its default. */
import * as z from 'zod';
import { MAX_5XX_LOOKS, MAX_LATENCY_LOOKS, parseMax5xx, parseMaxLatency } from './bounds.ts';
import { BUILDERS, BUILDERS_LOOK } from './builders.ts';
import { parseDuration } from './duration.ts';
import { CPU_ARCHITECTURES } from './platforms.ts';
import { PROTOCOLS } from './protocols.ts';
import { completing, parseSecrets, partialSecret, SECRETS_LOOK } from './secrets.ts';

/** Every problem is worded "NAME should be …": the reader gets name and value in front of this text. */
const text = (pattern: RegExp, expected: string) => z.string().regex(pattern, expected);

function integer(min: number, max: number) {
  const expected = `a whole number from ${min} to ${max}`;
  return text(/^\d{1,9}$/, expected)
    .transform(Number)
    .refine((value) => value >= min && value <= max, expected);
}

/** ms. Node's timers end at 24 days; nobody holds a canary for longer than a day in one command. */
const LONGEST = 24 * 3_600_000;

const duration = z.string().transform((value, context) => {
  const ms = parseDuration(value);
  if (ms !== undefined && ms <= LONGEST) return ms;
  context.addIssue({ code: 'custom', message: 'a duration such as 15s, 2m or 500ms, of 24h at most' });
  return z.NEVER;
});

const steps = z.string().transform((value, context) => {
  const list = value.split(',').map((part) => (/^\s*\d{1,3}\s*%?\s*$/.test(part) ? Number.parseInt(part, 10) : Number.NaN));
  const rising = list.every((percent, index) => percent >= 1 && percent > (list[index - 1] ?? 0));
  if (rising && list.at(-1) === 100) return list;
  context.addIssue({ code: 'custom', message: 'rising percentages that end with 100, such as 5,25,50,100' });
  return z.NEVER;
});

/** What a parser that knows no better than undefined makes of a text. */
function parsed<Value>(parse: (given: string) => Value | undefined, expected: string) {
  return z.string().transform((given, context) => {
    const value = parse(given);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });
}

/** Items with commas between them. */
function list(item: RegExp, expected: string) {
  return z
    .string()
    .transform((given) => given.split(',').map((part) => part.trim()))
    .pipe(z.array(text(item, expected)));
}

const SERVICE = /^[a-z][a-z0-9-]{0,29}[a-z0-9]$/;
const serviceName = text(SERVICE, 'lower-case letters, digits and hyphens, such as server');
const targetGroup = text(
  /^arn:aws[a-z-]*:elasticloadbalancing:[a-z\d-]+:\d{12}:targetgroup\/[\w-]+\/[\da-f]+$/,
  'the ARN of a target group, such as arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef',
);
const cidr = text(/^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/, 'an address range such as 203.0.113.4/32');

const secrets = parsed(parseSecrets, SECRETS_LOOK).superRefine((given, context) => {
  const name = partialSecret(given);
  if (name !== undefined) context.addIssue({ code: 'custom', message: completing(name) });
});

/** Settings of the project: one value for all its services. */
export const projectSchema = z.object({
  PROJECT_NAME: text(
    /^[a-z][a-z0-9-]{0,30}[a-z0-9]$/,
    '2 to 32 lower-case letters, digits and hyphens, beginning with a letter, such as echo',
  ),
  AWS_ACCOUNT_ID: text(/^\d{12}$/, 'the 12 digits of your AWS account, such as 123456789012'),
  SERVICE_NAME: serviceName.default('server'),
  SERVICES: list(SERVICE, 'service names with commas between them, such as client,server').optional(),
  LISTENER_PORT: integer(1, 65_535).default(80),
  INTERNAL_LISTENER_PORT: integer(1, 65_535).default(8_443),
  INTERNAL_HTTPS_LISTENER_PORT: integer(1, 65_535).optional(),
  CERTIFICATE_ARN: text(
    /^arn:aws[a-z-]*:(acm:[a-z\d-]+:\d{12}:certificate|iam::\d{12}:server-certificate)\/[\w+=,.@/-]+$/,
    'the ARN of a certificate, such as arn:aws:acm:eu-west-1:123456789012:certificate/0a1b2c3d-1234-5678-9abc-0123456789ab',
  ).optional(),
  HTTPS_LISTENER_PORT: integer(1, 65_535).default(443),
  NAT: z.enum(['none', 'one', 'per-zone', 'endpoints'], 'none, one, per-zone or endpoints').default('none'),
  KEY_PAIR: z.string().optional(),
  BASTION_CIDR: cidr.optional(),
  TERMINATION_PROTECTION: z.enum(['true', 'false'], 'true or false').transform((text) => text === 'true').default(true),
  VPC_ID: text(/^vpc-[\da-f]{2,17}$/, 'the id of a VPC, such as vpc-0a1b2c3d').optional(),
  SUBNET_IDS: list(/^subnet-[\da-f]{2,17}$/, 'ids of subnets with commas between them, such as subnet-0a1b2c3d,subnet-4e5f6a7b').optional(),
  CLUSTER: text(/^[A-Za-z\d_-]{1,255}$/, 'the name of an ECS cluster, such as shop').optional(),
  LISTENER_ARNS: list(
    /^arn:aws[a-z-]*:elasticloadbalancing:[a-z\d-]+:\d{12}:listener\/app\/[\w-]+\/[\da-f]+\/[\da-f]+$/,
    'ARNs of listeners with commas between them, such as arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/web/0123456789abcdef/fedcba9876543210',
  ).optional(),
  // Each look is also a sign of life to other runs, which count on one every 15 seconds.
  POLL_INTERVAL: duration.refine((ms) => ms >= 100 && ms <= 15_000, '0.1 to 15 seconds').default(2_000),
  SETTLE: duration.default(15_000),
  STEPS: steps.default([50, 100]),
  HOLD: duration.default(15_000),
});

/** Settings that each service can have for itself: `<SERVICE>_<NAME>` beats `<NAME>`. */
export const serviceSchema = z.object({
  EXPOSE: z.enum(['public', 'internal'], 'public or internal').optional(),
  PROTOCOL: z.enum(PROTOCOLS, PROTOCOLS.join(' or ')).default('http'),
  PATH_PATTERN: text(/^\/[\w\-.$/~"'@:+&*?]{0,127}$/, 'a path pattern of the load balancer, such as /* or /api/*').default('/*'),
  HOST_HEADER: text(/^[\w\-.*?]{1,128}$/, 'a host name, such as api.example.com').optional(),
  CONTAINER_PORT: integer(1, 65_535).default(8_080),
  DESIRED_COUNT: integer(1, 5_000).default(2),
  CPU: z.enum(['256', '512', '1024', '2048', '4096', '8192', '16384'], 'a Fargate size: 256, 512, 1024, 2048, 4096, 8192 or 16384').default('256'),
  MEMORY: integer(512, 122_880).default(512),
  CPU_ARCHITECTURE: z.enum(CPU_ARCHITECTURES, CPU_ARCHITECTURES.join(' or ')).optional(),
  HEALTH_CHECK_PATH: text(/^\/[!-~]{0,1023}$/, 'a path such as /ping').optional(),
  HEALTH_CHECK_INTERVAL: integer(5, 300).default(5),
  HEALTH_CHECK_TIMEOUT: integer(2, 120).default(2),
  HEALTHY_THRESHOLD: integer(2, 10).default(2),
  UNHEALTHY_THRESHOLD: integer(2, 10).default(2),
  HEALTH_CHECK_GRACE_PERIOD: integer(0, 2_147_483_647).default(60),
  DEREGISTRATION_DELAY: integer(0, 3_600).default(30),
  SECRETS: secrets.optional(),
  SECURITY_GROUP_IDS: list(/^sg-[\da-f]{2,17}$/, 'ids of security groups with commas between them, such as sg-0a1b2c3d').optional(),
  BLUE_TARGET_GROUP_ARN: targetGroup.optional(),
  GREEN_TARGET_GROUP_ARN: targetGroup.optional(),
  MAX_5XX: parsed(parseMax5xx, MAX_5XX_LOOKS).optional(),
  MAX_LATENCY: parsed(parseMaxLatency, MAX_LATENCY_LOOKS).optional(),
  BUILDER: z.enum(BUILDERS, BUILDERS_LOOK).optional(),
  BASE_IMAGE: text(/^[\w.:/@-]{1,512}$/, 'an image such as public.ecr.aws/docker/library/node:22-alpine, or none').optional(),
});
