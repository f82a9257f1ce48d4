/** What a load balancer answers by itself: error pages, fixed responses, redirects. */
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { FixedResponseActionConfig, RedirectActionConfig } from '@aws-sdk/client-elastic-load-balancing-v2';

const SERVER = 'awselb/2.0';
/** Where AWS's wording differs from Node's. */
const REASONS: Readonly<Record<number, string>> = { 503: 'Service Temporarily Unavailable', 504: 'Gateway Time-out' };

/** The status line's text. */
export function reasonPhrase(status: number): string {
  return REASONS[status] ?? STATUS_CODES[status] ?? '';
}

/** Answers with an error page as an Application Load Balancer writes it. */
export function answerError(response: ServerResponse, status: number): void {
  const title = `${status} ${reasonPhrase(status)}`;
  const heading = `<center><h1>${title}</h1></center>`;
  const body = ['<html>', `<head><title>${title}</title></head>`, '<body>', heading, '</body>', '</html>', ''].join('\r\n');
  const headers = { Server: SERVER, 'Content-Type': 'text/html', 'Content-Length': body.length };
  response.writeHead(status, reasonPhrase(status), headers).end(body);
}

/** Performs a fixed-response action. */
export function answerFixed(response: ServerResponse, config: FixedResponseActionConfig): void {
  const status = Number(config.StatusCode);
  const body = config.MessageBody ?? '';
  response
    .writeHead(status, reasonPhrase(status), {
      Server: SERVER,
      'Content-Type': config.ContentType ?? 'text/plain',
      'Content-Length': Buffer.byteLength(body),
    })
    .end(body);
}

/** Performs a redirect action. */
export function answerRedirect(request: IncomingMessage, response: ServerResponse, config: RedirectActionConfig): void {
  const status = Number((config.StatusCode ?? 'HTTP_302').slice('HTTP_'.length));
  const headers = { Server: SERVER, Location: redirectLocation(request, config), 'Content-Length': 0 };
  response.writeHead(status, reasonPhrase(status), headers).end();
}

function redirectLocation(request: IncomingMessage, config: RedirectActionConfig): string {
  const [path = '/', query = ''] = (request.url ?? '/').split(/\?(.*)/s);
  const keywords: Readonly<Record<string, string>> = {
    protocol: 'HTTP',
    host: (request.headers.host ?? '').replace(/:\d+$/, ''),
    port: String(request.socket.localPort),
    path: path.slice(1),
    query,
  };
  const fill = (template: string) => template.replace(/#\{(\w+)\}/g, (_, keyword: string) => keywords[keyword] ?? '');
  const target = {
    protocol: fill(config.Protocol ?? '#{protocol}').toLowerCase(),
    host: fill(config.Host ?? '#{host}'),
    port: fill(config.Port ?? '#{port}'),
    path: fill(config.Path ?? '/#{path}'),
    query: fill(config.Query ?? '#{query}'),
  };
  return `${target.protocol}://${target.host}:${target.port}${target.path}${target.query && `?${target.query}`}`;
}
