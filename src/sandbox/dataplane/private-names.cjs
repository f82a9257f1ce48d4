/**
 * Node programs of tasks load this before their own code: it answers for names in private hosted zones, as the resolver of a VPC does,
 * and leaves every other name to the machine. It is copied to `<VPC>.cjs` beside `zones.json`, which it reads at every look-up, and
 * says which VPC the task is in by its own name. It is written for old versions of Node, too, which images may bring.
 */
'use strict';
const dns = require('dns');
const { readFileSync } = require('fs');
const { syncBuiltinESMExports } = require('module');
const { isIP } = require('net');
const path = require('path');
const { promisify } = require('util');

const vpc = path.basename(__filename, '.cjs');
/** Of aliases and CNAMEs that lead to each other. */
const LONGEST_CHAIN = 8;

function zones() {
  try {
    const all = JSON.parse(readFileSync(path.join(__dirname, 'zones.json'), 'utf8'));
    return vpc === 'any' ? all : all.filter(({ vpcs }) => vpcs.includes(vpc));
  } catch {
    return [];
  }
}

/** The records of a name by type; an empty object where its zone has none, undefined where no zone is responsible. */
function recordsOf(name) {
  const wanted = name.toLowerCase().replace(/\.?$/, '.');
  const responsible = zones().filter((one) => wanted === one.name || wanted.endsWith(`.${one.name}`));
  if (responsible.length === 0) return undefined;
  const zone = responsible.map((one) => one.name).reduce((longest, other) => (other.length > longest.length ? other : longest));
  // Where the VPC is not known there may be several of that name.
  const held = responsible.filter((one) => one.name === zone).flatMap(({ records }) => records);
  for (let labels = wanted.split('.'), asked = wanted; ; labels = labels.slice(1), asked = `*.${labels.join('.')}`) {
    const found = held.filter((record) => record.name === asked);
    if (found.length > 0) return Object.fromEntries(found.map(({ type, values, alias }) => [type, { values, alias }]));
    if (labels.join('.') === zone) return {};
  }
}

/** Addresses of a type, or the name outside that a chain of aliases ends at; undefined for a name that is none of ours. */
function answer(name, type, depth = 0) {
  const records = depth > LONGEST_CHAIN ? {} : recordsOf(name);
  if (!records) return undefined;
  const record = records[type] ?? records.CNAME;
  if (!record) return { addresses: [], exists: Object.keys(records).length > 0 };
  const next = record.alias ?? (records[type] ? undefined : record.values[0]);
  if (next === undefined) return { addresses: record.values, exists: true };
  const address = next.replace(/\.$/, '');
  if (isIP(address)) return { addresses: isIP(address) === (type === 'A' ? 4 : 6) ? [address] : [], exists: true };
  return answer(next, type, depth + 1) ?? { elsewhere: address };
}

function failure(syscall, code, hostname) {
  const error = Object.assign(new Error(`${syscall} ${code} ${hostname}`), { code, syscall, hostname });
  return code === 'ENOTFOUND' && syscall === 'getaddrinfo' ? Object.assign(error, { errno: -3008 }) : error;
}

/** What `lookup` says: `{ addresses }`, `{ elsewhere }`, `{ error }`, or undefined for a name that is none of ours. */
function lookedUp(hostname, family) {
  if (typeof hostname !== 'string' || isIP(hostname)) return undefined;
  const types = family === 4 || family === 'IPv4' ? ['A'] : family === 6 || family === 'IPv6' ? ['AAAA'] : ['A', 'AAAA'];
  const answers = types.map((type) => answer(hostname, type));
  if (answers.includes(undefined)) return undefined;
  const elsewhere = answers.find((one) => one.elsewhere !== undefined);
  if (elsewhere) return elsewhere;
  const addresses = answers.flatMap((one) => one.addresses).map((address) => ({ address, family: isIP(address) }));
  return addresses.length > 0 ? { addresses } : { error: failure('getaddrinfo', 'ENOTFOUND', hostname) };
}

const settings = (options) => (typeof options === 'object' && options !== null ? options : { family: typeof options === 'number' ? options : 0 });

const { lookup } = dns;
const lookupLater = dns.promises.lookup;

function privateLookup(hostname, options, callback = options) {
  const given = settings(options);
  const found = typeof callback === 'function' ? lookedUp(hostname, given.family) : undefined;
  if (!found) return lookup(...arguments);
  if (found.elsewhere !== undefined) return lookup(found.elsewhere, given, callback);
  const [first] = found.addresses ?? [];
  process.nextTick(() => {
    if (found.error) callback(found.error);
    else if (given.all) callback(null, found.addresses);
    else callback(null, first.address, first.family);
  });
  return {};
}

async function privateLookupLater(hostname, options) {
  const given = settings(options);
  const found = lookedUp(hostname, given.family);
  if (!found) return lookupLater(hostname, options);
  if (found.elsewhere !== undefined) return lookupLater(found.elsewhere, given);
  if (found.error) throw found.error;
  return given.all ? found.addresses : found.addresses[0];
}

/** Of `resolve4` and `resolve6`. */
function resolved(type, hostname) {
  const found = typeof hostname === 'string' ? answer(hostname, type) : undefined;
  if (!found || found.elsewhere !== undefined) return found;
  return found.addresses.length > 0 ? found : { error: failure(`query${type}`, found.exists ? 'ENODATA' : 'ENOTFOUND', hostname) };
}

function privateResolve(type, original) {
  return function resolve(hostname, options, callback = options) {
    const found = typeof callback === 'function' ? resolved(type, hostname) : undefined;
    if (!found) return original.apply(this, arguments);
    if (found.elsewhere !== undefined) return original.call(this, found.elsewhere, ...(callback === options ? [callback] : [options, callback]));
    process.nextTick(() => (found.error ? callback(found.error) : callback(null, withTtl(found.addresses, options))));
    return {};
  };
}

function privateResolveLater(type, original) {
  return async function resolve(hostname, options) {
    const found = resolved(type, hostname);
    if (!found || found.elsewhere !== undefined) return original.call(this, found?.elsewhere ?? hostname, options);
    if (found.error) throw found.error;
    return withTtl(found.addresses, options);
  };
}

function withTtl(addresses, options) {
  return options?.ttl === true ? addresses.map((address) => ({ address, ttl: 60 })) : addresses;
}

privateLookup[promisify.custom] = privateLookupLater;
dns.lookup = privateLookup;
dns.promises.lookup = privateLookupLater;
for (const [name, type] of [['resolve4', 'A'], ['resolve6', 'AAAA']]) {
  for (const holder of [dns, dns.Resolver.prototype]) holder[name] = privateResolve(type, holder[name]);
  for (const holder of [dns.promises, dns.promises.Resolver.prototype]) holder[name] = privateResolveLater(type, holder[name]);
}
syncBuiltinESMExports();
