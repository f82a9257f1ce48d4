/** A proxy between one program and the sandbox that counts the program's AWS calls and ends the program at one of them. */
import http from 'node:http';
import { buffer } from 'node:stream/consumers';

/** What befalls a call: the program is killed just before or just after it took effect, or only its answer is lost. */
export const MOMENTS = ['before', 'after', 'lost'] as const;
export type Moment = (typeof MOMENTS)[number];

export interface Order {
  /** Counting from 1, in the order in which calls come; an SDK's repetitions are calls of their own. */
  readonly call: number;
  readonly when: Moment;
}

export interface Call {
  /** From 1. */
  readonly number: number;
  /** As AWS names it; the registry's are `PUT /v2/…`. */
  readonly operation: string;
  readonly body: string;
}

export interface Watch {
  /** Sees each call on its way: `pass` lets it take effect and resolves with its status. */
  around(call: Call, pass: () => Promise<number>): Promise<unknown>;
  /** Ends the program, and resolves when it is gone. */
  kill(): Promise<void>;
}

export interface Tap {
  readonly url: string;
  /** Of the current run. */
  readonly calls: readonly Call[];
  /** The call of the order, once it was met. */
  readonly hit: Call | undefined;
  /** A new run begins. */
  begin(watch: Watch, order: Order | undefined): void;
  /** Resolves when no call is under way. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * @param target port of the sandbox. Its registry tells clients where to push to, so that address is replaced in both
 *   directions: the program meets the tap only, and the sandbox hears of its own address only.
 */
export async function openTap(target: number): Promise<Tap> {
  const agent = new http.Agent({ keepAlive: true });
  const underWay = new Set<Promise<unknown>>();
  let calls: Call[] = [];
  let hit: Call | undefined;
  let order: Order | undefined;
  let watch: Watch | undefined;

  async function answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body = await buffer(request);
    const call: Call = { number: calls.length + 1, operation: operationOf(request, body), body: body.toString() };
    const [seeing, ordered] = [watch, order];
    calls.push(call);
    const struck = ordered?.call === call.number;
    if (struck) hit = call;
    if (struck && ordered.when === 'before') {
      await seeing?.kill();
      return void request.socket.destroy();
    }
    let passed: Answer | undefined;
    const pass = async () => {
      passed = await forward(request, body);
      return passed.status;
    };
    await (seeing ? seeing.around(call, pass) : pass());
    if (struck && ordered.when === 'after') await seeing?.kill();
    if (struck || !passed) return void request.socket.destroy();
    response.writeHead(passed.status, passed.headers).end(passed.body);
  }

  function forward({ method, url, headers }: http.IncomingMessage, given: Buffer): Promise<Answer> {
    const body = readdressed(given, headers, own, target);
    return new Promise((resolve, reject) => {
      const length = headers['content-length'] === undefined ? {} : { 'content-length': body.length };
      const onward = http.request({ host: '127.0.0.1', port: target, path: url, method, headers: { ...headers, host: `127.0.0.1:${target}`, ...length }, agent }, (response) => {
        buffer(response).then((text) => resolve(asAnswer(response, text, method)), reject);
      });
      onward.on('error', reject).end(body);
    });
  }

  function asAnswer({ statusCode = 0, headers }: http.IncomingMessage, text: Buffer, method: string | undefined): Answer {
    const body = readdressed(text, headers, target, own);
    const { 'transfer-encoding': _, ...rest } = headers;
    // An answer to HEAD tells the length of a body that does not come.
    return { status: statusCode, headers: method === 'HEAD' ? rest : { ...rest, 'content-length': String(body.length) }, body };
  }

  const server = http.createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    const done: Promise<unknown> = answer(request, response)
      .catch(() => response.destroy())
      .finally(() => underWay.delete(done));
    underWay.add(done);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const own = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${own}`,
    get calls() {
      return calls;
    },
    get hit() {
      return hit;
    },
    begin(next, ordered) {
      [calls, hit, watch, order] = [[], undefined, next, ordered];
    },
    async idle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
    close: () =>
      new Promise((resolve) => {
        agent.destroy();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Only texts carry addresses; layers go through as they are. */
function readdressed(body: Buffer, { 'content-type': type = '', 'content-encoding': encoding }: http.IncomingHttpHeaders, from: number, to: number): Buffer {
  if (encoding !== undefined || !type.includes('amz-json')) return body;
  return Buffer.from(body.toString().replaceAll(`127.0.0.1:${from}`, `127.0.0.1:${to}`));
}

/** JSON services name it in a header, query services in the body, the registry by its path. */
function operationOf({ headers, method, url = '' }: http.IncomingMessage, body: Buffer): string {
  if (/^\/(v2|_ecs-canary)\//.test(url)) return `${method} ${url.split('?')[0]?.replace(/(uploads\/|sha256:).*/, '$1…')}`;
  const target = headers['x-amz-target'];
  return typeof target === 'string' ? target.slice(target.lastIndexOf('.') + 1) : (new URLSearchParams(body.toString()).get('Action') ?? '');
}
