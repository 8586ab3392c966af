/** The modern calls of a client on a WebSocket or on standard streams, both streams of messages (2026-07-28, stdio). */
import { BerthError } from '../../errors.ts';
import { idKey } from '../../jsonrpc/id.ts';
import { completedListen } from '../../sessions/completed-listen.ts';
import { type ClientMessage, rawId } from '../../sessions/message.ts';
import type { Attachment, ReaderEnd, StreamEvent, StreamReader } from '../../sessions/reader.ts';
import { rpcErrorText, unanswered } from '../rpc-error.ts';
import type { WebSocketHost } from '../websocket-session.ts';
import { checkModern } from './check.ts';
import { type ModernCaller, type ModernRoute, type RoutePlane, routeModern } from './route.ts';

const LISTEN = 'subscriptions/listen';

export class ModernCalls {
  readonly #plane: RoutePlane;
  readonly #caller: ModernCaller;
  readonly #host: WebSocketHost;
  /** By what their ids mean. */
  readonly #unanswered = new Map<string, ModernCallReader>();
  /** Those whose last message has not left yet, too. */
  readonly #readers = new Set<ModernCallReader>();

  constructor(plane: RoutePlane, caller: ModernCaller, host: WebSocketHost) {
    this.#plane = plane;
    this.#caller = caller;
    this.#host = host;
  }

  /** Starts the call of a request; throws BerthError for one that is refused at once. */
  start(message: ClientMessage): void {
    checkModern(message);
    const id = rawId(message);
    const key = idKey(id);
    if (this.#unanswered.has(key))
      throw new BerthError('invalid-request', 'the id belongs to another request that is in flight');
    const route = routeModern(this.#plane, this.#caller, message);
    const { conversation, resume, sealed } = route;
    const reader = new ModernCallReader(this.#host, {
      id,
      sealed,
      listens: message.envelope.method === LISTEN,
      answered: () => this.#unanswered.delete(key),
      left: () => this.#readers.delete(reader),
    });
    this.#unanswered.set(key, reader);
    this.#readers.add(reader);
    const request = { key: this.#host.nextKey(), messages: [route.message], batch: false };
    const modern = { transport: 'websocket', ...(resume && { resume }) } as const;
    reader.attachment = conversation.call({ ...request, modern }, reader);
  }

  /** Cancels the call that a cancellation names; false when it is none of these. No answer follows. */
  cancel({ bytes, envelope }: ClientMessage): boolean {
    if (envelope.requestIdStart < 0) return false;
    const key = idKey(bytes.toString('utf8', envelope.requestIdStart, envelope.requestIdEnd));
    const reader = this.#unanswered.get(key);
    reader?.leave();
    return reader !== undefined;
  }

  /** Calls are in flight; listens, which have no end of their own, do not count. */
  get busy(): boolean {
    for (const reader of this.#unanswered.values()) if (!reader.listens) return true;
    return false;
  }

  /** The gateway goes away: listens are completed, so that their clients listen anew, elsewhere. */
  completeListens(): void {
    for (const reader of [...this.#unanswered.values()]) if (reader.listens) reader.complete();
  }

  /** The connection is gone, and with it every call. */
  close(): void {
    for (const reader of [...this.#readers]) reader.leave();
  }
}

interface CallOptions {
  /** Raw. */
  readonly id: string;
  readonly sealed: ModernRoute['sealed'];
  /** It is a subscription. */
  readonly listens: boolean;
  /** The id is free again. */
  readonly answered: () => void;
  /** Nothing of the call is left on this side. */
  readonly left: () => void;
}

class ModernCallReader implements StreamReader {
  readonly #host: WebSocketHost;
  readonly #options: CallOptions;
  #state: 'waiting' | 'taken' | 'answered' | 'over' = 'waiting';
  #answerAt: number | undefined;
  /** Something came before the answer: a subscription was acknowledged. */
  #begun = false;
  attachment: Attachment | undefined;

  constructor(host: WebSocketHost, options: CallOptions) {
    this.#host = host;
    this.#options = options;
    host.held();
  }

  accepted(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'taken';
    this.#host.released();
  }

  refused(error: BerthError): void {
    if (this.#state === 'over') return;
    this.#finish();
    this.#host.say(rpcErrorText(error, this.#options.id));
  }

  event(event: StreamEvent): void {
    if (this.#state === 'over') return;
    const isAnswer = event.kind === 'answer';
    if (isAnswer) {
      this.#state = 'answered';
      this.#answerAt = event.seq;
      this.#options.answered();
    }
    this.#host.frames.event(this.#options.sealed(event), this.#credit);
    // On a stream of messages the end of a subscription is told in both ways that there are: clients look for either.
    if (isAnswer && this.#begun && this.#options.listens) this.#host.tell(cancelledText(this.#options.id));
    this.#begun = true;
  }

  end(reason: ReaderEnd): void {
    if (this.#state === 'answered' || this.#state === 'over') return;
    this.#finish();
    if (reason === 'slow') this.#host.ended(reason);
    else if (reason === 'lost' || reason === 'ended')
      this.#host.say(rpcErrorText(unanswered(reason), this.#options.id));
  }

  get listens(): boolean {
    return this.#options.listens;
  }

  complete(): void {
    const { id } = this.#options;
    this.leave();
    this.#host.say(completedListen(id).toString('utf8'));
  }

  /** Its client wants nothing more of it. */
  leave(): void {
    this.#finish();
    this.attachment?.detach();
  }

  /** The way back, usable before {@link attachment} is set. */
  readonly #credit: Attachment = {
    credit: (bytes, seq) => {
      this.attachment?.credit(bytes, seq);
      if (seq !== undefined && seq === this.#answerAt) this.#options.left();
    },
    detach: () => this.attachment?.detach(),
  };

  #finish(): void {
    if (this.#state === 'waiting') this.#host.released();
    if (this.#state === 'waiting' || this.#state === 'taken') this.#options.answered();
    this.#state = 'over';
    this.#options.left();
  }
}

function cancelledText(rawId: string): string {
  return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${rawId}}}`;
}
