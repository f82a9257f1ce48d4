/** Sandboxes for tests: in folders of their own, stopped and removed after each test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts';

const folders: string[] = [];
const sandboxes: Sandbox[] = [];

afterEach(async () => {
  await Promise.all(sandboxes.splice(0).map((sandbox) => sandbox.stop()));
  folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true, force: true }));
});

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-canary-'));
  folders.push(folder);
  return folder;
}

export async function start(options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
  const sandbox = await startSandbox({ dir: newFolder(), ...options });
  sandboxes.push(sandbox);
  return sandbox;
}

/** Configuration of an SDK client that calls the sandbox, without retries. */
export function clientOf({ url }: Pick<Sandbox, 'url'>, region = 'eu-central-1') {
  return { endpoint: url, region, credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, maxAttempts: 1 };
}

/** The Authorization header of a request to `service`; nobody verifies the signature. */
export function signatureFor(service: string, region = 'eu-central-1'): string {
  return `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/${service}/aws4_request, SignedHeaders=host, Signature=0`;
}
