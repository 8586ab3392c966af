/** What a server over HTTP sends, on whatever stream: whose answer it is, and what takes the place of an answer. */
import type { BerthError } from '../errors.ts';
import { applyEdits } from '../jsonrpc/edit.ts';
import { scanServerMessage } from '../jsonrpc/envelope.ts';
import { idKey } from '../jsonrpc/id.ts';
import type { HttpCall } from './http-call.ts';
import { failureText } from './http-failure.ts';
import type { HttpOptions } from './http-options.ts';
import { errorAnswer } from './http-refusal.ts';
import type { HttpSession } from './http-session.ts';
import type { Refusal } from './http-traffic.ts';
import type { Inbound, InboundMessage } from './inbound.ts';
import { isAnswer, keyOf, type Outgoing } from './outbox.ts';
import type { BodyReceiver } from './response-body.ts';
import type { ToolHeaders } from './tool-headers.ts';

export interface HttpAnswersOptions {
  readonly inbound: Inbound;
  readonly session: HttpSession;
  readonly tools: ToolHeaders;
  readonly onFailure: HttpOptions['onFailure'];
}

export class HttpAnswers {
  readonly #options: HttpAnswersOptions;
  readonly #calls = new Map<string, HttpCall>();
  #closed = false;

  constructor(options: HttpAnswersOptions) {
    this.#options = options;
  }

  /** Calls that are under way. */
  get calls(): Iterable<HttpCall> {
    return this.#calls.values();
  }

  add(call: HttpCall): void {
    this.#calls.set(call.key, call);
    void call.over.then(() => {
      if (this.#calls.get(call.key) === call) this.#calls.delete(call.key);
    });
  }

  /** The call that a cancellation is about. */
  cancelledBy({ bytes, envelope }: Outgoing): HttpCall | undefined {
    if (envelope.requestIdStart < 0) return undefined;
    return this.#calls.get(idKey(bytes.toString('utf8', envelope.requestIdStart, envelope.requestIdEnd)));
  }

  /** Nothing is delivered any more. */
  close(): void {
    this.#closed = true;
  }

  /** Takes the messages of one stream: that of a call, or another. */
  receiver(call?: HttpCall): BodyReceiver {
    return {
      message: (bytes) => this.#message(bytes, call),
      oversized: (id, bytes, asks) => this.#oversized(id, bytes, asks),
    };
  }

  deliver({ bytes, envelope }: InboundMessage, on?: HttpCall): void {
    if (!this.#closed) this.#options.inbound.handler?.message(bytes, envelope, on?.rawId);
  }

  /** The server said no: with an error of its own, or with a status. */
  refused(call: HttpCall, refusal: Refusal): void {
    this.#options.onFailure?.(refusal);
    const own = errorAnswer(refusal, call.rawId);
    if (own) this.#message(own, call);
    else this.#fail(call, refusal.error);
  }

  /** There is no answer, and there will be none. */
  lost(call: HttpCall, error: BerthError): void {
    if (call.isOver) return;
    this.#options.onFailure?.({ error });
    this.#fail(call, error);
  }

  #fail(call: HttpCall, error: BerthError): void {
    const bytes = failureText(call.rawId, error);
    const { envelope } = scanServerMessage(bytes);
    if (envelope) this.deliver({ bytes, envelope }, call);
    call.finish();
  }

  #message(bytes: Buffer, on: HttpCall | undefined): void {
    const message = this.#closed ? undefined : this.#options.inbound.read(bytes);
    if (!message) return;
    if (isAnswer(message)) this.#answer(message, on);
    else this.deliver(message, on);
  }

  #answer(message: InboundMessage, on: HttpCall | undefined): void {
    const { session } = this.#options;
    const call = this.#calls.get(keyOf(message));
    if (!call) return this.#stray(message, on);
    const { method } = call.message.envelope;
    if (method === 'initialize') session.agreed(message);
    if (message.envelope.kind === 'result' && !call.isModern) session.remember(call.message);
    this.deliver(method === 'tools/list' && call.isModern ? this.#offered(message) : message, on);
    call.finish();
  }

  /** An answer to nothing that is under way. An error for nobody, on the stream of a call, is for that call. */
  #stray(message: InboundMessage, on: HttpCall | undefined): void {
    const { bytes, envelope } = message;
    const { idStart: start, idEnd: end } = envelope;
    if (!on || on.isOver || bytes.toString('latin1', start, end) !== 'null') return this.deliver(message, on);
    this.#message(Buffer.concat(applyEdits(bytes, [{ start, end, text: on.rawId }])), on);
  }

  /** A list of tools without those that no client may be offered. */
  #offered(message: InboundMessage): InboundMessage {
    const bytes = this.#options.tools.learn(message);
    if (bytes === message.bytes) return message;
    const { envelope } = scanServerMessage(bytes);
    return envelope ? { bytes, envelope } : message;
  }

  #oversized(id: string | undefined, bytes: number, asks: boolean): void {
    if (this.#closed) return;
    this.#options.inbound.oversized(id, bytes, asks);
    if (id !== undefined && !asks) this.#calls.get(idKey(id))?.finish();
  }
}
