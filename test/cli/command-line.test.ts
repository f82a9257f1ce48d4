/** What was typed, as it is repeated in the commands that an error names next. */
import { splitCommandLine, withWhere } from '../../src/cli/command-line.ts';

test('flags that say where are kept apart from the command', () => {
  expect(splitCommandLine(['--profile', 'harbour', 'route', '--region=eu-west-1', '--canary', '50', '--service', 'client'])).toEqual({
    command: 'route --canary 50',
    where: ' --profile harbour --region=eu-west-1 --service client',
  });
  expect(splitCommandLine(['status', '--region'])).toEqual({ command: 'status --region', where: '' });
});

test('what a shell would take apart is quoted', () => {
  expect(splitCommandLine(['probe', '--url', 'http://127.0.0.1/?a=1&b=2', '--pattern', "it's (.*)", '--env-file', 'my settings'])).toEqual({
    command: String.raw`probe --url 'http://127.0.0.1/?a=1&b=2' --pattern 'it'\''s (.*)'`,
    where: " --env-file 'my settings'",
  });
});

test('every command that is named next works where this one did, but the sandbox’s know no place', () => {
  const typed = splitCommandLine(['promote', '--region', 'eu-west-1']);
  expect(withWhere('ecs-canary rollback, or ecs-canary route --canary 0', typed)).toBe('ecs-canary rollback --region eu-west-1, or ecs-canary route --region eu-west-1 --canary 0');
  expect(withWhere('ecs-canary sandbox stop', typed)).toBe('ecs-canary sandbox stop');
  expect(withWhere('ecs-canary --help', typed)).toBe('ecs-canary --help');
  expect(withWhere('ecs-canary rollback', splitCommandLine(['promote']))).toBe('ecs-canary rollback');
});
