import { parseDockerfile } from '../../src/image/dockerfile.ts';

const parse = (text: string) => parseDockerfile(text);

test('reads what a usual Dockerfile of a Node service says', () => {
  const { steps, config } = parse(`# syntax=docker/dockerfile:1
FROM node:22-alpine AS app

WORKDIR /srv
WORKDIR app
# what npm needs first
copy package*.json \\
     # a comment between continued lines
     server.js ./
COPY ["a file.txt", "/etc/my app/"]
ENV PORT=8080 GREETING="hello  world" \\
    NAME=it\\ is
ENV LEGACY the rest of $GREETING
ENV PATHS=/srv/$NAME:\${PORT} LITERAL='$PORT' ESCAPED=\\$PORT
LABEL org.example.team="a b" tier=web
USER node
EXPOSE 8080 9090/UDP
ENTRYPOINT ["node", "--enable-source-maps"]
CMD ["server.js"]
`);
  expect(steps).toEqual([
    { kind: 'directory', path: '/srv' },
    { kind: 'directory', path: '/srv/app' },
    { kind: 'copy', line: 7, sources: ['package*.json', 'server.js'], destination: '/srv/app/' },
    { kind: 'copy', line: 10, sources: ['a file.txt'], destination: '/etc/my app/' },
  ]);
  expect(config).toEqual({
    WorkingDir: '/srv/app',
    Env: [
      'PORT=8080', 'GREETING=hello  world', 'NAME=it is', 'LEGACY=the rest of hello  world', 'PATHS=/srv/it is:8080', 'LITERAL=$PORT', 'ESCAPED=$PORT',
    ],
    Labels: { 'org.example.team': 'a b', tier: 'web' },
    User: 'node',
    ExposedPorts: { '8080/tcp': {}, '9090/udp': {} },
    Entrypoint: ['node', '--enable-source-maps'],
    Cmd: ['server.js'],
  });
});

test('a command that is no list is one for the shell, and lines may end as on Windows', () => {
  expect(parse('FROM scratch\r\nCOPY . .\r\nCMD node \\\r\n  server.js\r\n').config).toEqual({ Cmd: ['/bin/sh', '-c', 'node   server.js'] });
});

test('variables of one ENV line are those from before it, as in Docker', () => {
  expect(parse('FROM scratch\nENV A=1\nENV A=2 B=$A\n').config.Env).toEqual(['A=2', 'B=1']);
});

test('what the base says is inherited, until the Dockerfile says otherwise', () => {
  const base = {
    Env: ['PATH=/usr/bin', 'NODE_VERSION=22'], WorkingDir: '/srv', User: 'node', Shell: ['/bin/bash', '-c'], ExposedPorts: { '80/tcp': {} }, Labels: { a: '1' },
    Entrypoint: ['docker-entrypoint.sh'], Cmd: ['node'],
  };
  expect(parseDockerfile('FROM node\nCOPY a .\n', base).config).toEqual(base);
  const { steps, config } = parseDockerfile('FROM node\nWORKDIR app\nCOPY a .\nENV X=1 PATH=/app/bin:$PATH\nEXPOSE 8080\nLABEL b=2\nUSER root\nCMD a b\n', base);
  expect(steps).toEqual([{ kind: 'directory', path: '/srv/app' }, { kind: 'copy', line: 3, sources: ['a'], destination: '/srv/app/' }]);
  expect(config).toEqual({
    ...base, Env: ['PATH=/app/bin:/usr/bin', 'NODE_VERSION=22', 'X=1'], WorkingDir: '/srv/app', User: 'root',
    ExposedPorts: { '80/tcp': {}, '8080/tcp': {} }, Labels: { a: '1', b: '2' }, Cmd: ['/bin/bash', '-c', 'a b'],
  });
});

test('an ENTRYPOINT ends the CMD of the base, and not one of its own', () => {
  const base = { Entrypoint: ['docker-entrypoint.sh'], Cmd: ['node'] };
  expect(parseDockerfile('FROM node\nENTRYPOINT ["a"]\n', base).config).toEqual({ Entrypoint: ['a'] });
  expect(parseDockerfile('FROM node\nCMD ["b"]\nENTRYPOINT ["a"]\n', base).config).toEqual({ Entrypoint: ['a'], Cmd: ['b'] });
});

test.each([
  ['FROM node\nRUN npm ci', 2, 'RUN', 'COPY what it makes'],
  ['FROM node\n\nRUN npm ci && \\\n  npm run build\nCOPY . .', 3, 'RUN', 'before the push'],
  ['FROM node\nADD https://example.com/a.tgz /', 2, 'ADD', 'COPY'],
  ['FROM node AS build\nFROM node', 2, 'second FROM', 'COPY'],
  ['FROM node\nCOPY --from=build /a /b', 2, '--from', 'one stage'],
  ['FROM node\nCOPY --chown=node:node . .', 2, '--chown', 'root'],
  ['FROM node\nCOPY a', 2, 'destination', 'COPY . .'],
  ['FROM node\nCOPY <<EOF /a\nhello\nEOF', 2, 'here-document', 'file'],
  ['FROM --platform=linux/arm64 node', 1, 'FROM', '--platform'],
  ['ARG V=1\nFROM node', 1, 'ARG', 'ENV'],
  ['COPY . .\nFROM node', 1, 'before FROM', 'FROM'],
  ['# nothing', 1, 'no FROM', 'FROM node:22-alpine'],
  ['FROM node\nHEALTHCHECK CMD true', 2, 'HEALTHCHECK', 'HEALTH_CHECK_PATH'],
  ['FROM node\nMAKE all', 2, 'MAKE', 'WORKDIR'],
  ["FROM node\nCMD ['node', 'a.js']", 2, 'JSON', 'double quotes'],
  ['FROM node\nENV PATH=/app:$PATH', 2, '$PATH', 'ENV PATH='],
  ['FROM node\nENV A=${B:-1}', 2, '${B:-1}', 'without'],
  ['FROM node\nENV A="open', 2, 'quote', 'without'],
  ['FROM node\nENV A=1 B', 2, 'NAME=value', 'ENV NAME'],
  ['FROM node\nEXPOSE http', 2, 'http', '8080'],
  ['FROM node\nUSER a b', 2, 'one value', 'quotes'],
  ['FROM node\nconstructor x', 2, 'CONSTRUCTOR', 'WORKDIR'],
])('refuses %j and names line %i and the way out', (text, line, what, instead) => {
  const attempt = () => parse(text);
  expect(attempt).toThrow(`Dockerfile line ${line}: `);
  expect(attempt).toThrow(what);
  expect(attempt).toThrow(instead);
  expect(attempt).toThrow(expect.objectContaining({ exitCode: 2 }));
});
