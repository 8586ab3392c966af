/** The Streamable HTTP transport, legacy revisions 2025-03-26 to 2025-11-25 (basic/transports of each). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BerthError, toBerthError } from '../errors.ts';
import type { Conversation } from '../sessions/conversation.ts';
import { LEGACY_REVISIONS } from '../sessions/lanes/initialize.ts';
import { STANDALONE } from '../sessions/session.ts';
import { BodyError, type ClientBody, idOf, modernRefusal, parseBody, readBody } from './client-body.ts';
import { refuseCoded } from './content-coding.ts';
import type { Caller, DataPlane, ServedServer, SessionClaims } from './context.ts';
import { GetReader } from './get-reader.ts';
import { PostReader } from './post-reader.ts';
import { sendRpcError } from './rpc-error.ts';

/** Revision from which streams open with an event that has an id and no data. */
const PRIMED_FROM = '2025-11-25';

export interface HttpRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly server: ServedServer;
  readonly principal: Caller;
}

/** Serves one request on `/servers/{name}/mcp`. Throws BerthError for what is refused before the body is read. */
export function handleStreamableHttp(plane: DataPlane, http: HttpRequest): void {
  switch (http.request.method) {
    case 'POST':
      return post(plane, http);
    case 'GET':
      return get(plane, http);
    case 'DELETE':
      return end(plane, http);
    default:
      throw notAllowed(http.response, 'GET, POST, DELETE');
  }
}

/** A 405 that says what is allowed. */
export function notAllowed(response: ServerResponse, allow: string): BerthError {
  response.setHeader('Allow', allow);
  return new BerthError('method-not-allowed', `only ${allow} are allowed here`);
}

function post(plane: DataPlane, http: HttpRequest): void {
  const { request, response } = http;
  if (!isJson(request.headers['content-type']))
    throw new BerthError('unsupported-media-type', 'the Content-Type must be application/json');
  refuseCoded(request, response);
  if (!accepts(request, 'application/json') || !accepts(request, 'text/event-stream')) {
    throw new BerthError('not-acceptable', 'the client must accept application/json and text/event-stream');
  }
  readBody(request, plane, (refusal, bytes) => {
    if (refusal) return sendRpcError(response, refusal);
    let body: ClientBody | undefined;
    try {
      checkVersion(request);
      body = parseBody(bytes, plane.limits);
      take(plane, http, body);
    } catch (error) {
      if (error instanceof BodyError) sendRpcError(response, error.error, error.id);
      else sendRpcError(response, toBerthError(error), body && answerId(body));
    }
  });
}

function take(plane: DataPlane, http: HttpRequest, body: ClientBody): void {
  const [first] = body.messages;
  const initialize =
    first !== undefined &&
    !body.batch &&
    first.envelope.method === 'initialize' &&
    first.envelope.kind === 'request';
  const { conversation, sealed } = initialize ? openConversation(plane, http) : findConversation(plane, http);
  if (body.requests === 0) return note(plane, http, conversation, body);
  const reader = new PostReader({
    response: http.response,
    clock: plane.clock,
    id: answerId(body),
    plain: !body.batch,
    primed: versionOf(http.request) === PRIMED_FROM,
    ...(sealed === undefined ? {} : { sessionId: sealed }),
  });
  if (sealed !== undefined) endUnclaimed(http.response, conversation);
  const request = { key: plane.nextKey(), messages: body.messages, batch: body.batch };
  reader.attachment = conversation.call(
    request,
    reader,
    sealed === undefined ? undefined : { delivery: 'streams' },
  );
}

/** A client that leaves before the head of its answer never learns its session's id: nobody could use or end that session. */
function endUnclaimed(response: ServerResponse, conversation: Conversation): void {
  response.once('close', () => {
    if (!response.headersSent) conversation.end(() => {});
  });
}

/** The id under which a refusal of the whole body is answered. */
function answerId({ messages: [first], batch }: ClientBody): string {
  return batch || !first ? 'null' : idOf(first);
}

/** Only notifications and answers: 202 once all of them have been taken. */
function note(
  plane: DataPlane,
  { response }: HttpRequest,
  conversation: Conversation,
  body: ClientBody,
): void {
  let left = body.messages.length;
  const done = (error?: BerthError): void => {
    if (error) {
      if (left > 0) sendRpcError(response, error);
      left = 0;
    } else if (--left === 0) response.writeHead(202).end();
  };
  for (const message of body.messages) conversation.note(plane.nextKey(), message, done);
}

function get(plane: DataPlane, http: HttpRequest): void {
  const { request, response, server } = http;
  if (isPooled(server)) throw notAllowed(response, 'POST');
  if (!accepts(request, 'text/event-stream'))
    throw new BerthError('not-acceptable', 'the client must accept text/event-stream');
  checkVersion(request);
  const { conversation } = findConversation(plane, http);
  const position = parseEventId(request.headers['last-event-id']);
  const reader = new GetReader({
    response,
    clock: plane.clock,
    after: position?.after ?? 0,
    primed: versionOf(request) === PRIMED_FROM,
  });
  reader.attachment = conversation.attach(position ?? { stream: STANDALONE }, reader);
}

function end(plane: DataPlane, http: HttpRequest): void {
  const { response, server } = http;
  if (isPooled(server)) throw notAllowed(response, 'POST');
  findConversation(plane, http).conversation.end((error) => {
    if (error) sendRpcError(response, error);
    else response.writeHead(204).end();
  });
}

/** Without sessions every request of a principal goes to the same pool; no id is minted. */
function isPooled(server: ServedServer): boolean {
  return server.sessions === 'none' || server.isolation === 'call';
}

function openConversation(
  plane: DataPlane,
  http: HttpRequest,
): { conversation: Conversation; sealed?: string } {
  const { server, principal, request } = http;
  if (isPooled(server)) return { conversation: pooledConversation(plane, http) };
  if (request.headers['mcp-session-id'] !== undefined) return findConversation(plane, http);
  const nonce = plane.nextNonce();
  const route = plane.router.route(server.id, nonce);
  if (!route) throw new BerthError('busy', 'no replica of this server is ready');
  const claims = { replica: route.replica, nonce, principal: principal.digest, issuedAt: Date.now() };
  const conversation = route.link.conversation({
    server: server.id,
    kind: 'session',
    key: nonce,
    principal: principal.id,
  });
  return { conversation, sealed: plane.sealer.seal(server.id, claims) };
}

function pooledConversation(plane: DataPlane, { server, principal }: HttpRequest): Conversation {
  const route = plane.router.route(server.id, principal.id);
  if (!route) throw new BerthError('busy', 'no replica of this server is ready');
  return route.link.conversation({ server: server.id, kind: 'affinity', key: '', principal: principal.id });
}

function findConversation(
  plane: DataPlane,
  http: HttpRequest,
): { conversation: Conversation; sealed?: string } {
  const { server, principal, request } = http;
  if (isPooled(server)) return { conversation: pooledConversation(plane, http) };
  const sealed = request.headers['mcp-session-id'];
  if (typeof sealed !== 'string')
    throw new BerthError('missing-session', 'an Mcp-Session-Id header is required');
  return { conversation: openSealed(plane, { server, principal, sealed }) };
}

/** The conversation of a sealed session id; throws `unknown-session` for anything that is not this caller's session of this transport here. */
export function openSealed(
  plane: DataPlane,
  who: {
    readonly server: ServedServer;
    readonly principal: Caller;
    readonly sealed: string;
    readonly delivery?: SessionClaims['delivery'];
  },
): Conversation {
  const { server, principal, sealed, delivery } = who;
  const claims = plane.sealer.open(sealed, server.id);
  const isOurs = claims?.principal === principal.digest && claims.delivery === delivery;
  const link = isOurs ? plane.router.replica(server.id, claims.replica) : undefined;
  if (!claims || !link) throw new BerthError('unknown-session', 'unknown session');
  return link.conversation({
    server: server.id,
    kind: 'session',
    key: claims.nonce,
    principal: principal.id,
  });
}

function versionOf(request: IncomingMessage): string | undefined {
  const version = request.headers['mcp-protocol-version'];
  return typeof version === 'string' ? version : undefined;
}

function checkVersion(request: IncomingMessage): void {
  const version = versionOf(request);
  if (version === undefined || LEGACY_REVISIONS.some((revision) => revision === version)) return;
  throw new BodyError(modernRefusal());
}

/** `Content-Type: application/json`, with or without parameters. */
export function isJson(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true;
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() === 'application/json';
}

function accepts(request: IncomingMessage, type: string): boolean {
  const accept = request.headers.accept;
  return accept !== undefined && (accept.includes(type) || accept.includes('*/*'));
}

/** `<stream>.<seq>`; throws for anything else. */
function parseEventId(header: string | string[] | undefined): { stream: number; after: number } | undefined {
  if (header === undefined) return undefined;
  const match = /^(\d{1,15})\.(\d{1,15})$/.exec(String(header));
  if (!match) throw new BerthError('unknown-stream', 'Last-Event-ID is no event id of this server');
  return { stream: Number(match[1]), after: Number(match[2]) };
}
