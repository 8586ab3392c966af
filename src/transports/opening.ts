/** A session that is about to be opened: on the replica that was chosen, or on the next one when that takes no more. */
import type { BerthError } from '../errors.ts';
import type { CallRequest } from '../sessions/call-request.ts';
import type { Conversation, ConversationTarget, OpenOptions } from '../sessions/conversation.ts';
import type { ClientMessage } from '../sessions/message.ts';
import type { Attachment, StreamEvent, StreamReader } from '../sessions/reader.ts';
import type { Route } from './context.ts';

export interface OpeningSession {
  readonly conversation: Conversation;
  /** Final once the session was accepted. */
  readonly replica: string;
}

/** Where there is only one replica nothing stands between. */
export function openOn(route: Route, target: ConversationTarget): OpeningSession {
  if (!route.next) return { conversation: route.link.conversation(target), replica: route.replica };
  return new Opening(route, target);
}

class Opening implements OpeningSession, Conversation {
  readonly #target: ConversationTarget;
  #route: Route;
  #current: Conversation;

  constructor(route: Route, target: ConversationTarget) {
    this.#route = route;
    this.#target = target;
    this.#current = route.link.conversation(target);
  }

  get conversation(): Conversation {
    return this;
  }

  get replica(): string {
    return this.#route.replica;
  }

  call(request: CallRequest, reader: StreamReader, open?: OpenOptions): Attachment | undefined {
    return this.#open(reader, open, (on) => this.#current.call(request, on, open));
  }

  attach(
    request: { readonly stream: number; readonly after?: number },
    reader: StreamReader,
    open?: OpenOptions,
  ): Attachment | undefined {
    return this.#open(reader, open, (on) => this.#current.attach(request, on, open));
  }

  note(key: string, message: ClientMessage, done: (error?: BerthError) => void): void {
    this.#current.note(key, message, done);
  }

  end(done: (error?: BerthError) => void): void {
    this.#current.end(done);
  }

  #open(
    reader: StreamReader,
    open: OpenOptions | undefined,
    ask: (reader: StreamReader) => Attachment | undefined,
  ): Attachment | undefined {
    if (!open) return ask(reader);
    let attachment: Attachment | undefined;
    let left = false;
    const attempt = (): void => {
      const refused = (error: BerthError): void => {
        if (!left && isFull(error) && this.#moved()) attempt();
        else reader.refused(error);
      };
      // A refusal may come before the call returns, and the next attempt with it.
      attachment = ask(new OpeningReader(reader, refused)) ?? attachment;
    };
    attempt();
    return {
      credit: (bytes, seq) => attachment?.credit(bytes, seq),
      detach: (lost) => {
        left = true;
        attachment?.detach(lost);
      },
    };
  }

  #moved(): boolean {
    const next = this.#route.next?.();
    if (!next) return false;
    this.#route = next;
    this.#current = next.link.conversation(this.#target);
    return true;
  }
}

class OpeningReader implements StreamReader {
  readonly #reader: StreamReader;
  readonly refused: (error: BerthError) => void;

  constructor(reader: StreamReader, refused: (error: BerthError) => void) {
    this.#reader = reader;
    this.refused = refused;
  }

  get yields(): boolean {
    return this.#reader.yields ?? false;
  }

  accepted(stream: number): void {
    this.#reader.accepted(stream);
  }

  event(event: StreamEvent, stream: number): void {
    this.#reader.event(event, stream);
  }

  end(reason: Parameters<StreamReader['end']>[0]): void {
    this.#reader.end(reason);
  }
}

function isFull({ code }: BerthError): boolean {
  return code === 'busy' || code === 'limit-reached';
}
