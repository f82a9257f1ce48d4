/** The table of calls and their IAM actions is whole: what the program calls, and what its templates make, stands in it. */
import { readdirSync, readFileSync } from 'node:fs';
import { CALLS } from '../../src/sandbox/iam/calls.ts';
import { RESOURCE_TYPES } from '../../src/sandbox/iam/resource-types.ts';

const SERVICES: Readonly<Record<string, keyof typeof CALLS>> = { elbv2: 'elasticloadbalancing', cloudwatch: 'monitoring' };
/** Characters without white space that AWS takes in one policy: managed, and inline in a role. */
const MANAGED = 6_144;
const INLINE = 10_240;

test('every SDK command that the program loads is mapped', () => {
  const missing = readdirSync('src/aws/sdk').flatMap((file) => {
    const service = file.replace(/\.ts$/, '');
    const calls = new Map(Object.entries(CALLS)).get(SERVICES[service] ?? service) ?? {};
    const commands = [...readFileSync(`src/aws/sdk/${file}`, 'utf8').matchAll(/^ {2}(\w+)Command,$/gm)].map(([, name = '']) => name);
    return commands.filter((name) => !Object.hasOwn(calls, name)).map((name) => `${service}: ${name}`);
  });
  expect(missing).toEqual([]);
});

test('every type of resource in the templates is mapped', () => {
  const types = ['base', 'service'].flatMap((name) => readFileSync(`src/infra/templates/${name}.yaml`, 'utf8').match(/(?<=^ {4}Type: )AWS::\w+::\w+$/gm) ?? []);
  expect(types.length).toBeGreaterThan(10);
  expect(types.filter((type) => !Object.hasOwn(RESOURCE_TYPES, type))).toEqual([]);
});

test.each([['infra', INLINE], ['deploy', MANAGED], ['route', MANAGED], ['read-only', MANAGED]])('%s.json is not too long for AWS with the longest names', (name, most) => {
  const text = readFileSync(`docs/iam/${name}.json`, 'utf8');
  const filled = text.replaceAll('${ProjectName}', 'x'.repeat(32)).replaceAll('${AccountId}', '1'.repeat(12)).replaceAll('${Region}', 'ap-southeast-1');
  expect(filled.replaceAll(/\s/g, '').length).toBeLessThanOrEqual(most);
});
