/** Conditions of rules: AWS's checks, and the form in which AWS keeps them. */
import { isIP } from 'node:net';
import type { RuleCondition } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Region } from '../../parts.ts';
import { limitOf } from './limits.ts';
import { validationError } from './lookup.ts';

const LONGEST_VALUE = 128;
/** A rule can have only one condition of each of these. */
const SINGLE = ['host-header', 'http-request-method', 'path-pattern', 'source-ip'];
const FIELDS = [...SINGLE, 'http-header', 'query-string'];
/** What a path pattern and a host pattern are made of. */
const PATH = /^[\w\-.$/~"'@:+&*?%]+$/;
const HOST = /^[A-Za-z0-9\-.*?]+$/;
/** There is a field of its own for the host. */
const HEADER_NAME = /^(?!host$)[\w!#$%&'*+\-.^`|~]{1,40}$/i;

/** The conditions as AWS answers them. Throws AwsError ValidationError for what AWS refuses. */
export function normaliseConditions(region: Region, conditions: readonly RuleCondition[]): RuleCondition[] {
  if (conditions.length === 0) throw validationError('A condition must be specified');
  const fields = conditions.map(({ Field }) => Field);
  const repeated = fields.find((field, i) => SINGLE.includes(field ?? '') && fields.indexOf(field) !== i);
  if (repeated !== undefined) throw validationError(`A rule can have only one condition with field '${repeated}'`);
  const normalised = conditions.map(normaliseCondition);
  checkQuotas(region, normalised);
  return normalised;
}

function normaliseCondition(condition: RuleCondition): RuleCondition {
  switch (condition.Field ?? '') {
    case 'path-pattern': {
      const { Values, RegexValues } = patterns(condition, condition.PathPatternConfig);
      checkValues(Values, PATH, 'path pattern');
      return { Field: 'path-pattern', Values, PathPatternConfig: { Values, ...RegexValues } };
    }
    case 'host-header': {
      const { Values, RegexValues } = patterns(condition, condition.HostHeaderConfig);
      checkValues(Values, HOST, 'host name');
      return { Field: 'host-header', Values, HostHeaderConfig: { Values, ...RegexValues } };
    }
    case 'http-header': {
      const { Values, RegexValues } = patterns(condition, condition.HttpHeaderConfig);
      const HttpHeaderName = condition.HttpHeaderConfig?.HttpHeaderName ?? '';
      if (!HEADER_NAME.test(HttpHeaderName)) throw validationError(`The HTTP header name '${HttpHeaderName}' is not valid`);
      checkValues(Values, /^[ -~]+$/, 'HTTP header value');
      return { Field: 'http-header', HttpHeaderConfig: { HttpHeaderName, Values, ...RegexValues } };
    }
    case 'http-request-method': {
      const Values = given(condition.HttpRequestMethodConfig?.Values);
      checkValues(Values, /^[A-Z_-]{1,40}$/, 'HTTP request method');
      return { Field: 'http-request-method', HttpRequestMethodConfig: { Values } };
    }
    case 'query-string': {
      const Values = given(condition.QueryStringConfig?.Values);
      checkValues(Values.map(({ Value = '' }) => Value), /./, 'query string value');
      return { Field: 'query-string', QueryStringConfig: { Values } };
    }
    case 'source-ip': {
      const Values = given(condition.SourceIpConfig?.Values);
      const invalid = Values.find((value) => !isCidr(value));
      if (invalid !== undefined) throw validationError(`The source IP '${invalid}' is not a valid CIDR block`);
      return { Field: 'source-ip', SourceIpConfig: { Values } };
    }
    default:
      throw validationError(`Condition field '${condition.Field}' must be one of '[${FIELDS.join(', ')}]'`);
  }
}

/** What a condition compares with, whether it came in `Values` or in the field's own configuration. */
function patterns(condition: RuleCondition, config: { Values?: string[]; RegexValues?: string[] } | undefined) {
  const regexes = condition.RegexValues ?? config?.RegexValues ?? [];
  const Values = condition.Values ?? config?.Values ?? [];
  return { Values: regexes.length > 0 ? Values : given(Values), RegexValues: regexes.length > 0 && { RegexValues: regexes } };
}

function given<T>(values: readonly T[] | undefined): T[] {
  if (!values || values.length === 0) throw validationError('A condition value must be specified');
  return [...values];
}

function checkValues(values: readonly string[], allowed: RegExp, what: string): void {
  for (const value of values) {
    if (value.length > LONGEST_VALUE) throw validationError(`The ${what} '${value}' can't be longer than '${LONGEST_VALUE}' characters`);
    if (!allowed.test(value)) throw validationError(`The ${what} '${value}' is not valid`);
  }
}

function checkQuotas(region: Region, conditions: readonly RuleCondition[]): void {
  const values = conditions.flatMap(comparedValues);
  const mostValues = limitOf(region, 'condition-values-per-alb-rule');
  if (values.length > mostValues) throw validationError(`A rule can only have '${mostValues}' condition values`);
  const mostWildcards = limitOf(region, 'condition-wildcards-per-alb-rule');
  if ((values.join('').match(/[*?]/g) ?? []).length > mostWildcards) {
    throw validationError(`A rule can only have '${mostWildcards}' condition wildcards`);
  }
}

function comparedValues(condition: RuleCondition): string[] {
  return [
    condition.PathPatternConfig,
    condition.HostHeaderConfig,
    condition.HttpHeaderConfig,
    condition.HttpRequestMethodConfig,
    condition.SourceIpConfig,
    { Values: condition.QueryStringConfig?.Values?.map(({ Key = '', Value = '' }) => Key + Value) },
  ].flatMap((config) => config?.Values ?? []);
}

function isCidr(text: string): boolean {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const widest = { 4: 32, 6: 128 }[isIP(address)];
  return widest !== undefined && /^\d{1,3}$/.test(prefix) && Number(prefix) <= widest && rest.length === 0;
}
