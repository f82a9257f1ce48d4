import { existsSync } from 'node:fs';
import module from 'node:module';

module.enableCompileCache?.();
const program = new URL('../dist/cli.js', import.meta.url);
if (existsSync(program)) {
  const { main } = await import(program);
  process.exitCode = await main(process.argv, process);
} else {
  console.error('Error: ecs-canary is not built yet.\nNext: npm ci && npm run build');
  process.exitCode = 2;
}
