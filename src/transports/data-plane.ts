/** The door of the data plane: `/servers/{name}/…` from a raw HTTP request to its transport, guarded on the way. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex, Writable } from 'node:stream';
import { BerthError, toBerthError } from '../errors.ts';
import { BodyError } from './client-body.ts';
import { BRIDGE_PATHS, type Caller, type DataPlane, type ServedServer } from './context.ts';
import type { HttpRequest } from './http-request.ts';
import { LongStreams } from './long-streams.ts';
import { REQUEST_ID, rpcErrorText, sendRpcError } from './rpc-error.ts';
import { awaitedOf, serverOf } from './served-server.ts';
import { handleSse, handleSseMessage } from './sse.ts';
import { handleStreamableHttp } from './streamable-http.ts';
import type { Visit } from './traffic.ts';
import { createWebSocketFront, type WebSocketFront, type WebSocketUpgrade } from './websocket.ts';

const PREFIX = '/servers/';

export interface DataPlaneServer {
  /** Serves the request if its path is the data plane's; false leaves it to others. */
  handle(request: IncomingMessage, response: ServerResponse, visit: Visit): boolean;
  /** The same for WebSocket upgrades. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, visit: Visit): boolean;
  /** Ends streams and connections that would stay open, one after the other; resolves when that is done, after `ms` at the latest. */
  leave(ms: number): Promise<void>;
  /** How many streams and WebSockets would stay open, as nobody has told them to end. */
  streams(): number;
  /** Ends WebSocket connections; responses end with the HTTP server. */
  close(): void;
}

interface Target {
  readonly name: string;
  readonly action: string;
  readonly query: string;
}

export function createDataPlane(plane: DataPlane): DataPlaneServer {
  const streams = plane.streams ?? new LongStreams(plane.clock);
  const websockets = createWebSocketFront(plane, streams);
  const { bridge, bridgePaths } = plane;
  const parse = (url: string, kind: Bridged['kind']): Target | undefined =>
    bridge === undefined
      ? parseTarget(url)
      : parseBridged(url, { bridge, kind, ...(bridgePaths && { bridgePaths }) });
  return {
    handle: (request, response, visit) => {
      const target = parse(request.url ?? '', 'request');
      if (!target) return false;
      const fail = (error: unknown): void => refuse(plane, request, response, error);
      enter(plane, target, {
        request,
        visit,
        client: response,
        serve: (entered) => {
          endWithKey(plane, request, response);
          dispatch(plane, target, { request, response, streams, ...entered });
        },
        fail,
      });
      return true;
    },
    upgrade: (request, socket, head, visit) => {
      const target = parse(request.url ?? '', 'upgrade');
      if (!target) return false;
      enter(plane, target, {
        request,
        visit,
        client: socket,
        serve: (entered) => upgrade(websockets, target, { request, socket, head, visit, ...entered }),
        fail: (thrown) => {
          const error = toBerthError(thrown);
          visit.status = error.status;
          plane.onError(error);
          refuseUpgrade(socket, error);
        },
      });
      return true;
    },
    leave: (ms) => streams.leave(ms),
    streams: () => streams.waiting,
    close: () => websockets.close(),
  };
}

interface Entered {
  readonly server: ServedServer;
  readonly principal: Caller;
}

interface Entrance {
  readonly request: IncomingMessage;
  readonly visit: Visit;
  /** Closes when the client leaves. */
  readonly client: Writable;
  readonly serve: (entered: Entered) => void;
  readonly fail: (error: unknown) => void;
}

/** What a key has let in does not go on without it: an event stream may be open for days. */
function endWithKey({ guard }: DataPlane, request: IncomingMessage, response: ServerResponse): void {
  if (request.headers.authorization === undefined) return;
  response.once(
    'close',
    guard.hold(request, () => response.destroy()),
  );
}

/** Lets a request in that may come in, at once or when its server is there. */
function enter(plane: DataPlane, target: Target, { request, visit, client, serve, fail }: Entrance): void {
  const { name } = target;
  try {
    plane.guard.checkHost(request);
    plane.guard.checkOrigin(request);
    const principal = plane.guard.principalOf(request);
    const lasting = ofLiveSession(plane, target, request);
    if (lasting) {
      visit.enter(name);
      return serve({ server: lasting, principal });
    }
    const arrived = (): void => {
      const server = serverOf(plane, name);
      visit.enter(name);
      serve({ server, principal });
    };
    const awaited = awaitedOf(plane, name);
    if (!awaited) return arrived();
    awaitServer(awaited, client).then((left) => {
      if (left) return;
      // The key may have gone while the server was awaited.
      attempt(() => {
        plane.guard.principalOf(request);
        arrived();
      }, fail);
    }, fail);
  } catch (error) {
    fail(error);
  }
}

/**
 * The server of a session whose replica is there, where nothing new can begin on it: the session goes on as long as its replica does,
 * whatever has become of the others.
 */
function ofLiveSession(
  { directory, sealer, router }: DataPlane,
  { name, action, query }: Target,
  { headers }: IncomingMessage,
): ServedServer | undefined {
  const sealed =
    action === 'messages' ? new URLSearchParams(query).get('sessionId') : headers['mcp-session-id'];
  if (typeof sealed !== 'string') return undefined;
  const server = directory.find(name);
  if (!server?.awaited && !server?.failure) return undefined;
  const { awaited: _awaited, failure: _failure, ...lasting } = server;
  const claims = sealer.open(sealed, server.id);
  if (!claims || !router.replica(server.id, claims.replica)) return undefined;
  return { ...lasting, state: 'running', isEnding: true };
}

/** Resolves with whether the client has left meanwhile; then nothing is to be answered. */
async function awaitServer(
  awaited: NonNullable<ServedServer['awaited']>,
  client: Writable,
): Promise<boolean> {
  const leaving = new AbortController();
  const leave = (): void => leaving.abort();
  client.once('close', leave);
  try {
    await awaited(leaving.signal);
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
  } finally {
    client.off('close', leave);
  }
  return leaving.signal.aborted;
}

function attempt(serve: () => void, fail: (error: unknown) => void): void {
  try {
    serve();
  } catch (error) {
    fail(error);
  }
}

function dispatch(plane: DataPlane, target: Target, http: HttpRequest): void {
  const { response } = http;
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

function upgrade(websockets: WebSocketFront, { action }: Target, request: WebSocketUpgrade): void {
  if (action !== 'ws') throw new BerthError('not-found', 'only /ws speaks WebSocket');
  websockets.upgrade(request);
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
  // A body that nobody will read is dropped, so that the connection can serve the next request.
  request.resume();
  sendRpcError(response, error, thrown instanceof BodyError ? thrown.id : undefined);
  plane.onError(error, String(response.getHeader(REQUEST_ID)));
}

/** A bridge may have its messages and its WebSocket at one path: they are told apart by the upgrade. */
function parseBridged(
  url: string,
  { bridge: name = '', bridgePaths = BRIDGE_PATHS, kind }: Bridged,
): Target | undefined {
  const queryAt = url.indexOf('?');
  const path = queryAt < 0 ? url : url.slice(0, queryAt);
  const actions = kind === 'upgrade' ? UPGRADES : REQUESTS;
  const action = actions.find((one) => bridgePaths[one] === path);
  return action && { name, action, query: queryAt < 0 ? '' : url.slice(queryAt + 1) };
}

type Bridged = Pick<DataPlane, 'bridge' | 'bridgePaths'> & { readonly kind: 'request' | 'upgrade' };

const REQUESTS = ['mcp', 'sse', 'messages', 'ws'] as const;
const UPGRADES = ['ws', 'mcp', 'sse', 'messages'] as const;

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
