// Bundles src/ into dist/: a chunk for each command, so that a command loads only what it needs.
import { build } from 'esbuild';
import { copyFileSync, readFileSync, rmSync } from 'node:fs';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

const shared = {
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.12',
  mainFields: ['module', 'main'],
  sourcemap: true,
  legalComments: 'linked',
  loader: { '.yaml': 'text' },
  define: { ECS_CANARY_VERSION: JSON.stringify(version) },
  // Some dependencies are CommonJS and call require for Node's own modules; ESM output has none of its own.
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  logLevel: 'warning',
};

/** The sandbox needs the whole of every SDK client, the commands a few calls of each: in one bundle they would share the whole. */
const sandboxApart = {
  name: 'sandbox-apart',
  setup: ({ onResolve }) => onResolve({ filter: /\/sandbox\/control\.ts$/ }, () => ({ path: './sandbox/control.js', external: true })),
};

rmSync('dist', { recursive: true, force: true });
await Promise.all([
  build({ ...shared, entryPoints: { cli: 'src/cli/main.ts' }, outdir: 'dist', plugins: [sandboxApart] }),
  build({ ...shared, entryPoints: { control: 'src/sandbox/control.ts' }, outdir: 'dist/sandbox' }),
]);
// What tasks load, and no part of the program: it is found beside the code that hands it to them, here as in src/.
copyFileSync('src/sandbox/dataplane/private-names.cjs', 'dist/sandbox/private-names.cjs');
