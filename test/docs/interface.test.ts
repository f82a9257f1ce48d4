import { readFileSync } from 'node:fs';
import { commands } from '../../src/cli/commands.ts';
import { globalOptions } from '../../src/cli/global-options.ts';
import { ExitCode } from '../../src/errors.ts';
import { projectSchema, serviceSchema } from '../../src/settings/schema.ts';

const page = readFileSync(new URL('../../docs/interface.md', import.meta.url), 'utf8');
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** The cells of every table row of the page. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim()));

const flagsIn = (text: string): string[] => [...text.matchAll(/`(--[a-z0-9-]+)/g)].flatMap(([, flag]) => flag ?? []).toSorted();

/** The row of the options table that names the command. */
function optionsRow(name: string): string[] | undefined {
  return rows.find(([first = '']) => first.split(', ').some((words) => words.replace(/ \[DIR\]/, '') === `\`${name}\``));
}

test.each(commands.map(([path, command]) => [path.join(' '), command] as const))('%s has just the options that the page says', (name, command) => {
  expect(flagsIn(optionsRow(name)?.[1] ?? '')).toEqual(command.options.flatMap(({ long }) => long ?? []).toSorted());
});

test('the page names the global options', () => {
  const row = rows.find(([first]) => first === 'every command');
  expect(flagsIn(row?.[1] ?? '')).toEqual(globalOptions().flatMap(({ long }) => long ?? []).toSorted());
});

test('the page says which commands take --dry-run', () => {
  const said = /`--dry-run` is for the commands that change AWS: ([\s\S]*?)\.\n/.exec(page)?.[1] ?? '';
  const names = [...said.matchAll(/`([a-z-]+)`/g)].flatMap(([, name]) => name ?? []);
  expect(names.toSorted()).toEqual(commands.filter(([, { writes }]) => writes).map(([, { name }]) => name).toSorted());
});

test('the page has every setting', () => {
  const settings = rows.flatMap(([first = '']) => /^`([A-Z0-9_]+)`$/.exec(first)?.[1] ?? []);
  const known = [...Object.keys(projectSchema.shape), ...Object.keys(serviceSchema.shape), 'AWS_DEFAULT_REGION'];
  expect(settings.toSorted()).toEqual(known.toSorted());
});

test('the page has the defaults that settings really have', () => {
  const saidOf = (name: string) => rows.find(([first]) => first === `\`${name}\``)?.[1]?.replaceAll('`', '');
  const names = [...Object.keys(projectSchema.shape), ...Object.keys(serviceSchema.shape)];
  const said = Object.fromEntries(names.map((name) => [name, saidOf(name)]).filter(([, value]) => !['needed', 'none', 'that one'].includes(value ?? '')));
  const needed = { PROJECT_NAME: 'echo', AWS_ACCOUNT_ID: '000000000000' };
  const { EXPOSE: _byPlace, HEALTH_CHECK_PATH: _byProtocol, ...explicit } = said;
  // What the page says, read as settings, is what comes out when nothing is said.
  expect({ ...projectSchema.parse({ ...explicit, ...needed }), ...serviceSchema.parse(explicit) }).toEqual({
    ...projectSchema.parse(needed),
    ...serviceSchema.parse({}),
  });
  expect(Object.keys(explicit)).toHaveLength(21);
});

test('the page has every exit code', () => {
  const said = rows.flatMap(([first = '']) => (/^\d+$/.test(first) ? Number(first) : []));
  expect(said.toSorted((a, b) => a - b)).toEqual(Object.values(ExitCode).toSorted((a, b) => a - b));
});

test("the README's table has every command", () => {
  const named = readme.split('\n').flatMap((line) => /^\| `([a-z-]+)/.exec(line)?.[1] ?? []);
  expect(named).toEqual([...new Set(commands.map(([[first]]) => first))].toSorted((a, b) => named.indexOf(a ?? '') - named.indexOf(b ?? '')));
});
