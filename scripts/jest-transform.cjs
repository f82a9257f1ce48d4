// TypeScript 7 has no JavaScript compiler API, so jest compiles with esbuild, as the build does.
const { transformSync } = require('esbuild');

const define = { ECS_CANARY_VERSION: JSON.stringify(require('../package.json').version) };

module.exports = {
  process: (source, path) =>
    transformSync(source, {
      loader: path.endsWith('.yaml') ? 'text' : 'ts',
      format: 'esm',
      target: 'node20',
      sourcemap: 'inline',
      sourcefile: path,
      define: path.endsWith('.yaml') ? undefined : define,
    }),
};
