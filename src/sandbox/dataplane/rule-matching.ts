/** Which rule of a listener a request meets: the first one, by priority, whose conditions all hold. */
import { BlockList, isIPv6 } from 'node:net';
import type { QueryStringKeyValuePair, RuleCondition } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { StoredRule } from '../world/elbv2-state.ts';
import { type ArrivedRequest, headerValues } from './exchange.ts';

type Predicate = (request: ArrivedRequest) => boolean;

/** The rule that handles the request; a listener's last rule, the default one, takes whatever is left. */
export function matchRule(rules: readonly StoredRule[], request: ArrivedRequest): StoredRule | undefined {
  return rules.find((rule) => rule.Conditions.every((condition) => predicateOf(condition)(request)));
}

/** Conditions are replaced, never changed in place, so each is compiled once. */
const compiled = new WeakMap<RuleCondition, Predicate>();

function predicateOf(condition: RuleCondition): Predicate {
  const known = compiled.get(condition);
  if (known) return known;
  const predicate = compile(condition);
  compiled.set(condition, predicate);
  return predicate;
}

function compile(condition: RuleCondition): Predicate {
  switch (condition.Field ?? '') {
    case 'host-header': {
      const matches = anyOf(condition.HostHeaderConfig ?? {}, 'i');
      return (request) => matches((headerValues(request, 'host')[0] ?? '').replace(/:\d+$/, ''));
    }
    case 'path-pattern': {
      const matches = anyOf(condition.PathPatternConfig ?? {}, '');
      return (request) => matches(pathOf(request));
    }
    case 'http-header': {
      const matches = anyOf(condition.HttpHeaderConfig ?? {}, 'i');
      const name = (condition.HttpHeaderConfig?.HttpHeaderName ?? '').toLowerCase();
      return (request) => headerValues(request, name).some(matches);
    }
    case 'http-request-method': {
      const methods = condition.HttpRequestMethodConfig?.Values ?? [];
      return (request) => methods.includes(request.method);
    }
    case 'query-string':
      return queryPredicate(condition.QueryStringConfig?.Values ?? []);
    case 'source-ip':
      return sourcePredicate(condition.SourceIpConfig?.Values ?? []);
    default:
      return () => false;
  }
}

function anyOf(config: { Values?: string[]; RegexValues?: string[] }, flags: 'i' | ''): (text: string) => boolean {
  const patterns = [
    ...(config.Values ?? []).map((value) => wildcard(value, flags)),
    ...(config.RegexValues ?? []).map((value) => new RegExp(value, flags)),
  ];
  return (text) => patterns.some((pattern) => pattern.test(text));
}

/** `*` stands for any characters, `?` for exactly one; a backslash takes their meaning away. */
function wildcard(value: string, flags: 'i' | ''): RegExp {
  const source = value.replace(/\\([*?\\])|[\\^$.*+?()[\]{}|]/g, (found, escaped: string | undefined) => {
    if (escaped !== undefined) return `\\${escaped}`;
    if (found === '*') return '.*';
    return found === '?' ? '.' : `\\${found}`;
  });
  return new RegExp(`^${source}$`, `s${flags}`);
}

function pathOf(request: ArrivedRequest): string {
  return request.url.replace(/\?.*$/s, '');
}

function queryPredicate(pairs: readonly QueryStringKeyValuePair[]): Predicate {
  const patterns = pairs.map(({ Key, Value = '' }) => ({
    key: Key === undefined ? undefined : wildcard(Key, 'i'),
    value: wildcard(Value, 'i'),
  }));
  return (request) => {
    const query = (request.url ?? '').split('?').slice(1).join('?');
    const found = query.split('&').map((part) => part.split('='));
    return found.some(([key = '', ...value]) =>
      patterns.some((pattern) => (pattern.key?.test(key) ?? true) && pattern.value.test(value.join('='))),
    );
  };
}

function sourcePredicate(ranges: readonly string[]): Predicate {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', prefix = ''] = range.split('/');
    list.addSubnet(address, Number(prefix), isIPv6(address) ? 'ipv6' : 'ipv4');
  }
  return (request) => list.check(request.clientAddress, 'ipv4');
}
