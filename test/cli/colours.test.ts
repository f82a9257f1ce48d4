/** Colours are for terminals, unless their user says otherwise. */
import { PassThrough } from 'node:stream';
import { colours } from '../../src/cli/colours.ts';

const terminal = (isTTY: boolean, env: NodeJS.ProcessEnv) => ({ stdin: new PassThrough(), stdout: Object.assign(new PassThrough(), { isTTY }), stderr: new PassThrough(), env });

test.each([
  ['a terminal', true, {}, {}, true],
  ['a pipe', false, {}, {}, false],
  ['a pipe that FORCE_COLOR asks for', false, {}, { FORCE_COLOR: '1' }, true],
  ['FORCE_COLOR=0 on a terminal', true, {}, { FORCE_COLOR: '0' }, false],
  ['--no-color', true, { color: false }, {}, false],
  ['--no-color, stronger than FORCE_COLOR', true, { color: false }, { FORCE_COLOR: '1' }, false],
  ['NO_COLOR', true, {}, { NO_COLOR: '1' }, false],
  ['NO_COLOR, which is set but empty', true, {}, { NO_COLOR: '' }, true],
  ['a terminal that is dumb', true, {}, { TERM: 'dumb' }, false],
])('%s', (_what, isTTY, values, variables, coloured) => {
  expect(colours(terminal(isTTY, variables), values).green('done')).toBe(coloured ? '\u001B[32mdone\u001B[39m' : 'done');
});
