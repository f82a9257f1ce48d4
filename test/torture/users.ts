/** Users of the service: a steady trickle of requests on connections that stay open, and what was wrong with their answers. */
import http from 'node:http';

export interface Users {
  readonly requests: number;
  /** What went wrong, one line for each failed request. */
  readonly failures: readonly string[];
  /** Asks so many times by each rule, and resolves with the versions that answered. */
  sample(count: number): Promise<Set<string>>;
  /** Asks no more; resolves when the requests under way have ended. */
  leave(): Promise<void>;
}

/** ms between two requests of one connection. */
const PAUSE = 60;
/** ms; the load balancer answers within 60 s of AWS's time, whatever happens behind it. */
const LONGEST_SILENCE = 10_000;
/** The host of the project's rule, and that of a second rule that carries the pair. */
export const HOSTS = ['first.example', 'second.example'] as const;

/**
 * @param versions that may answer; another one's answer is a failed request.
 */
export function users(port: number, versions: readonly string[]): Users {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 2 * HOSTS.length });
  const failures: string[] = [];
  let requests = 0;
  const leaving = new AbortController();

  async function ask(host: string): Promise<string> {
    requests += 1;
    const began = new Date().toISOString();
    try {
      const version = /Version ([\w.-]+)\)/.exec(await get(port, host, agent))?.[1] ?? '';
      if (!versions.includes(version)) throw new Error(`version ${version} answered`);
      return version;
    } catch (error) {
      failures.push(`${began} ${host}: ${error instanceof Error ? error.message : String(error)}`);
      return '';
    }
  }

  async function user(host: string): Promise<void> {
    while (!leaving.signal.aborted) {
      await ask(host);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  const all = Promise.all(HOSTS.map(user));
  return {
    get requests() {
      return requests;
    },
    failures,
    async sample(count) {
      const seen = new Set<string>();
      for (let asked = 0; asked < count; asked++) for (const host of HOSTS) seen.add(await ask(host));
      return seen;
    },
    async leave() {
      leaving.abort();
      await all;
      agent.destroy();
    },
  };
}

/** Body of the answer. Rejects when its status is no 2xx, the connection breaks, or nothing comes. */
export function get(port: number, host: string, agent?: http.Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path: '/', headers: { host }, agent, timeout: LONGEST_SILENCE }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('error', reject).on('end', () => ((response.statusCode ?? 0) < 300 ? resolve(body) : reject(new Error(`${response.statusCode} ${body.replaceAll(/<[^>]*>|\s+/g, ' ').trim()}`))));
    });
    request.on('timeout', () => request.destroy(new Error('no answer'))).on('error', reject);
  });
}
