/** The HTTP+SSE transport of revision 2024-11-05: one event stream for everything from the server, a POST for each message to it. */
import type { ServerResponse } from 'node:http';
import { BerthError, toBerthError } from '../errors.ts';
import type { Conversation } from '../sessions/conversation.ts';
import type { Attachment, ReaderEnd, StreamEvent, StreamReader } from '../sessions/reader.ts';
import { STANDALONE } from '../sessions/session.ts';
import { BodyError, type ClientBody, idOf, parseBody, readBody } from './client-body.ts';
import { refuseCoded } from './content-coding.ts';
import { BRIDGE_PATHS, type DataPlane } from './context.ts';
import { EventSource } from './event-source.ts';
import { type HttpRequest, isJson, keepOpen, notAllowed } from './http-request.ts';
import { type LongStream, longStream } from './long-streams.ts';
import { sendRpcError } from './rpc-error.ts';
import { newSession, openSealed } from './session-route.ts';

const DELIVERY = 'single' as const;

/** `GET /servers/{name}/sse`: opens a session that ends with this response. */
export function handleSse(plane: DataPlane, http: HttpRequest): void {
  const { request, response, server } = http;
  const messagesPath =
    plane.bridge === undefined
      ? `/servers/${server.name}/messages`
      : (plane.bridgePaths ?? BRIDGE_PATHS).messages;
  if (request.method !== 'GET') throw notAllowed(response, 'GET');
  const { conversation, sealed } = newSession(plane, http, DELIVERY);
  const endpoint = (): string => `${plane.pathPrefix}${messagesPath}?sessionId=${sealed()}`;
  const reader = new SseReader(plane, response, endpoint);
  keepOpen(http, reader.long);
  response.on('close', () => conversation.end(() => {}));
  reader.attachment = conversation.attach({ stream: STANDALONE }, reader, { delivery: DELIVERY });
}

/** `POST /servers/{name}/messages?sessionId=…`. */
export function handleSseMessage(plane: DataPlane, http: HttpRequest, sealed: string | null): void {
  const { request, response } = http;
  if (request.method !== 'POST') throw notAllowed(response, 'POST');
  if (!isJson(request.headers['content-type']))
    throw new BerthError('unsupported-media-type', 'the Content-Type must be application/json');
  refuseCoded(request, response);
  if (sealed === null) throw new BerthError('missing-session', 'a sessionId is required');
  const conversation = openSealed(plane, { ...http, sealed, delivery: DELIVERY });
  readBody(request, plane, (refusal, bytes) => {
    if (refusal) return sendRpcError(response, refusal);
    try {
      take(plane, response, conversation, legacyBody(parseBody(bytes, plane.limits)));
    } catch (error) {
      if (error instanceof BodyError) sendRpcError(response, error.error, error.id);
      else sendRpcError(response, toBerthError(error));
    }
  });
}

/** Throws for the modern era's envelope, whose revision has no such transport, in a way that makes its clients fall back. */
function legacyBody(body: ClientBody): ClientBody {
  const [first] = body.messages;
  if (!body.modern || !first) return body;
  const error = new BerthError('unsupported-version', 'this transport ends with revision 2025-11-25');
  throw new BodyError(error, body.batch ? undefined : idOf(first));
}

function take(
  plane: DataPlane,
  response: ServerResponse,
  conversation: Conversation,
  body: ClientBody,
): void {
  let left = body.requests > 0 ? 1 : body.messages.length;
  const [first] = body.messages;
  const done = (error?: BerthError): void => {
    if (left <= 0) return;
    if (error) {
      left = 0;
      sendRpcError(response, error, first && !body.batch ? idOf(first) : undefined);
    } else if (--left === 0) response.writeHead(202, { 'Content-Type': 'text/plain' }).end('Accepted');
  };
  if (body.requests > 0) {
    const reader = acceptanceReader(done);
    conversation.call({ key: plane.nextKey(), messages: body.messages, batch: body.batch }, reader);
  } else for (const message of body.messages) conversation.note(plane.nextKey(), message, done);
}

/** A reader that only wants to know whether its call was taken: with single delivery, answers go to the session's one stream. */
export function acceptanceReader(done: (error?: BerthError) => void): StreamReader {
  return { accepted: () => done(), refused: (error) => done(error), event: () => {}, end: () => {} };
}

class SseReader implements StreamReader {
  readonly #plane: DataPlane;
  readonly #response: ServerResponse;
  readonly #endpoint: () => string;
  #source: EventSource | undefined;
  attachment: Attachment | undefined;

  constructor(plane: DataPlane, response: ServerResponse, endpoint: () => string) {
    this.#plane = plane;
    this.#response = response;
    this.#endpoint = endpoint;
  }

  accepted(): void {
    if (this.#source) return;
    this.#source = new EventSource(this.#response, this.#plane.clock);
    this.#source.say('endpoint', this.#endpoint());
  }

  refused(error: BerthError): void {
    sendRpcError(this.#response, error);
  }

  event(event: StreamEvent): void {
    this.#source?.send(event, undefined, this.#credit);
  }

  end(reason: ReaderEnd): void {
    if (reason === 'slow') this.#source?.destroy();
    else this.#source?.end();
  }

  /** A gateway that goes away ends it, and the session with it. */
  get long(): LongStream {
    return longStream(() => this.#source);
  }

  readonly #credit: Attachment = {
    credit: (bytes, seq) => this.attachment?.credit(bytes, seq),
    detach: () => this.attachment?.detach(),
  };
}
