/** What a load balancer answers by itself: error pages, fixed responses, redirects. */
import { STATUS_CODES } from 'node:http';
import type { FixedResponseActionConfig, RedirectActionConfig } from '@aws-sdk/client-elastic-load-balancing-v2';
import { type ArrivedRequest, type Exchange, headerValues } from './exchange.ts';

const SERVER = 'awselb/2.0';
/** Where AWS's wording differs from Node's. */
const REASONS: Readonly<Record<number, string>> = { 503: 'Service Temporarily Unavailable', 504: 'Gateway Time-out' };

/** The status line's text. */
export function reasonPhrase(status: number): string {
  return REASONS[status] ?? STATUS_CODES[status] ?? '';
}

/** Answers with an error page as an Application Load Balancer writes it. */
export function answerError(exchange: Exchange, status: number): void {
  const title = `${status} ${reasonPhrase(status)}`;
  const heading = `<center><h1>${title}</h1></center>`;
  const body = ['<html>', `<head><title>${title}</title></head>`, '<body>', heading, '</body>', '</html>', ''].join('\r\n');
  answer(exchange, status, ['Content-Type', 'text/html'], body);
}

/** Performs a fixed-response action. */
export function answerFixed(exchange: Exchange, config: FixedResponseActionConfig): void {
  answer(exchange, Number(config.StatusCode), ['Content-Type', config.ContentType ?? 'text/plain'], config.MessageBody ?? '');
}

/** Performs a redirect action. */
export function answerRedirect(exchange: Exchange, config: RedirectActionConfig): void {
  const status = Number((config.StatusCode ?? 'HTTP_302').slice('HTTP_'.length));
  answer(exchange, status, ['Location', redirectLocation(exchange.request, config)], '');
}

function answer(exchange: Exchange, status: number, headers: readonly string[], body: string): void {
  exchange.body.resume();
  const own = ['Server', SERVER, 'Date', new Date().toUTCString(), ...headers, 'Content-Length', String(Buffer.byteLength(body))];
  exchange.begin({ status, reason: reasonPhrase(status), headers: own })?.end(body);
}

function redirectLocation(request: ArrivedRequest, config: RedirectActionConfig): string {
  const [path = '/', query = ''] = request.url.split(/\?(.*)/s);
  const keywords: Readonly<Record<string, string>> = {
    protocol: request.scheme,
    host: (headerValues(request, 'host')[0] ?? '').replace(/:\d+$/, ''),
    port: String(request.port),
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
