/** A hop between programs under test and their API server that delays, refuses or cuts what goes through it, as a test says. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterAccess } from '../../../src/cluster/access.ts';
import { kubeconfigOf } from './kubeconfig.ts';

/** What becomes of a request: it waits before it goes on, or is answered in place of the API server. */
export interface Fault {
  /** Milliseconds. */
  readonly delay?: number;
  readonly refusal?: { readonly status: number; readonly reason: string; readonly retryAfter?: number };
}

export interface SeenRequest {
  readonly method: string;
  readonly url: URL;
  /** A reading of `performance.now()`. */
  readonly at: number;
  /** The same, once it was answered by the hop itself. */
  refusedAt?: number;
}

export interface FaultProxy {
  /** Without the API server's own credentials: those the hop has. */
  readonly access: ClusterAccess;
  /** A kubeconfig for a program of its own. */
  readonly kubeconfig: string;
  /** In order. */
  readonly seen: SeenRequest[];
  /** Greatest number of requests that were under way at one time; watches and execs do not count. */
  most: number;
  /** Asked for each request. */
  fault: (request: SeenRequest) => Fault;
  /** The one protocol that connections of commands may offer, whatever they do: an older API server knows no newer one. */
  protocol?: string;
  /** Ends the watches that are open; execs go on. */
  cutWatches(): void;
  close(): void;
}

const NONE: Fault = {};

export async function openFaultProxy(real: ClusterAccess): Promise<FaultProxy> {
  const token = randomUUID();
  const watches = new Set<Duplex>();
  const sockets = new Set<Duplex>();
  const agent = new Agent({ keepAlive: true });
  let underWay = 0;
  const server = createServer((request, response) => {
    response.on('error', () => {});
    if (!isOurs(request)) return void response.writeHead(401).end();
    void pass(request, response);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
  });
  server.on('upgrade', (request, socket) => {
    if (!isOurs(request)) return void socket.destroy();
    void upgrade(request, socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy: FaultProxy = {
    access: {
      baseUrl,
      namespace: real.namespace,
      refresh: () => {},
      credentials: async () => ({ headers: { authorization: `Bearer ${token}` }, tls: {} }),
    },
    kubeconfig: kubeconfigOf(baseUrl, token),
    seen: [],
    most: 0,
    fault: () => NONE,
    cutWatches: () => {
      for (const socket of watches) socket.destroy();
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      agent.destroy();
    },
  };
  return proxy;

  function isOurs({ headers }: IncomingMessage): boolean {
    return headers.authorization === `Bearer ${token}`;
  }

  function note({ method = '', url = '/' }: IncomingMessage): SeenRequest {
    const seen = { method, url: new URL(url, baseUrl), at: performance.now() };
    proxy.seen.push(seen);
    return seen;
  }

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen = note(request);
    const watching = seen.url.searchParams.has('watch');
    if (!watching) proxy.most = Math.max(proxy.most, ++underWay);
    const gone = new AbortController();
    response.once('close', () => {
      if (!watching) underWay--;
      gone.abort();
    });
    const refusal = await faultOf(seen, gone.signal);
    if (gone.signal.aborted) return;
    if (refusal) {
      response.writeHead(refusal.status, refusal.headers).end(refusal.body);
      return;
    }
    const upstream = await open(request);
    gone.signal.addEventListener('abort', () => upstream.destroy());
    upstream.on('error', () => response.destroy());
    upstream.once('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      if (watching) follow(request.socket);
      answer.pipe(response);
      answer.once('error', () => response.destroy());
    });
    request.pipe(upstream);
  }

  function follow(socket: Duplex): void {
    watches.add(socket);
    socket.once('close', () => watches.delete(socket));
  }

  async function upgrade(request: IncomingMessage, socket: Duplex): Promise<void> {
    const gone = new AbortController();
    socket.once('close', () => gone.abort());
    const refusal = await faultOf(note(request), gone.signal);
    if (gone.signal.aborted) return;
    if (refusal) return void socket.end(headOf(refusal.status, refusal.headers) + refusal.body);
    const upstream = await open(request, offering(proxy.protocol));
    gone.signal.addEventListener('abort', () => upstream.destroy());
    upstream.on('error', () => socket.destroy());
    upstream.once('response', (answer) => {
      socket.write(headOf(answer.statusCode ?? 502, { ...answer.headers, connection: 'close' }));
      answer.pipe(socket);
    });
    upstream.once('upgrade', (answer, far, first) => {
      socket.write(headOf(answer.statusCode ?? 101, answer.headers));
      socket.write(first);
      far.on('error', () => {}).once('close', () => socket.destroy());
      socket.once('close', () => far.destroy());
      far.pipe(socket).pipe(far);
    });
    upstream.end();
  }

  async function faultOf(seen: SeenRequest, signal: AbortSignal) {
    const { delay = 0, refusal } = proxy.fault(seen);
    if (delay > 0) await sleep(delay, undefined, { signal }).catch(() => {});
    if (!refusal) return undefined;
    seen.refusedAt = performance.now();
    const { status, reason, retryAfter } = refusal;
    const body = JSON.stringify({ kind: 'Status', code: status, reason, message: 'as the test says' });
    const headers: OutgoingHttpHeaders = {
      ...{ 'content-type': 'application/json', 'content-length': body.length },
      ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
    };
    return { status, headers, body };
  }

  async function open({ method, url, headers }: IncomingMessage, more: OutgoingHttpHeaders = {}) {
    const { tls, headers: own } = await real.credentials();
    const { host: _host, authorization: _token, ...given } = headers;
    return httpsRequest(`${real.baseUrl}${url}`, {
      ...{ method, headers: { ...given, ...more, ...own }, agent },
      ...tls,
    });
  }
}

function offering(protocol: string | undefined): OutgoingHttpHeaders {
  return protocol === undefined ? {} : { 'sec-websocket-protocol': protocol };
}

function headOf(status: number, headers: OutgoingHttpHeaders): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${status === 101 ? 'Switching Protocols' : 'Answer'}\r\n${lines.join('')}\r\n`;
}
