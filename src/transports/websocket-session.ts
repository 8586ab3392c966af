/** The legacy session of a client on one two-way stream: everything from the server goes out on it, and it ends with it. */
import type { BerthError } from '../errors.ts';
import type { Conversation } from '../sessions/conversation.ts';
import type { ClientMessage } from '../sessions/message.ts';
import type { Attachment, ReaderEnd, StreamEvent, StreamReader } from '../sessions/reader.ts';
import { STANDALONE } from '../sessions/session.ts';
import { type ClientBody, idOf } from './client-body.ts';
import { rpcErrorText } from './rpc-error.ts';
import { acceptanceReader } from './sse.ts';

/** Writes messages to the client, and gives credit as they leave. */
export interface MessageSender {
  /** A server's message. */
  event(event: StreamEvent, attachment: Attachment): void;
}

/** What a conversation on a two-way stream needs of it. */
export interface WebSocketHost {
  readonly frames: MessageSender;
  /** Answers a request ourselves. Whoever does not read such is not read any more either. */
  say(text: string): void;
  /** Sends a message of our own that answers nothing. */
  tell(text: string): void;
  readonly nextKey: () => string;
  /** A message is handed over: nothing more is read until every one was {@link released}. */
  held(): void;
  released(): void;
  /** The session could not be opened. */
  refused(error: BerthError): void;
  /** The session is over, or one of the connection's streams was not read. */
  ended(reason: ReaderEnd): void;
}

export class WebSocketSession implements StreamReader {
  readonly #host: WebSocketHost;
  readonly #conversation: Conversation;
  readonly #attachment: Attachment | undefined;
  #answered = false;
  /** Requests of the client that have no answer yet; those that it cancels get none. */
  #owed = 0;
  #over = false;

  constructor(host: WebSocketHost, conversation: Conversation) {
    this.#host = host;
    this.#conversation = conversation;
    this.#attachment = conversation.attach({ stream: STANDALONE }, this, {
      delivery: 'single',
      transport: 'websocket',
    });
  }

  /** Its `initialize` has been answered. */
  get answered(): boolean {
    return this.#answered;
  }

  get busy(): boolean {
    return this.#owed > 0;
  }

  take(body: ClientBody): void {
    if (this.#over) return;
    if (body.requests > 0) this.#call(body);
    else for (const message of body.messages) this.#note(message);
  }

  /** Ends the session; the connection hears nothing more of it. */
  close(): void {
    this.#over = true;
    this.#conversation.end(() => {});
  }

  accepted(): void {}

  refused(error: BerthError): void {
    this.#over = true;
    this.#host.refused(error);
  }

  event(event: StreamEvent): void {
    if (this.#over) return;
    if (event.kind === 'answer') this.#settled();
    this.#answered ||= event.kind === 'answer';
    this.#host.frames.event(event, this.#credit);
  }

  end(reason: ReaderEnd): void {
    if (!this.#over) this.#host.ended(reason);
  }

  /** The way back, usable before the attachment is there. */
  readonly #credit: Attachment = {
    credit: (bytes, seq) => this.#attachment?.credit(bytes, seq),
    detach: () => this.#attachment?.detach(),
  };

  #call({ messages, batch }: ClientBody): void {
    const [first] = messages;
    const id = first && !batch ? idOf(first) : 'null';
    const reader = acceptanceReader((error) => {
      this.#host.released();
      if (!error) return;
      this.#settled();
      this.#host.say(rpcErrorText(error, id));
    });
    this.#owed++;
    this.#host.held();
    this.#conversation.call({ key: this.#host.nextKey(), messages, batch }, reader);
  }

  #settled(): void {
    this.#owed = Math.max(0, this.#owed - 1);
  }

  #note(message: ClientMessage): void {
    if (message.envelope.method === 'notifications/cancelled') this.#settled();
    this.#host.held();
    this.#conversation.note(this.#host.nextKey(), message, () => this.#host.released());
  }
}
