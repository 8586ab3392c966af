/** The door of the data plane: `/servers/{name}/…` from a raw HTTP request to its transport, guarded on the way. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { BerthError, toBerthError } from '../errors.ts';
import { BodyError } from './client-body.ts';
import type { DataPlane, ServedServer } from './context.ts';
import { rpcErrorText, sendRpcError } from './rpc-error.ts';
import { handleSse, handleSseMessage } from './sse.ts';
import { handleStreamableHttp } from './streamable-http.ts';
import { createWebSocketFront, type WebSocketFront } from './websocket.ts';

const PREFIX = '/servers/';

export interface DataPlaneServer {
  /** Serves the request if its path is the data plane's; false leaves it to others. */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
  /** The same for WebSocket upgrades. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /** Ends WebSocket connections; responses end with the HTTP server. */
  close(): void;
}

interface Target {
  readonly name: string;
  readonly action: string;
  readonly query: string;
}

export function createDataPlane(plane: DataPlane): DataPlaneServer {
  const websockets = createWebSocketFront(plane);
  const { bridge } = plane;
  const parse = bridge === undefined ? parseTarget : (url: string) => parseBridged(url, bridge);
  return {
    handle: (request, response) => {
      const target = parse(request.url ?? '');
      if (!target) return false;
      try {
        dispatch(plane, target, request, response);
      } catch (error) {
        refuse(plane, request, response, error);
      }
      return true;
    },
    upgrade: (request, socket, head) => {
      const target = parse(request.url ?? '');
      if (!target) return false;
      upgrade(plane, websockets, { target, request, socket, head });
      return true;
    },
    close: () => websockets.close(),
  };
}

function dispatch(
  plane: DataPlane,
  target: Target,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  plane.guard.checkHost(request);
  plane.guard.checkOrigin(request);
  const principal = plane.guard.principalOf(request);
  const server = serverOf(plane, target.name);
  const http = { request, response, server, principal };
  switch (target.action) {
    case 'mcp':
      return handleStreamableHttp(plane, http);
    case 'sse':
      return handleSse(plane, http);
    case 'messages':
      return handleSseMessage(plane, http, new URLSearchParams(target.query).get('sessionId'));
    case 'ws':
      response.setHeader('Upgrade', 'websocket');
      response.setHeader('Allow', 'GET');
      throw new BerthError('method-not-allowed', 'this URL speaks WebSocket only');
    default:
      throw new BerthError('not-found', 'no such path; a server has /mcp, /sse and /ws');
  }
}

/** The server of that name, ready to be called; throws what its state says otherwise. */
function serverOf(plane: DataPlane, name: string): ServedServer {
  const server = plane.directory.find(name);
  if (!server) throw new BerthError('not-found', `no server is called ${JSON.stringify(name)}`);
  if (server.failure) throw server.failure;
  if (server.state === 'stopped') throw new BerthError('stopped', `the server ${name} is stopped`);
  if (server.state !== 'running') throw new BerthError('busy', `the server ${name} is ${server.state}`);
  return server;
}

interface UpgradeRequest {
  readonly target: Target;
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

function upgrade(
  plane: DataPlane,
  websockets: WebSocketFront,
  { target, request, socket, head }: UpgradeRequest,
): void {
  try {
    plane.guard.checkHost(request);
    plane.guard.checkOrigin(request);
    const principal = plane.guard.principalOf(request);
    if (target.action !== 'ws') throw new BerthError('not-found', 'only /ws speaks WebSocket');
    websockets.upgrade({ request, socket, head, server: serverOf(plane, target.name), principal });
  } catch (thrown) {
    const error = toBerthError(thrown);
    plane.onError(error, request);
    refuseUpgrade(socket, error);
  }
}

/** Answers an upgrade that is refused; there is no response object for one. */
export function refuseUpgrade(socket: Duplex, error: BerthError): void {
  const body = rpcErrorText(error);
  const challenge = error.status === 401 ? 'WWW-Authenticate: Bearer realm="berth"\r\n' : '';
  const head = `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}\r\nConnection: close\r\n${challenge}`;
  // Node leaves the socket half open and watches it no longer: a client that never closes would keep it for good.
  socket.once('finish', () => socket.destroy());
  socket.end(
    `${head}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function refuse(plane: DataPlane, request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
  const error = thrown instanceof BodyError ? thrown.error : toBerthError(thrown);
  plane.onError(error, request);
  // A body that nobody will read is dropped, so that the connection can serve the next request.
  request.resume();
  sendRpcError(response, error, thrown instanceof BodyError ? thrown.id : undefined);
}

/** Paths of a bridge, the ones that supergateway has. */
const BRIDGED: ReadonlyMap<string, string> = new Map([
  ['/mcp', 'mcp'],
  ['/sse', 'sse'],
  ['/message', 'messages'],
  ['/ws', 'ws'],
]);

function parseBridged(url: string, name: string): Target | undefined {
  const queryAt = url.indexOf('?');
  const action = BRIDGED.get(queryAt < 0 ? url : url.slice(0, queryAt));
  return action === undefined
    ? undefined
    : { name, action, query: queryAt < 0 ? '' : url.slice(queryAt + 1) };
}

/** Splits `/servers/{name}/{action}?query`; undefined for any other path. Names are plain (DNS labels), so nothing is decoded. */
function parseTarget(url: string): Target | undefined {
  if (!url.startsWith(PREFIX)) return undefined;
  const queryAt = url.indexOf('?');
  const end = queryAt < 0 ? url.length : queryAt;
  const slash = url.indexOf('/', PREFIX.length);
  const nameEnd = slash < 0 || slash > end ? end : slash;
  return {
    name: url.slice(PREFIX.length, nameEnd),
    action: url.slice(nameEnd + 1, end),
    query: queryAt < 0 ? '' : url.slice(queryAt + 1),
  };
}
