/** The engines of this machine: what they build is pushed, and runs in the sandbox. */
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cli } from '../cli/spawn.ts';
import { withProject } from '../infra/project.ts';
import { SETTINGS, filesOf } from '../release/deployment.ts';
import { copyShell, engineVariables, whyNotBuild } from './real-engines.ts';

const dir = mkdtempSync(join(tmpdir(), 'engines-'));
const engines = ['docker', 'podman', 'buildah'].map((engine) => {
  mkdirSync(join(dir, engine));
  return { engine, reason: whyNotBuild(engine, join(dir, engine)) };
});
afterAll(() => rmSync(dir, { recursive: true }));

const SLOW_MACHINE = 300_000;
const DOCKERFILE = `FROM scratch AS base
COPY root /
RUN ["/bin/sh", "-c", "echo built > /built"]
FROM base AS server
ARG GREETING=none
WORKDIR /app
ENV GREETING=$GREETING
COPY index.js .
CMD ["node", "index.js"]
FROM base
`;

for (const { engine, reason } of engines) {
  const here = reason === undefined ? test : test.skip;
  here(`${engine} builds a stage with what it runs, and the image runs${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => withProject(async (project) => {
    const app = join(dir, engine, 'app');
    mkdirSync(join(app, 'root'), { recursive: true });
    copyShell(join(app, 'root'));
    const answer = "response.end(`${process.env.GREETING}, ${require('node:fs').readFileSync('../built')}`);";
    writeFileSync(join(app, 'index.js'), filesOf('1.0', `if (request.url !== '/ping') ${answer}`)['index.js'] ?? '');
    const file = join(app, 'Elsewhere');
    writeFileSync(file, DOCKERFILE);
    const env = { ...project.variables({ ...SETTINGS, AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }), ...engineVariables(join(dir, engine)) };
    expect(await cli(['build-infra'], { env })).toMatchObject({ code: 0 });

    const asked = ['--tag', '1.0', '--builder', engine, '--file', file, '--target', 'server', '--build-arg', 'GREETING=hello there'];
    const ended = await cli(['update', app, ...asked, '--json'], { env });
    expect(ended).toMatchObject({ code: 0, stderr: expect.stringMatching(/COPY root/) });
    expect(JSON.parse(ended.stdout)).toMatchObject({ tag: '1.0', digest: expect.stringMatching(/^sha256:/), outcome: 'first' });
    expect(await (await fetch(`http://127.0.0.1:${project.ports[0]}/`)).text()).toBe('hello there, built\n');

    writeFileSync(file, `${DOCKERFILE}COPY oakum /\n`);
    const failed = await cli(['push', app, '--tag', '1.1', '--builder', engine, '--file', file], { env });
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringMatching(new RegExp(`Error: ${engine} could not build the image of .*oakum`, 's')) });
  }), SLOW_MACHINE);
}
