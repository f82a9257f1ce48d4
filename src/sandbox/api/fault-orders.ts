/** `/_ecs-canary/faults`: fault orders over the wire. POST makes one, GET lists them, DELETE removes all. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { FaultOrders } from '../faults/faults.ts';
import { InvalidOrder } from '../faults/invalid-order.ts';

export const FAULTS_PATH = '/_ecs-canary/faults';

/** Answers with JSON; with 400 and a sentence to an order that can't be carried out. */
export async function serveFaults(request: IncomingMessage, response: ServerResponse, faults: FaultOrders): Promise<void> {
  switch (request.method ?? '') {
    case 'GET':
      return sendJson(response, 200, { faults: faults.list() });
    case 'DELETE':
      return sendJson(response, 200, { removed: faults.clear() });
    case 'POST':
      return takeOrder(await text(request), response, faults);
    default:
      return sendText(response, 405, 'Fault orders are made with POST, listed with GET, and removed with DELETE.');
  }
}

async function takeOrder(body: string, response: ServerResponse, faults: FaultOrders): Promise<void> {
  try {
    sendJson(response, 201, await faults.order(JSON.parse(body)));
  } catch (error) {
    if (error instanceof InvalidOrder) return sendText(response, 400, error.message);
    if (error instanceof SyntaxError) return sendText(response, 400, `The order is no JSON: ${error.message}.`);
    throw error;
  }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function sendText(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(`${sentence}\n`);
}
