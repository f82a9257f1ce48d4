/** Consent on a terminal: what the program asks before it destroys something, and what it makes of the answer. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { runProgram } from '../../src/cli/program.ts';
import { withFolder } from '../folder.ts';

/** `sandbox reset` of a folder that a sandbox left behind, by somebody who types `keys`. */
function reset(keys: string, ...args: string[]) {
  return withFolder({ 'sandbox/requests.ndjson': '' }, async (folder) => {
    const dir = join(folder, 'sandbox');
    const stream = () => Object.assign(new PassThrough(), { isTTY: true });
    const [stdin, stdout, stderr] = [stream(), stream(), stream()];
    stdin.write(keys);
    const code = await runProgram(['sandbox', 'reset', '--dir', dir, ...args], { stdin, stdout, stderr, env: {} }, '0');
    stdout.end();
    stderr.end();
    return { code, kept: existsSync(dir), stdout: await text(stdout), stderr: await text(stderr) };
  });
}

test.each(['y\n', 'yes\n', ' Y \n'])('%j is consent', async (answer) => {
  expect(await reset(answer)).toMatchObject({ code: 0, kept: false, stderr: expect.stringMatching(/Remove everything that the sandbox in .* holds\? \[y\/N\] /) });
});

test.each(['n\n', '\n', 'yep\n', '\u0003', '\u0004'])('%j is none: nothing was changed', async (answer) => {
  expect(await reset(answer)).toMatchObject({ code: 1, kept: true, stdout: '', stderr: expect.stringContaining('Error: Nothing was changed.') });
});

test('with --yes nothing is asked', async () => {
  expect(await reset('', '--yes')).toMatchObject({ code: 0, kept: false, stderr: '' });
});
