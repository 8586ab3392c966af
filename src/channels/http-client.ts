/** One HTTP exchange with a server of somebody else: nothing followed, nothing retried, no time limit but that of connecting. */
import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as plain } from 'node:http';
import { Agent as HttpsAgent, request as secure } from 'node:https';
import type { LookupFunction, Socket } from 'node:net';
import type { Clock } from '../clock.ts';
import type { HttpCredential } from './http-credential.ts';
import { connectionFailure } from './http-failure.ts';

/** Where an MCP server is reached, and through what. */
export interface HttpEndpoint {
  readonly url: URL;
  /** Credentials and the like, sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Holds the connections; shared by the channels to one server. */
  readonly agent: HttpAgent;
  /** Sent beside the headers. */
  readonly credential?: HttpCredential;
}

export interface HttpRequest {
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Instead of the endpoint's own address. */
  readonly url?: URL;
  /** The server may switch to another protocol: the response is 101 then, and its socket the caller's. */
  readonly upgrade?: boolean;
}

export interface HttpExchange {
  /** Resolves when the request has been handed to the system, or will never be. */
  readonly written: Promise<void>;
  /** The head of the response; rejects with `remote-failed` (or what the agent's look-up refused with) when there is none. */
  readonly response: Promise<IncomingMessage>;
  /** Resolves when nothing of it is left; never rejects. */
  readonly closed: Promise<void>;
  /** Drops the connection. */
  abort(): void;
}

const CONNECT_MS = 30_000;
/** Below the five seconds after which many servers drop an idle connection: a request on a dropped one would be lost. */
export const IDLE_MS = 4_000;
const KEEP_ALIVE_MS = 30_000;

/** The connections to one server. `lookup` decides which addresses may be connected to. */
export function createHttpAgent(url: URL, options: { readonly lookup?: LookupFunction } = {}): HttpAgent {
  const shared = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, timeout: IDLE_MS, ...options };
  return url.protocol === 'https:' ? new HttpsAgent(shared) : new HttpAgent(shared);
}

/** Sends one request; the caller reads or aborts the response. */
export function exchange(endpoint: HttpEndpoint, request: HttpRequest, clock: Clock): HttpExchange {
  const { url = endpoint.url, method, body } = request;
  const authorization = endpoint.credential?.authorization;
  const headers = {
    // Some servers answer nobody who does not say what they are.
    'user-agent': 'berth',
    ...endpoint.headers,
    ...(authorization !== undefined && { authorization }),
    ...request.headers,
    'accept-encoding': 'identity',
    ...(body && { 'content-length': body.length }),
  };
  // The agent's time limit is for idle connections; one that is in use may say nothing for hours.
  const options = { method, headers, agent: endpoint.agent, timeout: 0 };
  const outgoing = url.protocol === 'https:' ? secure(url, options) : plain(url, options);
  const started = watch(outgoing, url, { clock, upgrade: request.upgrade === true });
  outgoing.end(body);
  return started;
}

function watch(
  outgoing: ClientRequest,
  url: URL,
  { clock, upgrade }: { readonly clock: Clock; readonly upgrade: boolean },
): HttpExchange {
  const written = Promise.withResolvers<void>();
  const response = Promise.withResolvers<IncomingMessage>();
  const closed = Promise.withResolvers<void>();
  // Whoever has aborted it does not wait for it.
  response.promise.catch(() => {});
  outgoing.once('finish', () => written.resolve());
  outgoing.once('response', (message) => response.resolve(message));
  // Without a listener Node drops the connection of a server that switches unasked.
  if (upgrade)
    outgoing.once('upgrade', (message, socket, head) => {
      // What went wrong with it is told to whoever takes it.
      socket.on('error', () => {});
      if (head.length > 0) socket.unshift(head);
      response.resolve(message);
    });
  outgoing.on('error', (cause) => response.reject(connectionFailure(url, cause)));
  outgoing.once('close', () => {
    written.resolve();
    closed.resolve();
    response.reject(connectionFailure(url, new Error('closed')));
  });
  outgoing.once('socket', (socket) => limitConnecting(outgoing, socket, clock));
  return {
    written: written.promise,
    response: response.promise,
    closed: closed.promise,
    abort: () => outgoing.destroy(),
  };
}

function limitConnecting(outgoing: ClientRequest, socket: Socket, clock: Clock): void {
  if (!socket.connecting) return;
  const late = clock.after(CONNECT_MS, () =>
    outgoing.destroy(Object.assign(new Error('late'), { code: 'ETIMEDOUT' })),
  );
  socket.once('encrypted' in socket ? 'secureConnect' : 'connect', late);
  socket.once('close', late);
}
