/**
 * The official SDKs' servers on loopback, as remote servers: both transports of version 1, and version 2 of the modern era; each over a
 * WebSocket too, which the SDKs have no server side of.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { createMcpHandler, McpServer as McpServerV2 } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { type WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';

export interface SdkServer {
  readonly url: string;
  /** `authorization` of every request so far. */
  readonly credentials: ReadonlySet<string | undefined>;
  /** Sessions that have not ended. */
  readonly sessions: number;
  /** The server no longer knows its sessions, as after a restart. */
  forget(): void;
  close(): Promise<void>;
}

type Listener = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

const INPUT = { message: z.string() };

/** Tools that show what has to come through: a call, its progress, and a question back. */
function createServerV1(): McpServer {
  const mcp = new McpServer({ name: 'sdk-v1', version: '1.0.0' });
  mcp.registerTool('echo', { description: 'says it again', inputSchema: INPUT }, ({ message }) =>
    text(message),
  );
  mcp.registerTool('count', { description: 'counts to three', inputSchema: {} }, async (_args, extra) => {
    const progressToken = extra._meta?.progressToken;
    for (let progress = 1; progress <= 3 && progressToken !== undefined; progress++)
      await extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress } });
    // The SDK's client forgets progress that comes in one read with the answer (typescript-sdk #2580).
    await setTimeout(50);
    return text('counted');
  });
  mcp.registerTool('ask', { description: 'asks who is there', inputSchema: {} }, async () => {
    const requestedSchema = {
      type: 'object' as const,
      properties: { username: { type: 'string' as const }, email: { type: 'string' as const } },
    };
    const answer = await mcp.server.elicitInput({ message: 'Who?', requestedSchema });
    return text(JSON.stringify(answer.content));
  });
  return mcp;
}

function text(said: string) {
  return { content: [{ type: 'text' as const, text: said }] };
}

async function serve(
  listener: Listener,
  sessions: Map<string, { close(): Promise<void> }>,
  path: string,
): Promise<SdkServer> {
  const credentials = new Set<string | undefined>();
  const server = createServer((request, response) => {
    credentials.add(request.headers.authorization);
    listener(request, response).catch(() => response.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
    credentials,
    get sessions() {
      return sessions.size;
    },
    forget: () => sessions.clear(),
    close: async () => {
      await Promise.all([...sessions.values()].map((session) => session.close()));
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Version 1 with sessions; other requests than `initialize` without a known one are 404. */
export function startStreamableV1(): Promise<SdkServer> {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  return serve(
    async (request, response) => {
      const id = String(request.headers['mcp-session-id'] ?? '');
      const known = sessions.get(id);
      if (!known && id !== '') return void response.writeHead(404).end();
      await (known ?? (await openStreamable(sessions))).handleRequest(request, response);
    },
    sessions,
    '/mcp',
  );
}

async function openStreamable(
  sessions: Map<string, StreamableHTTPServerTransport>,
): Promise<StreamableHTTPServerTransport> {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
  });
  await createServerV1().connect(transport as Transport);
  return transport;
}

/** Version 1 over HTTP+SSE. */
export function startSseV1(): Promise<SdkServer> {
  const sessions = new Map<string, SSEServerTransport>();
  return serve(
    async (request, response) => {
      const url = new URL(request.url ?? '', 'http://localhost');
      if (url.pathname === '/messages') {
        const known = sessions.get(url.searchParams.get('sessionId') ?? '');
        if (known) await known.handlePostMessage(request, response);
        else response.writeHead(404).end();
      } else if (request.method === 'GET') {
        const transport = new SSEServerTransport('/messages', response);
        sessions.set(transport.sessionId, transport);
        response.once('close', () => sessions.delete(transport.sessionId));
        await createServerV1().connect(transport);
      } else response.writeHead(405).end();
    },
    sessions,
    '/sse',
  );
}

function createServerV2(): McpServerV2 {
  const mcp = new McpServerV2({ name: 'sdk-v2', version: '2.0.0' });
  mcp.registerTool('echo', { description: 'says it again', inputSchema: z.object(INPUT) }, ({ message }) =>
    text(message),
  );
  return mcp;
}

/** Version 2 of the modern era only. */
export function startModernV2(): Promise<SdkServer> {
  const handler = createMcpHandler(createServerV2, { legacy: 'reject' });
  return serve((request, response) => answerWith(handler.fetch, request, response), new Map(), '/mcp');
}

/** The other side of the SDK's client over WebSocket: one message a text frame. */
class ServerSocket implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: <T>(message: T) => void;
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.onmessage?.(JSON.parse(data.toString())));
    socket.once('close', () => this.onclose?.());
    socket.on('error', (error) => this.onerror?.(error));
  }

  async start(): Promise<void> {}

  send(message: unknown): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#socket.send(JSON.stringify(message), (error) => (error ? reject(error) : resolve())),
    );
  }

  async close(): Promise<void> {
    this.#socket.close(1001, 'the server ends');
  }
}

/** A server of its own for each connection; {@link SdkServer.forget} drops them all. */
async function serveSockets(connect: (transport: ServerSocket) => Promise<void>): Promise<SdkServer> {
  const credentials = new Set<string | undefined>();
  const server = createServer((_request, response) => response.writeHead(426).end());
  const sockets = new WebSocketServer({
    server,
    handleProtocols: (offered) => (offered.has('mcp') ? 'mcp' : false),
  });
  sockets.on('connection', (socket, request) => {
    credentials.add(request.headers.authorization);
    connect(new ServerSocket(socket)).catch(() => socket.terminate());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const forget = () => {
    for (const socket of sockets.clients) socket.terminate();
  };
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`,
    credentials,
    get sessions() {
      return sockets.clients.size;
    },
    forget,
    close: async () => {
      forget();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Version 1 over WebSocket. */
export function startSocketV1(): Promise<SdkServer> {
  return serveSockets((transport) => createServerV1().connect(transport));
}

/** Version 2 of the modern era only, over WebSocket: its binding is that of the standard streams. */
export function startModernSocketV2(): Promise<SdkServer> {
  return serveSockets(async (transport) => {
    serveStdio(createServerV2, { legacy: 'reject', transport });
  });
}

/** What `@modelcontextprotocol/node` does: a web handler behind a Node server. */
async function answerWith(
  handle: (request: Request) => Promise<Response>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const abort = new AbortController();
  response.once('close', () => abort.abort());
  const { method = 'GET' } = request;
  const answer = await handle(
    new Request(new URL(request.url ?? '', 'http://127.0.0.1'), {
      method,
      headers: Object.entries(request.headers).map(([name, value]): [string, string] => [
        name,
        String(value),
      ]),
      ...(method === 'POST' && { body: Buffer.concat(chunks) }),
      signal: abort.signal,
    }),
  );
  response.writeHead(answer.status, [...answer.headers].flat());
  if (answer.body) for await (const chunk of answer.body) response.write(chunk);
  response.end();
}
