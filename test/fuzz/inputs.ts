/** What people, scripts and broken disks give to the program: command lines, variables, settings files, task definitions. */
import type { Option } from 'commander';
import fc from 'fast-check';
import { commands } from '../../src/cli/commands.ts';
import { globalOptions } from '../../src/cli/global-options.ts';
import { projectSchema, serviceSchema } from '../../src/settings/schema.ts';

const REGION = 'eu-west-1';
const ACCOUNT = '123456789012';
const GROUP = `arn:aws:elasticloadbalancing:${REGION}:${ACCOUNT}:targetgroup`;

/** Values that some option or setting takes, and many that none does. None of them leads out of this machine. */
const value = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('', ' ', '0', '1', '50', '100', '101', '-1', '--', '-', '0x10', '1e3', 'NaN', 'Infinity', '-0', '00', '1.5', '99999999999999999999', 'true', 'false', 'no', 'null', 'undefined', '__proto__', 'constructor', 'toString') },
  { weight: 3, arbitrary: fc.constantFrom('5,25,50,100', '100', '100,50', ',', ',,,', '5%,100%', '15s', '2m', '1h30m', '-5s', '10000000000h', '9e9s', '0ms', '25h') },
  { weight: 3, arbitrary: fc.constantFrom(`${GROUP}/one/0123456789abcdef`, `${GROUP}/two/0123456789abcdef`, 'arn:', 'arn:aws:ecs:::', 'server', 'client', REGION, 'eu-west-2', 'EU', ACCOUNT, '1.0', 'a/b', '../..', '/', '.', '/dev/null', '/nowhere', '/etc/shadow') },
  { weight: 2, arbitrary: fc.constantFrom('http://127.0.0.1:1', 'http://127.0.0.1:99999', 'http://', 'ftp://127.0.0.1', 'http://[::1', 'http://user:secret@127.0.0.1:1', '(', 'Version (.*)', '(a)(b)', '(?<', '\\') },
  { weight: 2, arbitrary: fc.constantFrom('\u0000', '\u001b[2J', '\r\nError: x', '\n', '\t', 'é', '日本語', '👩‍👩‍👧', '\u202e', '\ud800', '\ufeff', "'", '"', '`id`', '$(id)', '${HOME}', '%s%n', '%00', ';', '|') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.replaceAll('http', 'htp')) },
  { weight: 1, arbitrary: fc.constantFrom('x'.repeat(100_000), '9'.repeat(400), '1,'.repeat(5_000), 'é'.repeat(3_000)) },
);

/** What options take, so that many command lines get further than to the first of them. */
const TAKEN: Readonly<Record<string, string>> = {
  '--canary': '50', '--primary': '50', '--tag': '1.0', '--steps': '5,100', '--hold': '1s', '--timeout': '2s', '--tasks': '1', '--service': 'server', '--template': 'base', '--region': REGION,
  '--primary-target-group': `${GROUP}/one/0123456789abcdef`, '--canary-target-group': `${GROUP}/two/0123456789abcdef`, '--url': 'http://127.0.0.1:1', '--requests': '2', '--error': 'AccessDenied',
  '--builder': 'pack', '--platform': 'linux/amd64', '--file': 'Dockerfile', '--container': 'server',
  '--listener': `arn:aws:elasticloadbalancing:${REGION}:${ACCOUNT}:listener/app/lb/1/2`, '--rule': `arn:aws:elasticloadbalancing:${REGION}:${ACCOUNT}:listener-rule/app/lb/1/2/3`,
};

/** An option as it is meant to be used, often with a value that it does not take. */
const used = (option: Option) => {
  const names = fc.constantFrom(...[option.long, option.short].flatMap((name) => name ?? []));
  if (!option.required && !option.optional) return names.map((name) => [name]);
  const text = fc.oneof({ weight: 2, arbitrary: fc.constant(TAKEN[option.long ?? ''] ?? '1') }, { weight: 1, arbitrary: value });
  return fc.tuple(names, text, fc.boolean()).map(([name, taken, joined]) => (joined && name.startsWith('--') ? [`${name}=${taken}`] : [name, taken]));
};

/** An option as it is not meant to be used, or none at all. */
const misused = fc.oneof(
  ...[fc.constantFrom(...new Set(commands.flatMap(([, { options }]) => options).flatMap(({ long }) => long ?? [])))].flatMap((name) => [
    name.map((one) => [one]),
    name.map((one) => [`${one}=`]),
    fc.tuple(name, value).map(([one, text]) => [`${one}=${text}`]),
    fc.tuple(name, value, value).map(([one, first, second]) => [one, first, one, second]),
  ]),
  value.map((text) => [`--${text}`]),
  value.map((text) => [text]),
  fc.constantFrom('-x', '-', '--', '---', '-vv', '-vn', '--no-', '--no-json', '--CANARY', '--cana').map((text) => [text]),
);

const NO_COMMANDS = [[], ['sandbox'], ['rolout'], ['help'], ['sandbox', 'sandbox']];

/** A command of ours with options of its own, in any order; now and then no command, an option of another one, or a word too many. */
export const commandLine: fc.Arbitrary<string[]> = fc
  .oneof({ weight: 20, arbitrary: fc.constantFrom(...commands) }, { weight: 1, arbitrary: fc.constantFrom(...NO_COMMANDS.map((path) => [path, undefined] as const)) }, { weight: 1, arbitrary: value.map((text) => [[text], undefined] as const) })
  .chain(([path, command]) => {
    const options = [...(command?.options ?? []), ...(command?.options ?? []), ...globalOptions()];
    const parts = fc.array(fc.oneof({ weight: 12, arbitrary: fc.constantFrom(...options).chain(used) }, { weight: 1, arbitrary: misused }), { maxLength: 5 });
    // Without these two hardly any command gets to work.
    const usual = fc.constantFrom([], command?.options.some(({ long }) => long === '--tag') ? ['--tag', '1.0'] : [], command?.name === 'route' ? ['--canary', '5'] : []);
    return fc.tuple(parts, fc.nat({ max: 5 }), usual).map(([flags, at, more]) => [...flags.slice(0, at).flat(), ...path, ...more, ...flags.slice(at).flat()]);
  })
  // A sandbox that starts in this process would never end.
  .map((args) => (args.includes('start') ? [...args, '--account', 'no-account'] : args));

const ALL_FLAGS = [...new Set([...commands.flatMap(([, { options }]) => options), ...globalOptions()].flatMap(({ long }) => long ?? []))];

const settingNames = [...Object.keys(projectSchema.shape), ...Object.keys(serviceSchema.shape), ...Object.keys(serviceSchema.shape).map((name) => `SERVER_${name}`), 'AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_PROFILE', 'AWS_ENDPOINT_URL', 'AWS_MAX_ATTEMPTS', 'AWS_RETRY_MODE', 'NO_COLOR', 'FORCE_COLOR', 'TERM', 'CI', 'GITHUB_RUN_ID', 'GITHUB_REPOSITORY'];
const optionNames = ALL_FLAGS.map((name) => `ECS_CANARY_${name.replace(/^--(no-)?/, '').toUpperCase().replaceAll('-', '_')}`);

/** As Node hands them over: a name without `=`, no NUL in either. */
export const variables: fc.Arbitrary<Record<string, string>> = fc.dictionary(
  fc.constantFrom(...settingNames, ...optionNames),
  value.map((text) => text.replaceAll('\0', '')),
  { maxKeys: 5 },
);

const line = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom(...settingNames), fc.constantFrom('=', ' = ', ': ', '=="', "='", '="', '=`', ''), value, fc.constantFrom('', '"', "'", '`', ' # why', '\\')).map((parts) => parts.join('')) },
  { weight: 2, arbitrary: fc.constantFrom('PROJECT_NAME=echo', 'AWS_ACCOUNT_ID=123456789012', 'AWS_DEFAULT_REGION=eu-west-1', 'export STEPS=5,100', '# a comment', '', '=', '===', '[section]', '{"json": true}') },
  { weight: 1, arbitrary: value },
);

/** A settings file: what it holds; a folder instead of a file; or none at that place. */
export type SettingsFile = { readonly content: Uint8Array } | 'folder' | 'missing' | 'unreadable';

export const settingsFile: fc.Arbitrary<SettingsFile> = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(fc.constantFrom('', '\ufeff', '\ufeff\ufeff'), fc.array(line, { maxLength: 12 }), fc.constantFrom('\n', '\r\n', '\r', '\n\r', '\u2028')).map(([mark, lines, end]) => ({ content: Buffer.from(mark + lines.join(end)) })) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 3_000 }).map((content) => ({ content })) },
  { weight: 1, arbitrary: fc.constantFrom<SettingsFile>('folder', 'missing', 'unreadable', { content: Buffer.alloc(200_000) }, { content: Buffer.from(`A="${'x'.repeat(1_000_000)}`) }, { content: Buffer.from('PROJECT_NAME=echo\n', 'utf16le') }) },
);

/** JSON that begins like a task definition, and goes on like anything. */
const anything = fc.jsonValue({ maxDepth: 3 });
const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.oneof({ weight: 3, arbitrary }, { weight: 1, arbitrary: anything });
const container = fc.record({ name: some(fc.constantFrom('server', 'other', '')), image: some(fc.constant('x')), portMappings: some(fc.constant([{ containerPort: 80 }])), environment: some(fc.constant([])), essential: anything }, { requiredKeys: [] });
const definition = fc.record({
  family: some(fc.constant('echo')), containerDefinitions: some(fc.array(some(container), { maxLength: 3 })), tags: some(fc.constant([{ key: 'a', value: 'b' }])), cpu: anything, volumes: anything, registeredAt: anything, somethingNew: anything,
}, { requiredKeys: [] });

export const taskDefinition: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: some(definition).map((json) => JSON.stringify(json)) },
  { weight: 2, arbitrary: fc.tuple(some(definition), anything).map(([inner, tags]) => JSON.stringify({ taskDefinition: inner, tags })) },
  { weight: 2, arbitrary: fc.tuple(definition.map((json) => JSON.stringify(json)), fc.nat()).map(([text, at]) => text.slice(0, at % (text.length + 1))) },
  { weight: 1, arbitrary: value },
  { weight: 1, arbitrary: fc.constantFrom('', '\ufeff', 'null', '[]', '"x"', '0', '[['.repeat(20_000), '{"a":'.repeat(20_000), `{"family":"${'x'.repeat(2_000_000)}"}`, '{"family":"a","family":1,"__proto__":{"containerDefinitions":[]}}') },
);
