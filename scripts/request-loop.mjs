// A bounded loop of requests, one after the other, that remembers which version answered when.
import { Agent, get } from 'node:http';

const PAUSE_MS = 5;
const REPORT_MS = 1_000;
const LONGEST_MS = 170_000;

/** Starts at once; ends by itself after three minutes. `report` gets a line for each second, `answered` each answer with its version. */
export function requestLoop(url, { report, answered }) {
  const agent = new Agent({ keepAlive: true });
  const begin = performance.now();
  const waiting = [];
  const seen = [];
  let requests = 0;
  let errors = 0;
  let over = false;
  const ending = new AbortController();
  let second = {};

  const timer = setInterval(() => {
    const shares = Object.entries(second).toSorted(([a], [b]) => a.localeCompare(b)).map(([version, count]) => `${version}: ${String(count).padStart(3)}`);
    report(`[${String(Math.round((performance.now() - begin) / 1_000)).padStart(3)}s] ${shares.join('   ')}   errors so far: ${errors}`);
    second = {};
  }, REPORT_MS);

  const done = (async () => {
    while (!ending.signal.aborted && performance.now() - begin < LONGEST_MS) {
      const { text, version } = await answerAt(url, agent);
      requests += 1;
      if (version === undefined) errors += 1;
      else {
        second[version] = (second[version] ?? 0) + 1;
        if (seen.at(-1) !== version) seen.push(version);
      }
      answered(text, version);
      for (const { condition, resolve } of waiting) if (condition(requests)) resolve();
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    clearInterval(timer);
    agent.destroy();
    over = true;
    for (const { resolve } of waiting) resolve();
  })();

  return {
    /** Resolves too when the loop is over. */
    until: (condition) => (over ? Promise.resolve() : new Promise((resolve) => waiting.push({ condition, resolve }))),
    async end() {
      ending.abort();
      await done;
      return { requests, errors, order: inOrder(seen) };
    },
  };
}

/** `0.9, 1.0, 0.9, 1.0` is `0.9, both, 1.0`. */
function inOrder(seen) {
  const [first, last] = [seen[0], seen.at(-1)];
  if (seen.length < 2) return seen;
  return seen.length === 2 ? [first, last] : [first, 'both', last];
}

/** What was answered, or what went wrong; without a version it is an error. */
function answerAt(url, agent) {
  return new Promise((resolve) => {
    const request = get(url, { agent, timeout: 10_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.on('error', ({ message }) => resolve({ text: message }));
      response.on('end', () => resolve({ text: text.trimEnd(), version: response.statusCode === 200 ? /Version ([\w.-]+)/.exec(text)?.[1] : undefined }));
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', ({ message }) => resolve({ text: message }));
  });
}
