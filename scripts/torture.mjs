// `npm run torture`: bundles test/torture and runs it. What it tortures is the built program.
import { build } from 'esbuild';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join, dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
// Beside the packages that it imports, and out of what is published.
const outfile = join(root, 'node_modules', '.cache', 'ecs-canary', 'torture.mjs');

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
// Its sandbox hands this to tasks, and looks for it beside the code.
mkdirSync(dirname(outfile), { recursive: true });
copyFileSync(join(root, 'src', 'sandbox', 'dataplane', 'private-names.cjs'), join(dirname(outfile), 'private-names.cjs'));
await build({ absWorkingDir: root, entryPoints: ['test/torture/main.ts'], outfile, bundle: true, packages: 'external', platform: 'node', format: 'esm', target: 'node20.12', sourcemap: 'inline', loader: { '.yaml': 'text' }, logLevel: 'warning' });
process.setSourceMapsEnabled(true);
const { main } = await import(pathToFileURL(outfile).href);
process.exitCode = await main(root);
