/** What each setting is called, what it must look like, and its default. */
import * as z from 'zod';
import { MAX_5XX_LOOKS, MAX_LATENCY_LOOKS, parseMax5xx, parseMaxLatency } from './bounds.ts';
import { parseDuration } from './duration.ts';

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

const SERVICE = /^[a-z][a-z0-9-]{0,29}[a-z0-9]$/;
const serviceName = text(SERVICE, 'lower-case letters, digits and hyphens, such as server');
const cidr = text(/^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/, 'an address range such as 203.0.113.4/32');

/** Settings of the project: one value for all its services. */
export const projectSchema = z.object({
  PROJECT_NAME: text(
    /^[a-z][a-z0-9-]{0,30}[a-z0-9]$/,
    '2 to 32 lower-case letters, digits and hyphens, beginning with a letter, such as echo',
  ),
  AWS_ACCOUNT_ID: text(/^\d{12}$/, 'the 12 digits of your AWS account, such as 123456789012'),
  SERVICE_NAME: serviceName.default('server'),
  SERVICES: z
    .string()
    .transform((list) => list.split(',').map((name) => name.trim()))
    .pipe(z.array(text(SERVICE, 'service names with commas between them, such as client,server')))
    .optional(),
  LISTENER_PORT: integer(1, 65_535).default(80),
  INTERNAL_LISTENER_PORT: integer(1, 65_535).default(8_443),
  KEY_PAIR: z.string().optional(),
  BASTION_CIDR: cidr.optional(),
  // Each look is also a sign of life to other runs, which count on one every 15 seconds.
  POLL_INTERVAL: duration.refine((ms) => ms >= 100 && ms <= 15_000, '0.1 to 15 seconds').default(2_000),
  SETTLE: duration.default(15_000),
  STEPS: steps.default([50, 100]),
  HOLD: duration.default(15_000),
});

/** Settings that each service can have for itself: `<SERVICE>_<NAME>` beats `<NAME>`. */
export const serviceSchema = z.object({
  EXPOSE: z.enum(['public', 'internal'], 'public or internal').optional(),
  PROTOCOL: z.enum(['http'], 'http (grpc is not supported yet)').default('http'),
  PATH_PATTERN: text(/^\/[\w\-.$/~"'@:+&*?]{0,127}$/, 'a path pattern of the load balancer, such as /* or /api/*').default('/*'),
  HOST_HEADER: text(/^[\w\-.*?]{1,128}$/, 'a host name, such as api.example.com').optional(),
  CONTAINER_PORT: integer(1, 65_535).default(8_080),
  DESIRED_COUNT: integer(1, 5_000).default(2),
  CPU: z.enum(['256', '512', '1024', '2048', '4096', '8192', '16384'], 'a Fargate size: 256, 512, 1024, 2048, 4096, 8192 or 16384').default('256'),
  MEMORY: integer(512, 122_880).default(512),
  CPU_ARCHITECTURE: z.enum(['X86_64', 'ARM64'], 'X86_64 or ARM64').default('X86_64'),
  HEALTH_CHECK_PATH: text(/^\/[!-~]{0,1023}$/, 'a path such as /ping').default('/'),
  HEALTH_CHECK_INTERVAL: integer(5, 300).default(5),
  HEALTH_CHECK_TIMEOUT: integer(2, 120).default(2),
  HEALTHY_THRESHOLD: integer(2, 10).default(2),
  UNHEALTHY_THRESHOLD: integer(2, 10).default(2),
  HEALTH_CHECK_GRACE_PERIOD: integer(0, 2_147_483_647).default(60),
  DEREGISTRATION_DELAY: integer(0, 3_600).default(30),
  MAX_5XX: parsed(parseMax5xx, MAX_5XX_LOOKS).optional(),
  MAX_LATENCY: parsed(parseMaxLatency, MAX_LATENCY_LOOKS).optional(),
  BUILDER: z.enum(['pack'], 'pack (the only builder so far)').default('pack'),
  BASE_IMAGE: z.enum(['none'], 'none (base images are not supported yet)').default('none'),
});
