/** The Streamable HTTP transport: legacy revisions 2025-03-26 to 2025-11-25 here, 2026-07-28 in `modern/`, on one URL (data-path.md 5.5). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BerthError, toBerthError } from '../errors.ts';
import type { Conversation } from '../sessions/conversation.ts';
import { LEGACY_REVISIONS } from '../sessions/lanes/initialize.ts';
import { STANDALONE } from '../sessions/session.ts';
import { BodyError, type ClientBody, idOf, parseBody, readBody } from './client-body.ts';
import { refuseCoded } from './content-coding.ts';
import type { DataPlane } from './context.ts';
import { GetReader } from './get-reader.ts';
import { accepts, type HttpRequest, isJson, keepOpen, notAllowed, versionOf } from './http-request.ts';
import { postModern } from './modern/post.ts';
import { claimsModern } from './modern/revision.ts';
import { PostReader } from './post-reader.ts';
import { sendRpcError } from './rpc-error.ts';
import { findConversation, isPooled, openConversation } from './session-route.ts';

/** Revision from which streams open with an event that has an id and no data. */
const PRIMED_FROM = '2025-11-25';

/** Serves one request on `/servers/{name}/mcp`. Throws BerthError for what is refused before the body is read. */
export function handleStreamableHttp(plane: DataPlane, http: HttpRequest): void {
  const { request, response } = http;
  if (request.method === 'POST') return post(plane, http);
  if (claimsModern(versionOf(request))) throw notAllowed(response, 'POST');
  if (request.method === 'GET') return get(plane, http);
  if (request.method === 'DELETE') return end(plane, http);
  throw notAllowed(response, 'GET, POST, DELETE');
}

function post(plane: DataPlane, http: HttpRequest): void {
  const { request, response } = http;
  if (!isJson(request.headers['content-type']))
    throw new BerthError('unsupported-media-type', 'the Content-Type must be application/json');
  refuseCoded(request, response);
  const modern = claimsModern(versionOf(request));
  if (!accepts(request, 'application/json') || !(modern || accepts(request, 'text/event-stream')))
    throw new BerthError('not-acceptable', 'the client must accept application/json and text/event-stream');
  readBody(request, plane, (refusal, bytes) => {
    if (refusal) return sendRpcError(response, refusal);
    let body: ClientBody | undefined;
    try {
      body = parseBody(bytes, plane.limits);
      if (modern || body.modern) return postModern(plane, http, body);
      checkVersion(request);
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
    ids: body.messages.filter(({ envelope }) => envelope.kind === 'request').map(idOf),
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
  keepOpen(http, reader.long);
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

/** Throws `unsupported-version` for a revision that never was; the modern ones are not asked for here. */
function checkVersion(request: IncomingMessage): void {
  const version = versionOf(request);
  if (version === undefined || LEGACY_REVISIONS.some((revision) => revision === version)) return;
  throw new BerthError('unsupported-version', 'the MCP-Protocol-Version header names no revision of MCP');
}

/** `<stream>.<seq>`; throws for anything else. */
function parseEventId(header: string | string[] | undefined): { stream: number; after: number } | undefined {
  if (header === undefined) return undefined;
  const match = /^(\d{1,15})\.(\d{1,15})$/.exec(String(header));
  if (!match) throw new BerthError('unknown-stream', 'Last-Event-ID is no event id of this server');
  return { stream: Number(match[1]), after: Number(match[2]) };
}
