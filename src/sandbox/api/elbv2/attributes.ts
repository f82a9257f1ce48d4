/** Attributes of load balancers, listeners and target groups: AWS's keys, defaults and checks. */
import { AwsError } from '../../errors.ts';
import { validationError } from './lookup.ts';

interface Attribute {
  readonly initial: string;
  /** What is wrong with a value, as the end of a sentence; undefined when it is allowed. */
  problem(value: string): string | undefined;
}

export type AttributeTable = Readonly<Record<string, Attribute>>;

interface KeyAndValue {
  Key?: string;
  Value?: string;
}

/** The attributes of something new. */
export function initialAttributes(table: AttributeTable): Record<string, string> {
  return Object.fromEntries(Object.entries(table).map(([key, { initial }]) => [key, initial]));
}

/** `current` with the changes made. Throws AwsError ValidationError for unknown keys and values that AWS refuses. */
export function changedAttributes(
  what: string,
  table: AttributeTable,
  current: Readonly<Record<string, string>>,
  changes: readonly KeyAndValue[],
): Record<string, string> {
  const keys = changes.map(({ Key }) => Key);
  const repeated = keys.find((key, i) => keys.indexOf(key) !== i);
  if (repeated !== undefined) {
    throw new AwsError('InvalidConfigurationRequest', `${what} attribute '${repeated}' is specified more than once`);
  }
  const changed = { ...current };
  for (const { Key = '', Value = '' } of changes) {
    const attribute = table[Key];
    if (!attribute) throw validationError(`${what} attribute key '${Key}' is not recognized`);
    const problem = attribute.problem(Value);
    if (problem !== undefined) throw validationError(`'${Value}' is not a valid value for '${Key}': it ${problem}`);
    changed[Key] = Value;
  }
  return changed;
}

/** Attributes as AWS lists them. */
export function listedAttributes(attributes: Readonly<Record<string, string>>): { Key: string; Value: string }[] {
  return Object.entries(attributes).map(([Key, Value]) => ({ Key, Value }));
}

function text(initial = ''): Attribute {
  return { initial, problem: () => undefined };
}

function oneOf(initial: string, ...others: string[]): Attribute {
  const values = [initial, ...others];
  return { initial, problem: (value) => (values.includes(value) ? undefined : `must be one of [${values.join(', ')}]`) };
}

const flag = (initial: 'true' | 'false') => oneOf(initial, initial === 'true' ? 'false' : 'true');

/** A whole number of the range, or one of the words. */
function number(initial: string, from: number, to: number, ...words: string[]): Attribute {
  const allowed = (value: string) => words.includes(value) || (/^\d+$/.test(value) && from <= Number(value) && Number(value) <= to);
  const range = [`between ${from} and ${to}`, ...words].join(' or ');
  return { initial, problem: (value) => (allowed(value) ? undefined : `must be ${range}`) };
}

const WEEK = 604_800;
const MOST_TARGETS = 1_000;

export const TARGET_GROUP_ATTRIBUTES: AttributeTable = {
  'target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage': number('off', 1, 100, 'off'),
  'deregistration_delay.timeout_seconds': number('300', 0, 3_600),
  'stickiness.type': oneOf('lb_cookie', 'app_cookie'),
  'stickiness.lb_cookie.duration_seconds': number('86400', 1, WEEK),
  'slow_start.duration_seconds': number('0', 30, 900, '0'),
  'stickiness.app_cookie.duration_seconds': number('86400', 1, WEEK),
  'target_group_health.dns_failover.minimum_healthy_targets.percentage': number('off', 1, 100, 'off'),
  'load_balancing.cross_zone.enabled': oneOf('use_load_balancer_configuration', 'true', 'false'),
  'load_balancing.algorithm.type': oneOf('round_robin', 'least_outstanding_requests', 'weighted_random'),
  'load_balancing.algorithm.anomaly_mitigation': oneOf('off', 'on'),
  'target_group_health.unhealthy_state_routing.minimum_healthy_targets.count': number('1', 1, MOST_TARGETS),
  'stickiness.enabled': flag('false'),
  'target_group_health.dns_failover.minimum_healthy_targets.count': number('1', 1, MOST_TARGETS, 'off'),
  'stickiness.app_cookie.cookie_name': text(),
};

export const LOAD_BALANCER_ATTRIBUTES: AttributeTable = {
  'access_logs.s3.enabled': flag('false'),
  'access_logs.s3.bucket': text(),
  'access_logs.s3.prefix': text(),
  'idle_timeout.timeout_seconds': number('60', 1, 4_000),
  'deletion_protection.enabled': flag('false'),
  'routing.http2.enabled': flag('true'),
  'routing.http.drop_invalid_header_fields.enabled': flag('false'),
  'routing.http.xff_client_port.enabled': flag('false'),
  'routing.http.preserve_host_header.enabled': flag('false'),
  'routing.http.xff_header_processing.mode': oneOf('append', 'preserve', 'remove'),
  'load_balancing.cross_zone.enabled': oneOf('true'),
  'routing.http.desync_mitigation_mode': oneOf('defensive', 'monitor', 'strictest'),
  'client_keep_alive.seconds': number('3600', 60, WEEK),
  'waf.fail_open.enabled': flag('false'),
  'routing.http.x_amzn_tls_version_and_cipher_suite.enabled': flag('false'),
  'zonal_shift.config.enabled': flag('false'),
  'connection_logs.s3.enabled': flag('false'),
  'connection_logs.s3.bucket': text(),
  'connection_logs.s3.prefix': text(),
  'health_check_logs.s3.enabled': flag('false'),
  'health_check_logs.s3.bucket': text(),
  'health_check_logs.s3.prefix': text(),
  'ipv6.deny_all_igw_traffic': flag('false'),
};

export const LISTENER_ATTRIBUTES: AttributeTable = {
  'routing.http.response.server.enabled': flag('true'),
  'routing.http.response.strict_transport_security.header_value': text(),
  'routing.http.response.access_control_allow_origin.header_value': text(),
  'routing.http.response.access_control_allow_methods.header_value': text(),
  'routing.http.response.access_control_allow_headers.header_value': text(),
  'routing.http.response.access_control_allow_credentials.header_value': text(),
  'routing.http.response.access_control_expose_headers.header_value': text(),
  'routing.http.response.access_control_max_age.header_value': text(),
  'routing.http.response.content_security_policy.header_value': text(),
  'routing.http.response.x_content_type_options.header_value': text(),
  'routing.http.response.x_frame_options.header_value': text(),
};
