/** Requests of the experiment by HTTP: a GET of one URL over a connection that is kept. */
import { Agent as HttpAgent, get as httpGet, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, get as httpsGet } from 'node:https';
import { messageOf } from '../errors.ts';
import { REQUEST_TIMEOUT, type Respondent } from './probe.ts';

/** Characters of a body in which the version is looked for. */
const BODY_LIMIT = 1_000_000;

export function httpRespondent(url: URL): Respondent {
  const secure = url.protocol === 'https:';
  const agent = secure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  return {
    ask: (signal) => bodyAt(url, agent, signal),
    close: () => agent.destroy(),
  };
}

/** The body of an answer that is a 2xx. */
function bodyAt(url: URL, agent: HttpAgent | HttpsAgent, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const get = url.protocol === 'https:' ? httpsGet : httpGet;
    const request = get(url, { agent, timeout: REQUEST_TIMEOUT, signal }, (response: IncomingMessage) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        if (body.length < BODY_LIMIT) body += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        const status = response.statusCode ?? 0;
        if (status >= 200 && status < 300) resolve(body);
        else reject(new Error(`status ${status}`));
      });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${REQUEST_TIMEOUT / 1_000} seconds`)));
    // Of several addresses that all refuse, Node's error has no message of its own.
    request.on('error', (error: NodeJS.ErrnoException) => reject(new Error(messageOf(error) || error.code)));
  });
}
