/** Holds back what gateways send for a server that is not open yet: it goes on when the first handshake is over, or is refused with why it failed. */
import { type BerthError, toBerthError } from '../../errors.ts';
import type { ConversationHost } from '../../link/in-process.ts';
import type { CallRequest } from '../../sessions/call-request.ts';
import type { Conversation, OpenOptions } from '../../sessions/conversation.ts';
import type { ClientMessage } from '../../sessions/message.ts';
import type { Attachment, StreamReader } from '../../sessions/reader.ts';

/** As {@link import('./pod-server.ts').PodServer.closed}. */
export type Gate = () => Promise<void> | BerthError | undefined;

/** `gate` of a server by its id; undefined for one that nobody knows. */
export function createWaitingHost(
  host: ConversationHost,
  gate: (server: string) => Gate | undefined,
): ConversationHost {
  return {
    conversation: (target) => {
      const conversation = host.conversation(target);
      const found = gate(target.server);
      return found ? new GatedConversation(conversation, found) : conversation;
    },
  };
}

class GatedConversation implements Conversation {
  readonly #conversation: Conversation;
  readonly #gate: Gate;

  constructor(conversation: Conversation, gate: Gate) {
    this.#conversation = conversation;
    this.#gate = gate;
  }

  call(request: CallRequest, reader: StreamReader, open?: OpenOptions): Attachment | undefined {
    return this.#read(reader, () => this.#conversation.call(request, reader, open));
  }

  attach(
    request: { readonly stream: number; readonly after?: number },
    reader: StreamReader,
    open?: OpenOptions,
  ): Attachment | undefined {
    return this.#read(reader, () => this.#conversation.attach(request, reader, open));
  }

  note(key: string, message: ClientMessage, done: (error?: BerthError) => void): void {
    this.#when(() => this.#conversation.note(key, message, done), done);
  }

  end(done: (error?: BerthError) => void): void {
    this.#when(() => this.#conversation.end(done), done);
  }

  #read(reader: StreamReader, use: () => Attachment | undefined): Attachment | undefined {
    const closed = this.#gate();
    if (!closed) return use();
    let attachment: Attachment | undefined;
    let left = false;
    const refused = (error: BerthError): void => {
      if (!left) reader.refused(error);
    };
    this.#when(() => {
      if (!left) attachment = use();
    }, refused);
    return {
      credit: (bytes, seq) => attachment?.credit(bytes, seq),
      detach: (lost) => {
        left = true;
        attachment?.detach(lost);
      },
    };
  }

  /** What came first goes first. */
  #when(open: () => void, refused: (error: BerthError) => void): void {
    const closed = this.#gate();
    if (!closed) return open();
    if (!(closed instanceof Promise)) return refused(closed);
    closed.then(() => this.#when(open, refused)).catch((thrown: unknown) => refused(toBerthError(thrown)));
  }
}
