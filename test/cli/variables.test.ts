/** Flags beat the environment, the environment beats `.env`, `.env` beats defaults. */
import { join } from 'node:path';
import { loadVariables } from '../../src/cli/variables.ts';
import { ExitCode } from '../../src/errors.ts';
import { withFolder } from '../folder.ts';

/** The variables of a run whose settings file has this content. */
function load(file: string, env: NodeJS.ProcessEnv = {}, ...args: string[]): Promise<NodeJS.ProcessEnv> {
  const variables = { ...env };
  return withFolder({ settings: file }, (dir) => {
    expect(loadVariables(['status', '--env-file', join(dir, 'settings'), ...args], variables)).toBeUndefined();
    return Promise.resolve(variables);
  });
}

test.each([
  ['--region', 'AWS_REGION'],
  ['--region', 'AWS_DEFAULT_REGION'],
  ['--profile', 'AWS_PROFILE'],
  ['--endpoint-url', 'AWS_ENDPOINT_URL'],
  ['--service', 'SERVICE_NAME'],
  ['--steps', 'STEPS'],
  ['--hold', 'HOLD'],
])('%s beats %s of the environment, and that beats the file', async (flag, name) => {
  const file = `${name}=file`;
  expect((await load(file))[name]).toBe('file');
  expect((await load(file, { [name]: 'environment' }))[name]).toBe('environment');
  expect((await load(file, { [name]: 'environment' }, flag, 'flag'))[name]).toBe('flag');
  expect((await load(file, { [name]: 'environment' }, `${flag}=flag`))[name]).toBe('flag');
});

test('of a flag given twice the last one counts', async () => {
  expect(await load('', {}, '--region', 'eu-west-1', '--region=us-east-1')).toMatchObject({ AWS_REGION: 'us-east-1' });
});

test('a variable that is set but empty hides the one in the file', async () => {
  expect(await load('STEPS=5,100', { STEPS: '' })).toMatchObject({ STEPS: '' });
});

test('a file from Windows reads as any other: no byte order mark, no carriage return in a name or value', async () => {
  const variables = await load('\uFEFFPROJECT_NAME=echo\r\n# a comment\r\nAWS_ACCOUNT_ID="123456789012"\r\nexport STEPS=5,100 # why not\r\n\r\n');
  expect(variables).toMatchObject({ PROJECT_NAME: 'echo', AWS_ACCOUNT_ID: '123456789012', STEPS: '5,100' });
});

test('ECS_CANARY_ENV_FILE names the file too, and --env-file beats it', () =>
  withFolder({ one: 'HOLD=1s', two: 'HOLD=2s' }, async (dir) => {
    const env = { ECS_CANARY_ENV_FILE: join(dir, 'one') };
    const holdAfter = (...args: string[]) => {
      const variables: NodeJS.ProcessEnv = { ...env };
      loadVariables(['status', ...args], variables);
      return variables['HOLD'];
    };
    expect([holdAfter(), holdAfter('--env-file', join(dir, 'two'))]).toEqual(['1s', '2s']);
  }));

test('a file that was asked for and cannot be read is wrong usage, for whoever needs it', () => {
  expect(loadVariables(['--env-file', '/nowhere/.env'], {})).toEqual(expect.objectContaining({ exitCode: ExitCode.usage, message: expect.stringMatching(/^The settings file \/nowhere\/\.env cannot be read/) }));
});

test('a file with a NUL is wrong usage: half of a value must not count as the whole', () =>
  withFolder({ settings: 'PROJECT_NAME=har\0bour\n' }, (dir) => {
    const variables = {};
    const problem = loadVariables(['status', '--env-file', join(dir, 'settings')], variables);
    expect(problem).toMatchObject({ exitCode: ExitCode.usage, message: expect.stringMatching(/settings holds a NUL character/) });
    expect(variables).not.toHaveProperty('PROJECT_NAME');
    return Promise.resolve();
  }));

test('the SDK reads its variables where these are laid', async () => {
  const env: NodeJS.ProcessEnv = {};
  await withFolder({ settings: 'AWS_PROFILE=harbour' }, (dir) => Promise.resolve(loadVariables(['--env-file', join(dir, 'settings')], env)));
  expect(env['AWS_PROFILE']).toBe('harbour');
});
