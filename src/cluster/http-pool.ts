/** Kept-alive connections to one API server; a certificate that was renewed counts from the next connection on. */
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { ClusterCredentials, ClusterTls } from './access.ts';

/** Milliseconds that an unused connection is kept. */
const KEPT = 60_000;
const TCP_KEEPALIVE = 15_000;

export interface PoolRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** Milliseconds in which it has a connection, a handshake included. */
  readonly connectWithin?: number | undefined;
}

/** The connection could not be made, or broke. */
export class ConnectionFault extends Error {
  /** It broke while it lay in the pool, before anything was answered: another one is worth trying at once. */
  readonly stale: boolean;

  constructor(cause: Error, stale = false) {
    super(cause.message, { cause });
    this.name = 'ConnectionFault';
    this.stale = stale;
  }
}

export class HttpPool {
  readonly #maxSockets: number;
  #tls: ClusterTls | undefined;
  #agent: HttpAgent | undefined;

  constructor(maxSockets = Number.POSITIVE_INFINITY) {
    this.#maxSockets = maxSockets;
  }

  /** Resolves with the head of the answer; its body has yet to be read. Rejects with {@link ConnectionFault}. */
  request(
    { body, url, connectWithin, ...options }: PoolRequest,
    credentials: ClusterCredentials,
  ): Promise<IncomingMessage> {
    const secure = url.startsWith('https:');
    const agent = credentials.agent ?? this.#agentFor(credentials.tls, secure);
    const headers = { ...options.headers, ...lengthOf(body) };
    return new Promise((resolve, reject) => {
      const sent = (secure ? httpsRequest : httpRequest)(url, {
        ...options,
        headers,
        agent,
      } as RequestOptions);
      sent.once('response', resolve);
      if (connectWithin !== undefined) limitConnecting(sent, connectWithin);
      sent.on('error', (error: NodeJS.ErrnoException) => {
        const reset = error.code === 'ECONNRESET' || error.code === 'EPIPE';
        reject(new ConnectionFault(error, sent.reusedSocket && reset));
      });
      sent.end(body);
    });
  }

  /** Ends the connections that nothing is under way on: whoever they lead to has gone. */
  dropIdle(): void {
    for (const idle of Object.values(this.#agent?.freeSockets ?? {}))
      for (const socket of idle ?? []) socket.destroy();
  }

  /** Ends all connections, those in use too. */
  close(): void {
    this.#agent?.destroy();
  }

  /** The connections of an agent that is replaced go on to their end; unused ones run into their limit. */
  #agentFor(tls: ClusterTls, secure: boolean): HttpAgent {
    if (this.#agent && (tls === this.#tls || isDeepStrictEqual(tls, this.#tls))) return this.#agent;
    const options = {
      keepAlive: true,
      keepAliveMsecs: TCP_KEEPALIVE,
      timeout: KEPT,
      maxSockets: this.#maxSockets,
      scheduling: 'lifo' as const,
    };
    this.#tls = tls;
    this.#agent = secure ? new HttpsAgent({ ...options, ...tls }) : new HttpAgent(options);
    return this.#agent;
  }
}

/** A connection that lies there is one; a new one has its handshake behind it. */
function limitConnecting(sent: ClientRequest, ms: number): void {
  const timer = setTimeout(() => sent.destroy(new Error(`no connection within ${ms / 1_000} s`)), ms);
  const stop = (): void => clearTimeout(timer);
  sent.once('close', stop);
  sent.once('socket', (socket: Socket) => {
    if (sent.reusedSocket) return stop();
    socket.once('encrypted' in socket ? 'secureConnect' : 'connect', stop);
  });
}

function lengthOf(body: string | undefined): Record<string, string> {
  return body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
}

/** The whole body as text. Rejects with {@link ConnectionFault} when it breaks off or passes `most` bytes. */
export async function readBody(answer: IncomingMessage, most: number): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of answer) {
      size += (part as Buffer).length;
      if (size > most) throw new Error(`the answer is longer than ${most} bytes`);
      parts.push(part as Buffer);
    }
  } catch (error) {
    throw new ConnectionFault(error as Error);
  }
  return Buffer.concat(parts).toString('utf8');
}
