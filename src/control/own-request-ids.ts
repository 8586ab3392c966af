/** Ids of what a server asks its client, when more than one gateway serves the session. */
import { randomBytes } from 'node:crypto';
import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/server';

const MARK_BYTES = 6;
/** An id that another gateway may have given to a question. */
const MARKED = /^[\w-]{8}\.\d{1,15}$/;
const CANCELLED = 'notifications/cancelled';

/** Takes a message that another gateway was sent; false for what is not for this server. */
export type TakeForeign = (message: JSONRPCMessage) => boolean;

/**
 * Each server counts its questions from 0: the answer to one gateway's question would be taken for that to another's. Questions of this
 * transport have ids of their own from now on. What answers another's, and what calls off a request that may run elsewhere, is handed to
 * `elsewhere`. To be called once its server is connected.
 */
export function markRequestIds(
  transport: Transport,
  elsewhere: (message: JSONRPCMessage) => void,
): TakeForeign {
  const mark = `${randomBytes(MARK_BYTES).toString('base64url')}.`;
  /** Requests of its client that are not answered yet. */
  const open = new Set<unknown>();
  const send = transport.send.bind(transport);
  const receive = transport.onmessage?.bind(transport);
  transport.send = (message, options) => {
    if (!('method' in message)) open.delete(message.id);
    return send(marked(message, mark), options);
  };
  transport.onmessage = (message, extra) => {
    const own = unmarked(message, mark);
    // One that was called off gets no answer.
    const isForeign = own ? isCancellation(message) && !open.delete(requestIdIn(message)) : isMarked(message);
    if (own && 'method' in own && 'id' in own) open.add(own.id);
    if (own) receive?.(own as never, extra);
    if (isForeign) elsewhere(message);
  };
  return (message) => {
    const own = unmarked(message, mark);
    if (!own || ('method' in message && !isCancellation(message))) return false;
    receive?.(own as never);
    return true;
  };
}

function isMarked(message: JSONRPCMessage): boolean {
  return 'id' in message && typeof message.id === 'string' && MARKED.test(message.id);
}

function requestIdIn(message: JSONRPCMessage): unknown {
  return 'method' in message ? message.params?.requestId : undefined;
}

function isCancellation(message: JSONRPCMessage): boolean {
  return 'method' in message && message.method === CANCELLED;
}

function marked(message: JSONRPCMessage, mark: string): JSONRPCMessage {
  if (!('method' in message)) return message;
  if ('id' in message) return { ...message, id: `${mark}${message.id}` };
  if (message.method !== CANCELLED) return message;
  const { requestId, ...params } = message.params ?? {};
  return { ...message, params: { ...params, requestId: `${mark}${requestId}` } };
}

/** Undefined for an answer to somebody else's question. */
function unmarked(message: JSONRPCMessage, mark: string): JSONRPCMessage | undefined {
  if ('method' in message) return message;
  const id = String(message.id);
  return id.startsWith(mark) ? { ...message, id: Number(id.slice(mark.length)) } : undefined;
}
