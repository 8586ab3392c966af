/** The channel to a server that speaks Streamable HTTP, of both eras: which one a message belongs to, it says itself. */
import type { IncomingMessage } from 'node:http';
import { type Clock, systemClock } from '../clock.ts';
import { type BerthError, toBerthError } from '../errors.ts';
import { applyEdits } from '../jsonrpc/edit.ts';
import { scanMessage, scanServerMessage } from '../jsonrpc/envelope.ts';
import { idKey } from '../jsonrpc/id.ts';
import type { Channel, ChannelEnd, ChannelHandler, ChannelStats } from './channel.ts';
import { EventStream } from './event-stream.ts';
import { HttpCall } from './http-call.ts';
import type { HttpEndpoint } from './http-client.ts';
import { brokenOff, failureText, noAnswer } from './http-failure.ts';
import { HttpPosting } from './http-posting.ts';
import { errorAnswer } from './http-refusal.ts';
import { HttpSession } from './http-session.ts';
import { HttpTraffic, type Refusal } from './http-traffic.ts';
import { Inbound, type InboundMessage } from './inbound.ts';
import { isAnswer, keyOf, Outbox, type Outgoing } from './outbox.ts';
import { type BodyReceiver, bodyKind } from './response-body.ts';
import { SessionKeeper } from './session-keeper.ts';
import { ToolHeaders } from './tool-headers.ts';

export interface HttpChannelOptions {
  readonly endpoint: HttpEndpoint;
  /** Bytes of one message from the server. */
  readonly maxLineBytes: number;
  readonly clock?: Clock;
  /** What is known of the server's tools; its channels may share it. */
  readonly tools?: ToolHeaders;
  /** Takes secrets out of what the server says in its refusals. */
  readonly scrub?: (text: string) => string;
}

/** Milliseconds that the stream of a call may go on behind its answer. */
const LINGER_MS = 5_000;
/** Milliseconds that a close waits for what is still being sent, and then for the end of the session. */
const CLOSE_MS = 2_000;
/** Attempts to go on with the stream of a call before it is given up. */
const RESUME_PATIENCE = 5;

/** Opens nothing before the first message. Calls fail one by one; the channel ends when its session is lost and no other can be had. */
export function createHttpChannel(options: HttpChannelOptions): Channel {
  return new HttpChannel(options);
}

class HttpChannel implements Channel {
  readonly #traffic: HttpTraffic;
  readonly #inbound = new Inbound();
  readonly #session = new HttpSession();
  readonly #keeper: SessionKeeper;
  readonly #posting: HttpPosting;
  readonly #tools: ToolHeaders;
  readonly #outbox: Outbox;
  readonly #calls = new Map<string, HttpCall>();
  #closing: Promise<void> | undefined;
  #ended = false;

  constructor(options: HttpChannelOptions) {
    const { endpoint, maxLineBytes, clock = systemClock, scrub = (text) => text } = options;
    this.#tools = options.tools ?? new ToolHeaders();
    this.#traffic = new HttpTraffic({ endpoint, clock, maxBytes: maxLineBytes, scrub });
    this.#keeper = new SessionKeeper({
      session: this.#session,
      traffic: this.#traffic,
      inbound: this.#inbound,
      receiver: this.#receiver(),
      other: (message) => this.#deliver(message),
      lost: (cause) => this.#end({ reason: 'peer-closed', cause }),
    });
    this.#posting = new HttpPosting({ traffic: this.#traffic, keeper: this.#keeper, tools: this.#tools });
    this.#outbox = new Outbox({
      send: (message, taken) =>
        message.envelope.kind === 'request' ? this.#request(message, taken) : this.#note(message, taken),
      drain: () => this.#inbound.handler?.drain(),
    });
  }

  get stats(): ChannelStats {
    return this.#inbound.stats;
  }

  get queued(): number {
    return this.#outbox.queued;
  }

  start(handler: ChannelHandler): void {
    this.#inbound.handler = handler;
    this.#outbox.release();
  }

  send(parts: readonly Uint8Array[]): boolean {
    if (this.#ended || this.#closing) return true;
    const bytes = Buffer.concat(parts);
    const { envelope } = scanMessage(bytes);
    // What is no message could not be answered: nobody but the sessions sends, and they send none.
    if (!envelope) return true;
    this.#inbound.messagesOut++;
    this.#inbound.bytesOut += bytes.length;
    return this.#outbox.add({ bytes, envelope });
  }

  pause(): void {
    this.#traffic.pause();
  }

  resume(): void {
    this.#traffic.resume();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#ended) return;
    this.#keeper.stop();
    for (const call of this.#calls.values()) void call.written.then(() => call.drop());
    await Promise.race([this.#outbox.idle(), this.#traffic.wait(CLOSE_MS)]);
    await Promise.race([this.#keeper.leave(), this.#traffic.wait(CLOSE_MS)]);
    this.#end({ reason: 'closed' });
  }

  #end(end: ChannelEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#keeper.stop();
    this.#traffic.end();
    for (const call of this.#calls.values()) call.finish();
    this.#calls.clear();
    this.#inbound.handler?.end(this.#closing ? { reason: 'closed' } : end);
  }

  /** Resolves when the request is over. */
  async #request(message: Outgoing, taken: () => void): Promise<void> {
    const call = new HttpCall(message);
    this.#calls.set(call.key, call);
    void call.written.then(taken);
    this.#carry(call).catch((error: unknown) => this.#fail(call, toBerthError(error)));
    await call.over;
    if (this.#calls.get(call.key) === call) this.#calls.delete(call.key);
  }

  async #carry(call: HttpCall): Promise<void> {
    const { message } = call;
    const { response, refusal } = await this.#posting.post(message, {
      taken: () => call.sent(),
      through: (drop) => call.through(drop),
    });
    if (call.isOver) return;
    if (refusal) return this.#refused(call, refusal);
    if (message.envelope.method === 'initialize') this.#session.opened(response.headers);
    await this.#readAnswer(call, response);
  }

  async #readAnswer(call: HttpCall, response: IncomingMessage): Promise<void> {
    if (bodyKind(response) === 'other') {
      response.destroy();
      throw noAnswer(response.statusCode, response.headers['content-type']);
    }
    const body = this.#traffic.read(response, this.#receiver(call));
    void call.over.then(() => {
      const late = this.#traffic.after(LINGER_MS, () => response.destroy());
      void body.ended.then(late);
    });
    const how = await body.ended;
    if (call.isOver) return;
    if (!body.isEvents) throw how === 'cut' ? brokenOff() : noAnswer(response.statusCode, 'something else');
    if (call.isModern || body.lastEventId === undefined) throw brokenOff();
    await this.#resume(call, body);
  }

  /** The stream has ended before the answer, and can be gone on with. */
  async #resume(
    call: HttpCall,
    position: { lastEventId?: string | undefined; retryMs?: number | undefined },
  ): Promise<void> {
    const stream = new EventStream({
      traffic: this.#traffic,
      headers: () => this.#session.headers(),
      receiver: this.#receiver(call),
      position,
      patience: RESUME_PATIENCE,
    });
    call.through(() => stream.stop());
    void call.over.then(() => stream.stop());
    const end = await stream.follow({ wait: true });
    if (end.kind === 'failed') throw end.error;
    if (end.kind !== 'stopped') throw brokenOff();
  }

  /** Resolves when the server has taken the notification or the answer, or will not. */
  async #note(message: Outgoing, taken: () => void): Promise<void> {
    const { method } = message.envelope;
    const call = method === 'notifications/cancelled' ? this.#cancelled(message) : undefined;
    if (call?.isModern) return call.drop();
    // Nothing is told to a server that nothing was asked of.
    if (method === 'notifications/cancelled' && !call && !this.#session.isOpen) return;
    await call?.written;
    try {
      const { response } = await this.#posting.postNote(message, taken);
      if (response) this.#readRest(response);
      if (response && !message.envelope.modern) this.#keeper.taken(message);
    } catch {
      // As with a pipe: nobody waits for an answer, and the next request will say what is wrong.
    }
    call?.drop();
  }

  /** What comes in answer to a notification: nothing, but some servers put other messages there. */
  #readRest(response: IncomingMessage): void {
    if (bodyKind(response) === 'events') this.#traffic.read(response, this.#receiver());
    else response.resume();
  }

  #cancelled({ bytes, envelope }: Outgoing): HttpCall | undefined {
    if (envelope.requestIdStart < 0) return undefined;
    return this.#calls.get(idKey(bytes.toString('utf8', envelope.requestIdStart, envelope.requestIdEnd)));
  }

  #receiver(call?: HttpCall): BodyReceiver {
    return {
      message: (bytes) => this.#message(bytes, call),
      oversized: (id, bytes) => this.#oversized(id, bytes),
    };
  }

  #message(bytes: Buffer, on: HttpCall | undefined): void {
    if (this.#closing || this.#ended) return;
    const message = this.#inbound.read(bytes);
    if (!message) return;
    if (isAnswer(message)) this.#answer(message, on);
    else this.#deliver(message, on);
  }

  #answer(message: InboundMessage, on: HttpCall | undefined): void {
    const call = this.#calls.get(keyOf(message));
    if (!call) return this.#stray(message, on);
    const { method } = call.message.envelope;
    if (method === 'initialize') this.#session.agreed(message);
    if (message.envelope.kind === 'result' && !call.isModern) this.#session.remember(call.message);
    this.#deliver(method === 'tools/list' && call.isModern ? this.#offered(message) : message, on);
    call.finish();
  }

  /** An answer to nothing that is under way. An error for nobody, on the stream of a call, is for that call. */
  #stray(message: InboundMessage, on: HttpCall | undefined): void {
    const { bytes, envelope } = message;
    const { idStart: start, idEnd: end } = envelope;
    if (!on || on.isOver || bytes.toString('latin1', start, end) !== 'null')
      return this.#deliver(message, on);
    this.#message(Buffer.concat(applyEdits(bytes, [{ start, end, text: on.rawId }])), on);
  }

  /** A list of tools without those that no client may be offered. */
  #offered(message: InboundMessage): InboundMessage {
    const bytes = this.#tools.learn(message);
    if (bytes === message.bytes) return message;
    const { envelope } = scanServerMessage(bytes);
    return envelope ? { bytes, envelope } : message;
  }

  #oversized(id: string | undefined, bytes: number): void {
    if (this.#closing || this.#ended) return;
    this.#inbound.oversized(id, bytes);
    if (id !== undefined) this.#calls.get(idKey(id))?.finish();
  }

  #refused(call: HttpCall, refusal: Refusal): void {
    const own = errorAnswer(refusal, call.rawId);
    if (own) this.#message(own, call);
    else this.#fail(call, refusal.error);
  }

  #fail(call: HttpCall, error: BerthError): void {
    if (call.isOver) return;
    const bytes = failureText(call.rawId, error);
    const { envelope } = scanServerMessage(bytes);
    if (envelope) this.#deliver({ bytes, envelope }, call);
    call.finish();
  }

  #deliver({ bytes, envelope }: InboundMessage, on?: HttpCall): void {
    if (this.#closing || this.#ended) return;
    this.#inbound.handler?.message(bytes, envelope, on?.rawId);
  }
}
