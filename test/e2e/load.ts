/** A constant load: so many requests or calls under way at any time. */
import http from 'node:http';

export interface Load {
  /** Makes a sample of the next `count` requests to begin; resolves when all of them have ended. One sample at a time. */
  sample(count: number): Promise<Answers>;
  /** Begins no more requests; resolves when those under way have ended. */
  end(): Promise<LoadReport>;
}

/** How often each answer came, or what went wrong. */
export type Answers = Readonly<Record<string, number>>;

export interface LoadReport {
  readonly requests: number;
  /** What went wrong, of each request that failed. */
  readonly failures: readonly string[];
}

export interface HttpLoad extends Load {
  end(): Promise<LoadReport & { readonly connections: number }>;
}

interface Sample {
  /** Requests that are to begin, and to end. */
  toBegin: number;
  toEnd: number;
  readonly answers: Record<string, number>;
  readonly taken: (answers: Answers) => void;
}

/** HTTP requests to the URLs in turn; each connection stays open and has one under way. A status other than 200 is a failure. */
export function startLoad(urls: readonly string[], connections: number): HttpLoad {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  let opened = 0;
  const load = startCalls((turn) => {
    const url = urls[turn % urls.length] ?? '';
    return get(url, agent, () => (opened += 1)).catch((error: Error) => {
      throw new Error(`${url}: ${error.message}`);
    });
  }, connections);
  return {
    ...load,
    async end() {
      const report = await load.end();
      agent.destroy();
      return { ...report, connections: opened };
    },
  };
}

/** @param ask makes one request and tells its answer; rejects with what went wrong. */
export function startCalls(ask: (turn: number) => Promise<string>, atOnce: number): Load {
  const failures: string[] = [];
  let requests = 0;
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
      const sample = joinSample();
      const answer = await ask(requests++).catch((error: Error) => {
        failures.push(error.message);
        return error.message;
      });
      if (sample) count(sample, answer);
    }
  }

  const clients = Promise.all(Array.from({ length: atOnce }, client));
  return {
    sample: (size) => new Promise((taken) => (sampled = { toBegin: size, toEnd: size, answers: {}, taken })),
    async end() {
      ending.abort();
      await clients;
      return { requests, failures };
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
