/** An HTTP proxy between the SDK's clients and the sandbox, in which a test makes AWS misbehave. */
import http from 'node:http';
import { buffer } from 'node:stream/consumers';

/** What befalls a call. A function runs first, and the call then goes on as usual. */
export type Fault =
  /** Answered with this error code, without reaching the sandbox. The SDK repeats no call for the codes that tests use. */
  | { readonly error: string; readonly message?: string }
  /** The connection breaks before, or after, the call took effect. */
  | 'cut-before'
  | 'cut-after'
  /** Answered as the same call was answered before, as if nothing had changed since. */
  | 'stale'
  /** Answered otherwise than AWS did. */
  | { readonly change: (answer: Answer) => Answer }
  | (() => Promise<unknown>);

export interface Answer {
  readonly status: number;
  /** Media type of the body. */
  readonly type: string | undefined;
  readonly body: string;
}

export interface Which {
  /** Counting from 1, and only the calls that are about `about`. */
  readonly from?: number;
  readonly times?: number;
  /** The SDK's repetitions of a call are not counted, and meet with what it met with. */
  readonly repetitions?: boolean;
  /** Something that stands in the call, such as an ARN. */
  readonly about?: string;
}

export interface Call {
  readonly operation: string;
  /** As it came, percent signs decoded. */
  readonly body: string;
  /** The SDK's name for the call, which its repetitions share. */
  readonly invocation: string;
  /** Of the answer; 0 while there is none, and for a broken connection. */
  status: number;
}

export interface FaultyEndpoint {
  readonly url: string;
  /** In the order in which they came; the SDK's own repetitions are calls of their own. */
  readonly calls: Call[];
  /** @param operation `*` for every one. */
  order(operation: string, fault: Fault, which?: Which): void;
  /** Ends all orders. */
  forget(): void;
  close(): Promise<void>;
}

/** A connection that breaks as often as this is not repaired by the SDK. */
export const ALL_ATTEMPTS = 5;

interface Order extends Required<Which> {
  readonly operation: string;
  readonly fault: Fault;
  seen: number;
  /** The calls that were seen, and whether they were hit, where repetitions follow them. */
  readonly invocations: Map<string, boolean>;
}

interface Passed {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export async function faultyEndpoint(sandboxUrl: string): Promise<FaultyEndpoint> {
  const orders: Order[] = [];
  const calls: Call[] = [];
  const answers = new Map<string, Passed>();
  const agent = new http.Agent({ keepAlive: true });

  function faultFor(call: Call): Fault | undefined {
    const due = orders
      .filter(({ operation, about }) => (operation === '*' || operation === call.operation) && call.body.includes(about))
      .filter((order) => hits(order, call));
    return due[0]?.fault;
  }

  async function answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body = await buffer(request);
    const call: Call = { operation: operationOf(request, body), body: decodeURIComponent(body.toString()), invocation: String(request.headers['amz-sdk-invocation-id']), status: 0 };
    calls.push(call);
    const fault = faultFor(call);
    if (fault === 'cut-before') return void request.socket.destroy();
    if (typeof fault === 'object' && 'error' in fault) return refuse(call, fault, request, response);
    if (typeof fault === 'function') await fault();
    const passed = (fault === 'stale' && answers.get(call.body)) || (await pass(request, body));
    answers.set(call.body, passed);
    if (fault === 'cut-after') return void request.socket.destroy();
    const given = typeof fault === 'object' ? changed(passed, fault.change) : passed;
    call.status = given.status;
    response.writeHead(given.status, given.headers).end(given.body);
  }

  function pass({ method, url, headers }: http.IncomingMessage, body: Buffer) {
    return new Promise<Passed>((resolve, reject) => {
      const onward = http.request(new URL(url ?? '/', sandboxUrl), { method, headers, agent }, (response) => {
        buffer(response).then((text) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }), reject);
      });
      onward.on('error', reject).end(body);
    });
  }

  const server = http.createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    answer(request, response).catch((error: Error) => response.destroy(error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    calls,
    order: (operation, fault, { from = 1, times = 1, repetitions = false, about = '' } = {}) =>
      orders.push({ operation, fault, from, times, repetitions, about, seen: 0, invocations: new Map() }),
    forget: () => void orders.splice(0),
    close: () =>
      new Promise((resolve) => {
        agent.destroy();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function changed({ status, headers, body }: Passed, change: (answer: Answer) => Answer): Passed {
  const answer = change({ status, type: headers['content-type'], body: body.toString() });
  return { status: answer.status, headers: answer.type === undefined ? {} : { 'content-type': answer.type }, body: Buffer.from(answer.body) };
}

function hits(order: Order, { invocation }: Call): boolean {
  const before = order.repetitions ? order.invocations.get(invocation) : undefined;
  if (before !== undefined) return before;
  order.seen += 1;
  const hit = order.seen >= order.from && order.seen < order.from + order.times;
  order.invocations.set(invocation, hit);
  return hit;
}

/** JSON services name it in a header, query services in the body. */
function operationOf({ headers }: http.IncomingMessage, body: Buffer): string {
  const target = headers['x-amz-target'];
  return typeof target === 'string' ? target.slice(target.lastIndexOf('.') + 1) : (new URLSearchParams(body.toString()).get('Action') ?? '');
}

function refuse(call: Call, { error: code, message = `${call.operation} was refused by the test` }: { error: string; message?: string }, { headers }: http.IncomingMessage, response: http.ServerResponse): void {
  call.status = 400;
  if (headers['x-amz-target']) {
    response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify({ __type: code, message }));
    return;
  }
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  response.writeHead(400, { 'content-type': 'text/xml' }).end(`<ErrorResponse>${error}<RequestId>1</RequestId></ErrorResponse>`);
}
