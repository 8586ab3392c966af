/** What the fronts have in common: a loopback HTTP server that a web page cannot reach by a name of its own. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Wire } from './carrier.ts';

export interface Front {
  /** With the host name localhost, as the suite's rebinding scenario wants it. */
  readonly url: string;
  close(): Promise<void>;
}

const LOCAL = /^(?:https?:\/\/)?(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

export function sendJson(response: ServerResponse, status: number, message: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(message));
}

export function failed(id: unknown, code: number, message: string): Wire {
  return { jsonrpc: '2.0', id, error: { code, message } };
}

export async function readMessage(request: IncomingMessage): Promise<Wire> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Wire;
}

/** Writes one event, and the head of the stream before the first. */
export function sendEvent(response: ServerResponse, message: Wire): void {
  openEvents(response);
  response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
}

export function openEvents(response: ServerResponse, headers: Readonly<Record<string, string>> = {}): void {
  if (!response.headersSent)
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' }).flushHeaders();
}

/** Serves until closed; what `answer` throws becomes a 500 with its text. */
export async function serveFront(
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
  close: () => Promise<void>,
): Promise<Front> {
  const server = createServer((request, response) => {
    const { host = '', origin = 'http://localhost' } = request.headers;
    if (!LOCAL.test(host) || !LOCAL.test(origin)) return sendJson(response, 403, failed(null, -32000, 'No'));
    answer(request, response).catch((thrown: unknown) => response.writeHead(500).end(String(thrown)));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/mcp`,
    close: async () => {
      await close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
