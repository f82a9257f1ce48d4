/** `--task-definition FILE`: what is taken as one, and that no value of it is ever shown. */
import { join } from 'node:path';
import { readTaskDefinition } from '../../src/cli/task-definition-file.ts';
import { ExitCode } from '../../src/errors.ts';
import { withFolder } from '../folder.ts';

const read = (content: string) => withFolder({ 'task.json': content }, async (dir) => readTaskDefinition(join(dir, 'task.json')));
const SECRET = 'hunter2';
const DEFINITION = {
  family: 'echo',
  cpu: '256',
  containerDefinitions: [{ name: 'server', image: 'x', environment: [{ name: 'PASSWORD', value: SECRET }], somethingNew: { later: true } }],
  volumes: [],
};

test('the JSON that RegisterTaskDefinition takes is taken as it is, members that are new to us included', async () => {
  expect(await read(JSON.stringify(DEFINITION))).toEqual(DEFINITION);
  expect(await read(`\uFEFF${JSON.stringify(DEFINITION)}`)).toEqual(DEFINITION);
});

test('so is the answer of describe-task-definition, without what AWS added', async () => {
  const added = { taskDefinitionArn: 'arn', revision: 3, status: 'ACTIVE', requiresAttributes: [], compatibilities: ['EC2'], registeredAt: 'now', registeredBy: 'me' };
  expect(await read(JSON.stringify({ taskDefinition: { ...DEFINITION, ...added }, tags: [] }))).toEqual(DEFINITION);
  const tags = [{ key: 'team', value: 'harbour' }];
  expect(await read(JSON.stringify({ taskDefinition: DEFINITION, tags }))).toEqual({ ...DEFINITION, tags });
});

test.each([
  ['text', `family: echo # ${SECRET}`, /is not JSON\.$/],
  ['JSON that is cut off', JSON.stringify(DEFINITION).slice(0, -20), /is not JSON\.$/],
  ['a list', JSON.stringify([SECRET]), /is not a task definition: /],
  ['no family', JSON.stringify({ ...DEFINITION, family: undefined }), /is not a task definition: family: /],
  ['no container', JSON.stringify({ ...DEFINITION, containerDefinitions: [] }), /is not a task definition: containerDefinitions: /],
  ['a container without a name', JSON.stringify({ ...DEFINITION, containerDefinitions: [{ image: SECRET }] }), /containerDefinitions\.0\.name: /],
])('%s is wrong usage, and the message quotes nothing of the file', async (_what, content, message) => {
  const error: unknown = await read(content).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ exitCode: ExitCode.usage, message: expect.stringMatching(message) });
  expect(String(error)).not.toContain(SECRET);
});
