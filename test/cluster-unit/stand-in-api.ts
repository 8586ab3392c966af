/** An HTTP server that plays a Kubernetes API server: a test says what it answers, and how it behaves as an exec endpoint. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { ClusterAccess, ClusterCredentials } from '../../src/cluster/access.ts';
import { V4, V5 } from '../../src/cluster/exec-frames.ts';
import { ExecPeer } from './exec-peer.ts';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export class StandInApi {
  readonly #server: Server;
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => this.protocols.find((name) => offered.has(name)) ?? false,
  });
  readonly #sockets = new Set<Socket>();
  /** What it speaks on exec, best first. */
  protocols: readonly string[] = [V5, V4];
  /** What came, newest last. */
  readonly requests: { method: string; url: URL; headers: IncomingMessage['headers'] }[] = [];
  /** Connections that were made. */
  connections = 0;
  answer: Answer = (_request, response) => status(response, 404, 'NotFound', 'there is nothing');
  /** Takes the place of the WebSocket handshake; true when it dealt with the request. */
  refuse: (socket: Duplex) => boolean = () => false;
  onExec: (peer: ExecPeer) => void = () => {};
  readonly peers: ExecPeer[] = [];

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#note(request);
      this.answer(request, response);
    });
    this.#server.keepAliveTimeout = 0;
    this.#server.on('connection', (socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('upgrade', (request, socket, head) => {
      this.#note(request);
      if (this.refuse(socket)) return;
      const peer = new ExecPeer(socket);
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        peer.start(webSocket);
        this.peers.push(peer);
        this.onExec(peer);
      });
    });
  }

  static async start(): Promise<StandInApi> {
    const api = new StandInApi();
    await new Promise<void>((resolve) => api.#server.listen(0, '127.0.0.1', resolve));
    return api;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How a program under test reaches it. */
  access(credentials: () => ClusterCredentials = () => ({ headers: {}, tls: {} })): TestAccess {
    return {
      baseUrl: this.baseUrl,
      namespace: 'demo',
      refreshes: 0,
      credentials: async () => credentials(),
      refresh() {
        this.refreshes++;
      },
    };
  }

  /** Cuts every connection, as a dying API server does. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #note(request: IncomingMessage): void {
    const url = new URL(request.url ?? '/', this.baseUrl);
    this.requests.push({ method: request.method ?? '', url, headers: request.headers });
  }
}

export interface TestAccess extends ClusterAccess {
  refreshes: number;
}

/** Answers with a Status object. */
export function status(response: ServerResponse, code: number, reason: string, message: string): void {
  json(response, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message, code });
}

export function json(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** The bytes of an HTTP answer in place of an upgrade. */
export function refusal(code: number, headers: Record<string, string>, body: string): string {
  const lines = Object.entries({ 'content-length': String(Buffer.byteLength(body)), ...headers });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `HTTP/1.1 ${code} Refused\r\n${head}connection: close\r\n\r\n${body}`;
}

/** The body of a request. */
export async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}
