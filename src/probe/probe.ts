/** The request experiment: so many requests one after the other, counted by the version that answered. */
import { Agent as HttpAgent, get as httpGet, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, get as httpsGet } from 'node:https';

export interface ProbeResult {
  readonly total: number;
  readonly seconds: number;
  /** Requests by version, in the order of the versions' names. */
  readonly versions: Readonly<Record<string, number>>;
  /** Refused connections, statuses other than 2xx, and bodies that name no version. */
  readonly errors: number;
}

export interface ProbeOptions {
  readonly url: URL;
  readonly requests: number;
  /** Its first group is the version. */
  readonly pattern: RegExp;
  readonly signal: AbortSignal;
}

/** ms that one request may take before it counts as an error. */
const REQUEST_TIMEOUT = 10_000;
/** Characters of a body in which the version is looked for. */
const BODY_LIMIT = 1_000_000;

/** Ends early, with what was counted so far, when the signal aborts. */
export async function probe({ url, requests, pattern, signal }: ProbeOptions): Promise<ProbeResult> {
  const secure = url.protocol === 'https:';
  const agent = secure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  const counts = new Map<string, number>();
  const begin = performance.now();
  let total = 0;
  let errors = 0;
  try {
    for (; total < requests && !signal.aborted; total += 1) {
      const version = await versionAt(url, agent, pattern).catch(() => undefined);
      if (version === undefined) errors += 1;
      else counts.set(version, (counts.get(version) ?? 0) + 1);
    }
  } finally {
    agent.destroy();
  }
  const versions = Object.fromEntries([...counts].toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true })));
  return { total, seconds: (performance.now() - begin) / 1_000, versions, errors };
}

/** The version that answers one request; undefined when the answer names none or is not a 2xx. */
function versionAt(url: URL, agent: HttpAgent | HttpsAgent, pattern: RegExp): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const get = url.protocol === 'https:' ? httpsGet : httpGet;
    const request = get(url, { agent, timeout: REQUEST_TIMEOUT }, (response: IncomingMessage) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        if (body.length < BODY_LIMIT) body += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        const ok = response.statusCode !== undefined && response.statusCode >= 200 && response.statusCode < 300;
        resolve(ok ? pattern.exec(body)?.[1] : undefined);
      });
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', reject);
  });
}

/** The result as lines for people. */
export function formatProbe({ total, seconds, versions, errors }: ProbeResult): string[] {
  const percent = (count: number) => (total === 0 ? '0.0' : ((100 * count) / total).toFixed(1));
  return [
    '========== Results ==========',
    `Total:    ${total} requests in ${seconds.toFixed(3)}s`,
    ...Object.entries(versions).map(([version, count]) => `Version ${version}: ${count}  (${percent(count)}%)`),
    `Errors:    ${errors}`,
  ];
}
