/** A conversation whose replica may still refuse it: then it goes to the next one, or waits for one that comes. */
import { BerthError, toBerthError } from '../errors.ts';
import type { CallRequest } from '../sessions/call-request.ts';
import type { Conversation, ConversationTarget, OpenOptions } from '../sessions/conversation.ts';
import type { ClientMessage } from '../sessions/message.ts';
import type { Attachment, StreamEvent, StreamReader } from '../sessions/reader.ts';
import type { Route } from './context.ts';

export interface OpeningConversation {
  readonly conversation: Conversation;
  /** Final once a call was accepted. */
  readonly replica: string;
}

/** Where there is only one replica, which never goes, nothing stands between. */
export function openOn(route: Route, target: ConversationTarget): OpeningConversation {
  if (!route.next && !route.settled)
    return { conversation: route.link.conversation(target), replica: route.replica };
  return new Opening(route, target);
}

/** What comes for a session that no replica has taken yet. */
interface Waiting {
  readonly go: () => void;
  readonly refuse: (error: BerthError) => void;
}

class Opening implements OpeningConversation, Conversation {
  readonly #target: ConversationTarget;
  #route: Route;
  #current: Conversation;
  /** Set while a session is being opened: nobody knows yet where it will be. */
  #waiting: Waiting[] | undefined;
  /** Nobody wants it any more: what is refused now goes nowhere else. */
  #ended = false;

  constructor(route: Route, target: ConversationTarget) {
    this.#target = target;
    this.#route = route;
    this.#current = route.link.conversation(target);
  }

  get conversation(): Conversation {
    return this;
  }

  get replica(): string {
    return this.#route.replica;
  }

  call(request: CallRequest, reader: StreamReader, open?: OpenOptions): Attachment | undefined {
    if (this.#waiting && !open) return this.#later(reader, () => this.#current.call(request, reader));
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
    const go = (): void => this.#current.note(key, message, done);
    if (this.#waiting) this.#waiting.push({ go, refuse: done });
    else go();
  }

  end(done: (error?: BerthError) => void): void {
    this.#ended = true;
    this.#current.end(done);
    this.#turnAway(new BerthError('unknown-session', 'the session was ended'));
  }

  #later(reader: StreamReader, ask: () => Attachment | undefined): Attachment {
    let attachment: Attachment | undefined;
    let left = false;
    this.#waiting?.push({
      go: () => {
        if (!left) attachment = ask();
      },
      refuse: (error) => left || reader.refused(error),
    });
    return {
      credit: (bytes, seq) => attachment?.credit(bytes, seq),
      detach: (lost) => {
        left = true;
        attachment?.detach(lost);
      },
    };
  }

  #goOn(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const { go } of waiting) go();
  }

  #turnAway(error: BerthError): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const { refuse } of waiting) refuse(error);
  }

  #open(
    reader: StreamReader,
    open: OpenOptions | undefined,
    ask: (reader: StreamReader) => Attachment | undefined,
  ): Attachment | undefined {
    // A session that is there is nowhere else.
    if (this.#target.kind === 'session' && !open) return ask(reader);
    if (this.#target.kind === 'session') this.#waiting ??= [];
    let attachment: Attachment | undefined;
    let left = false;
    const isLeft = (): boolean => left || this.#ended;
    const giveUp = (error: BerthError): void => {
      this.#turnAway(error);
      reader.refused(error);
    };
    const goOn = (route: Route): void => {
      this.#route = route;
      this.#current = route.link.conversation(this.#target);
      attempt();
    };
    const later = (coming: Promise<Route>): void => {
      coming
        .then((route) => isLeft() || goOn(route))
        .catch((thrown: unknown) => isLeft() || giveUp(toBerthError(thrown)));
    };
    const refused = (error: BerthError): void => {
      const next = !isLeft() && this.#mayMove(error) ? this.#route.next?.(error) : undefined;
      if (!next) return giveUp(error);
      if (next instanceof Promise) later(next);
      else goOn(next);
    };
    const attempt = (): void => {
      const { settled } = this.#route;
      if (settled) return later(settled);
      // A refusal may come before the call returns, and the next attempt with it.
      attachment = ask(new OpeningReader(reader, { accepted: () => this.#goOn(), refused })) ?? attachment;
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

  /** Of sessions any replica may take a new one; what has none goes elsewhere only when its replica takes nothing at all. */
  #mayMove({ code }: BerthError): boolean {
    if (code === 'resting') return true;
    return this.#target.kind === 'session' && (code === 'busy' || code === 'limit-reached');
  }
}

class OpeningReader implements StreamReader {
  readonly #reader: StreamReader;
  readonly #accepted: () => void;
  readonly refused: (error: BerthError) => void;

  constructor(reader: StreamReader, told: { accepted: () => void; refused: (error: BerthError) => void }) {
    this.#reader = reader;
    this.#accepted = told.accepted;
    this.refused = told.refused;
  }

  get yields(): boolean {
    return this.#reader.yields ?? false;
  }

  accepted(stream: number): void {
    this.#reader.accepted(stream);
    this.#accepted();
  }

  event(event: StreamEvent, stream: number): void {
    this.#reader.event(event, stream);
  }

  end(reason: Parameters<StreamReader['end']>[0]): void {
    this.#reader.end(reason);
  }
}
