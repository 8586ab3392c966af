/** A conversation as a gateway sees it, whatever carries it: the one surface between transports and supervisors. */
import type { BerthError } from '../errors.ts';
import type { CallRequest } from './call-request.ts';
import type { ClientMessage } from './message.ts';
import type { Attachment, StreamReader } from './reader.ts';

/**
 * Which conversation: a session by its nonce, or (for clients without one) whatever serves an affinity key. Routing needs
 * nothing but the server and this.
 */
export interface ConversationTarget {
  /** UUID of the server. */
  readonly server: string;
  /** `modern`: the calls of a principal's modern clients, which have no session. */
  readonly kind: 'session' | 'affinity' | 'modern';
  /** Session nonce, or affinity key. */
  readonly key: string;
  /** Who calls; a session answers nobody but the principal that opened it. */
  readonly principal: string;
}

/** How to make the session if it does not exist yet; without it an unknown session is refused. */
export interface OpenOptions {
  readonly delivery: 'streams' | 'single';
  /** Of a session with single delivery that is no SSE session. */
  readonly transport?: 'websocket';
}

export interface Conversation {
  call(request: CallRequest, reader: StreamReader, open?: OpenOptions): Attachment | undefined;
  /** `done` is called once, when the message was taken (or not). */
  note(key: string, message: ClientMessage, done: (error?: BerthError) => void): void;
  /** Stream 0 is the standalone one; `after` is the position of the last event that the client has. */
  attach(
    request: { readonly stream: number; readonly after?: number },
    reader: StreamReader,
    open?: OpenOptions,
  ): Attachment | undefined;
  /** Ends the session. */
  end(done: (error?: BerthError) => void): void;
}
