// Bundles src/ into dist/: one small entry, and a chunk for each command, so that a command loads only what it needs.
import { build } from 'esbuild';
import { readFileSync, rmSync } from 'node:fs';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

rmSync('dist', { recursive: true, force: true });
await build({
  entryPoints: { cli: 'src/cli/main.ts' },
  outdir: 'dist',
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
});
