/** A registry in front of another one, on a bad line or with ideas of its own. */
import { type IncomingMessage, type ServerResponse, createServer, request } from 'node:http';

export interface Meddling {
  /** Answers instead, when it returns true. */
  readonly meddle?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** The status to answer with. */
  readonly status?: (request: IncomingMessage, status: number) => number;
}

/** Runs `action` with a registry that passes everything on to another one, unless it is told to meddle. */
export async function withMeddlingProxy<T>(registry: string, { meddle, status = (_request, given) => given }: Meddling, action: (endpoint: string) => Promise<T>): Promise<T> {
  const proxy = createServer((incoming, outgoing) => {
    if (meddle?.(incoming, outgoing)) return;
    const onward = request(new URL(incoming.url ?? '/', registry), { method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(status(incoming, answer.statusCode ?? 500), answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => incoming.socket.destroy());
    incoming.on('close', () => incoming.complete || onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  try {
    return await action(`http://127.0.0.1:${address.port}`);
  } finally {
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));
  }
}

/** Cuts the connection after so many bytes of the next upload that is as long. */
export function cutOnce(bytes: number): (request: IncomingMessage) => void {
  let cut = false;
  return (incoming) => {
    let received = 0;
    if (incoming.method === 'PATCH' && !cut) incoming.on('data', (piece: Buffer) => {
      received += piece.length;
      if (received < bytes || cut) return;
      cut = true;
      incoming.socket.destroy();
    });
  };
}
