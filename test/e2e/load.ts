/** A constant load of HTTP requests on a fixed number of connections that stay open. */
import http from 'node:http';

export interface Load {
  /** Makes a sample of the next `count` requests to begin; resolves when all of them have ended. One sample at a time. */
  sample(count: number): Promise<Answers>;
  /** Begins no more requests; resolves when those under way have ended. */
  end(): Promise<LoadReport>;
}

/** How often each answer came: its body, or what went wrong. */
export type Answers = Readonly<Record<string, number>>;

export interface LoadReport {
  readonly requests: number;
  /** Connections that were opened. */
  readonly connections: number;
  /** What went wrong with each request that has no answer with status 200. */
  readonly failures: readonly string[];
}

interface Sample {
  /** Requests that are to begin, and to end. */
  toBegin: number;
  toEnd: number;
  readonly answers: Record<string, number>;
  readonly taken: (answers: Answers) => void;
}

/** Each connection has one request under way at any time, to the URLs in turn. */
export function startLoad(urls: readonly string[], connections: number): Load {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const failures: string[] = [];
  let [requests, opened] = [0, 0];
  let sampled: Sample | undefined;
  const ending = new AbortController();

  /** Of a request that begins: what happens to it later has no part in whether it belongs to the sample. */
  function joinSample(): Sample | undefined {
    if (!sampled || sampled.toBegin === 0) return undefined;
    sampled.toBegin -= 1;
    return sampled;
  }

  async function client(): Promise<void> {
    while (!ending.signal.aborted) {
      const url = urls[requests % urls.length] ?? '';
      requests += 1;
      const sample = joinSample();
      const answer = await get(url, agent, () => (opened += 1)).catch((error: Error) => {
        failures.push(`${url}: ${error.message}`);
        return error.message;
      });
      if (sample) count(sample, answer);
    }
  }

  const clients = Promise.all(Array.from({ length: connections }, client));
  return {
    sample: (size) => new Promise((taken) => (sampled = { toBegin: size, toEnd: size, answers: {}, taken })),
    async end() {
      ending.abort();
      await clients;
      agent.destroy();
      return { requests, connections: opened, failures };
    },
  };
}

function count(sample: Sample, answer: string): void {
  sample.answers[answer] = (sample.answers[answer] ?? 0) + 1;
  sample.toEnd -= 1;
  if (sample.toEnd === 0) sample.taken(sample.answers);
}

/** Body of the answer. Rejects when the status is not 200, the connection breaks, or nothing comes. */
function get(url: string, agent: http.Agent, onConnection: () => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent, timeout: LONGEST_SILENCE_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('error', reject).on('end', () => (response.statusCode === 200 ? resolve(body) : reject(new Error(`${response.statusCode} ${body}`))));
    });
    request.on('socket', () => !request.reusedSocket && onConnection());
    request.on('timeout', () => request.destroy(new Error('no answer'))).on('error', reject);
  });
}

/** So that a request that hangs fails, and its connection goes on. */
const LONGEST_SILENCE_MS = 10_000;
