/** A modern POST: checks, then the call; nothing of it is kept here. */
import { BerthError } from '../../errors.ts';
import type { ClientMessage } from '../../sessions/message.ts';
import { type ClientBody, idOf } from '../client-body.ts';
import type { DataPlane } from '../context.ts';
import { accepts, type HttpRequest, keepOpen } from '../http-request.ts';
import { checkModern } from './check.ts';
import { type McpHeaders, readMcpHeaders } from './headers.ts';
import { ModernReader } from './reader.ts';
import { routeModern } from './route.ts';

const LISTEN = 'subscriptions/listen';

/** Serves a body of the modern era; throws BerthError for what is refused at once. */
export function postModern(plane: DataPlane, http: HttpRequest, body: ClientBody): void {
  const [message] = body.messages;
  if (body.batch || !message)
    throw new BerthError('invalid-request', 'this protocol revision has no batches');
  const headers = readMcpHeaders(http.request.rawHeaders);
  checkModern(message, headers);
  if (message.envelope.kind === 'request') return call(plane, http, message, headers);
  // The one notification that clients have is for streams of messages: here a call is cancelled by closing its response.
  http.response.writeHead(202).end();
}

function call(plane: DataPlane, http: HttpRequest, message: ClientMessage, { params }: McpHeaders): void {
  const { response, request } = http;
  const streams = accepts(request, 'text/event-stream');
  if (!streams && message.envelope.method === LISTEN)
    throw new BerthError('not-acceptable', 'subscriptions are answered with text/event-stream');
  const { conversation, message: sent, resume, sealed } = routeModern(plane, http, message);
  const reader = new ModernReader({ response, clock: plane.clock, id: idOf(message), streams, sealed });
  if (message.envelope.method === LISTEN) keepOpen(http, { busy: false, end: () => reader.complete() });
  reader.attachment = conversation.call(
    {
      key: plane.nextKey(),
      messages: [sent],
      batch: false,
      modern: { params, ...(resume && { resume }) },
    },
    reader,
  );
}
