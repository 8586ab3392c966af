/** A server in the test's hands that speaks Streamable HTTP: what comes is written down, what is said goes where the test wants. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHttpAgent, type HttpEndpoint } from '../../src/channels/http-client.ts';
import type { Message } from './inbox.ts';

export interface PeerRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Of the body, when it is JSON. */
  readonly message: Message;
  readonly response: ServerResponse;
  /** The client has dropped the connection before the end of the response. */
  readonly dropped: boolean;
}

export type Answer = (request: PeerRequest) => void;

export interface HttpPeer {
  readonly url: URL;
  readonly endpoint: HttpEndpoint;
  readonly requests: readonly PeerRequest[];
  /** Requests of one HTTP method, or with one JSON-RPC method. */
  seen(method: string): PeerRequest[];
  /** From now on; it may leave the response open. */
  answer: Answer;
  close(): Promise<void>;
}

/** Starts one on a free loopback port. */
export async function startPeer(answer: Answer = accept): Promise<HttpPeer> {
  const requests: PeerRequest[] = [];
  const server = createServer((incoming, response) => {
    void readRequest(incoming, response).then((request) => {
      if (!request) return;
      requests.push(request);
      peer.answer(request);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
  const agent = createHttpAgent(url);
  const peer: HttpPeer = {
    url,
    endpoint: { url, headers: {}, agent },
    requests,
    seen: (name) => requests.filter(({ method, message }) => method === name || message.method === name),
    answer,
    close: async () => {
      agent.destroy();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return peer;
}

async function readRequest(
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<PeerRequest | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
  } catch {
    return undefined;
  }
  const body = Buffer.concat(chunks).toString('utf8');
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers: incoming.headers,
    body,
    message: body.startsWith('{') ? JSON.parse(body) : {},
    response,
    get dropped() {
      return response.destroyed && !response.writableFinished;
    },
  };
}

export const RESULT = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  serverInfo: { name: 'peer', version: '1' },
};

/** Takes every message, opens sessions named `session-N`, has no stream of its own. */
export function accept({ method, message, response }: PeerRequest): void {
  if (method !== 'POST') return void response.writeHead(405).end();
  if (message.method === 'initialize')
    return json({ response, message }, RESULT, { 'mcp-session-id': 'session' });
  if (message.method !== undefined && message.id !== undefined) return json({ response, message }, {});
  response.writeHead(202).end();
}

/** Answers a request with a result as JSON. */
export function json(
  { response, message }: Pick<PeerRequest, 'response' | 'message'>,
  result: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }));
}

/** Answers a request with a JSON-RPC error under a status. */
export function refuse(
  { response, message }: Pick<PeerRequest, 'response' | 'message'>,
  status: number,
  error: { code: number; message: string; data?: unknown },
): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id ?? null, error }));
}

/** Begins an event stream. */
export function events(response: ServerResponse, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', ...headers });
  response.flushHeaders();
}

/** One event; line breaks in the data become data lines. */
export function event(data: string | Buffer, fields: Readonly<Record<string, string | number>> = {}): Buffer {
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\n`);
  const lines = Buffer.from(data)
    .toString('latin1')
    .split(/\r\n|\r|\n/);
  return Buffer.from(
    `${Buffer.from(head.join('')).toString('latin1')}${lines.map((line) => `data: ${line}\n`).join('')}\n`,
    'latin1',
  );
}

/** Looks, each time it is called, whether a response cannot be written on: the same bytes have waited for several looks. */
export function stuckWatch(): (response: Pick<ServerResponse, 'writableLength'> | undefined) => boolean {
  let [waiting, looks] = [0, 0];
  return (response) => {
    const now = response?.writableLength ?? 0;
    looks = now > 0 && now === waiting ? looks + 1 : 0;
    waiting = now;
    return looks >= 5;
  };
}
