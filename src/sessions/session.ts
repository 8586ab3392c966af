/** A session: one client's conversation with one server, with its exchanges and streams. It lives in the supervisor. */
import { BerthError, toBerthError } from '../errors.ts';
import { idKey } from '../jsonrpc/id.ts';
import { AbandonedStreams, givenUp } from './abandoned-streams.ts';
import type { CallRequest, ModernCall } from './call-request.ts';
import type { EventStream, StreamOwner } from './event-stream.ts';
import { Exchange, type ExchangeOwner } from './exchange.ts';
import { KeptAnswers } from './kept-answers.ts';
import type { Lane, LaneHost } from './lanes/lane.ts';
import type { ClientMessage } from './message.ts';
import { notOpened } from './not-opened.ts';
import { type Attachment, READER_WINDOW, refuse, SHARED_BACKLOG, type StreamReader } from './reader.ts';
import { RecentKeys } from './recent-keys.ts';
import { SessionCalls } from './session-calls.ts';
import type { SessionFacts, SessionOptions } from './session-options.ts';
import { isStalled, watchLastReaders } from './stall.ts';
import { doubledId, idTaken, roundOf, type StreamEntry, StreamTable } from './stream-table.ts';
import { UnreadAnswers } from './unread-answers.ts';
import { clientGone } from './upstream-failure.ts';

/** Calls that one session may have in flight, those included whose answer nobody has come for. */
const MOST_CALLS = 1_024;
/** Number of the session's standalone stream. */
export const STANDALONE = 0;
const BATCH_REVISION = '2025-03-26';
/** Milliseconds that a session with single delivery outlives its reader: the transport has ended with its connection (data-path.md 8). */
export const SINGLE_GRACE = 30_000;
/** The same where only the link to its reader broke: longer than gateways wait for a link, since the client may be there still. */
export const SINGLE_LINK_GRACE = 75_000;

export class Session implements LaneHost, StreamOwner, ExchangeOwner {
  readonly #options: SessionOptions;
  readonly #single: boolean;
  readonly #standalone: EventStream;
  readonly #streams: StreamTable;
  readonly #running = new Set<Exchange>();
  readonly #deadlines = new Map<Exchange, number>();
  readonly #keys = new RecentKeys();
  /** Only where a stream that nobody reads cancels its calls. */
  readonly #abandoned: AbandonedStreams | undefined;
  readonly #kept: KeptAnswers;
  readonly #unread = new UnreadAnswers();
  #lane: Lane | undefined;
  #buffered = 0;
  #paused = false;
  /** Clock reading at which the standalone stream was last seen with a reader. */
  #listenedAt: number;
  /** How long it outlives the reader that it had last. */
  #grace = SINGLE_GRACE;
  #over: BerthError | undefined;
  protocolVersion: string | undefined;
  readonly #createdAt: number;
  readonly #calls: SessionCalls;
  /** Clock reading of the last message either way. */
  lastActivity: number;
  /** Notifications that nobody read in time. */
  lostNotifications = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#single = options.delivery === 'single';
    this.#streams = new StreamTable(options.ownIds);
    this.#standalone = this.#streams.standalone(this, STANDALONE);
    this.#kept = new KeptAnswers(options.clock, (stream) => {
      this.#unread.delete(stream);
      this.#streams.forget(stream);
    });
    this.#abandoned = options.cancelsUnread ? new AbandonedStreams() : undefined;
    this.#calls = new SessionCalls(options);
    this.#createdAt = options.clock.now();
    this.lastActivity = this.#createdAt;
    this.#listenedAt = this.lastActivity;
  }

  get exchanges(): ReadonlySet<Exchange> {
    return this.#running;
  }

  /** For those who look on from outside. */
  get facts(): SessionFacts {
    const streams = [this.#standalone, ...Array.from(this.#streams.entries, ({ stream }) => stream)];
    const callsInFlight = this.#running.size;
    const [createdAt, bufferedBytes, lane] = [this.#createdAt, this.#buffered, this.#lane];
    return { delivery: this.#options.delivery, createdAt, callsInFlight, bufferedBytes, streams, lane };
  }

  /** Why the session is over; undefined while it goes on. */
  get ended(): BerthError | undefined {
    return this.#over;
  }

  /** Milliseconds since the last message or reader; 0 while a call is in flight or parked, or somebody listens. */
  idleFor(now: number): number {
    if (this.#running.size > 0 || this.#standalone.reader !== undefined || this.#lane?.holds) return 0;
    return now - Math.max(this.lastActivity, this.#listenedAt);
  }

  /** Whether a call was made here under that exchange key, or is answered on that stream. */
  knows({ key, stream }: { readonly key?: string; readonly stream?: number }): boolean {
    return key === undefined ? this.#streams.get(stream ?? -1) !== undefined : !!this.#streams.byKey(key);
  }

  /** Takes requests from a client; see {@link StreamReader} for what follows. With single delivery only `accepted` or `refused` does. */
  call(request: CallRequest, reader: StreamReader): Attachment | undefined {
    this.lastActivity = this.#options.clock.now();
    const known = this.#streams.byKey(request.key);
    if (known) return this.#attachTo(known.stream, reader, request.after);
    if (this.#single && this.#keys.has(request.key)) return this.#acceptSingle(reader);
    const repeated = this.#options.ownIds ? this.#streams.findRepeated(request.messages) : undefined;
    if (repeated instanceof BerthError) return refuse(reader, repeated);
    if (repeated) return this.#attachTo(repeated, reader);
    const refusal = this.#refusal(request) ?? this.#open(request);
    if (refusal) {
      // A session that its first message could not open is no session; SSE and WebSocket clients may try again on theirs.
      if (!this.#lane && !this.#single) void this.end(refusal);
      return refuse(reader, refusal);
    }
    return this.#single ? this.#callSingle(request, reader) : this.#callStream(request, reader);
  }

  /** Takes a message that gets no answer. `done` is called once it was passed on, or with why it was refused. */
  note(key: string, message: ClientMessage, done: (error?: BerthError) => void): void {
    this.lastActivity = this.#options.clock.now();
    if (this.#over) return done(this.#over);
    if (!this.#lane) return done(notOpened());
    if (this.#lane.refusal) return done(this.#lane.refusal);
    if (this.#keys.add(key)) this.#pass(message);
    this.#lane.whenWritable(() => done());
  }

  /** Makes `reader` the reader of a stream; the standalone one may be attached before anything else happened. */
  attach(stream: number, after: number | undefined, reader: StreamReader): Attachment | undefined {
    if (this.#over) return refuse(reader, this.#over);
    const found = stream === STANDALONE ? this.#standalone : this.#streams.get(stream)?.stream;
    if (!found)
      return refuse(reader, new BerthError('unknown-stream', `the session has no stream ${stream}`));
    this.lastActivity = this.#options.clock.now();
    return this.#attachTo(found, reader, after);
  }

  /** Ends the session: calls fail, readers are told, the lane is closed. Idempotent. */
  async end(error: BerthError, options: { readonly force: boolean } = { force: false }): Promise<void> {
    if (this.#over) return;
    this.#over = error;
    for (const exchange of [...this.#running]) {
      this.#lane?.cancel(exchange, 'the session ended');
      exchange.failed(error);
    }
    this.#standalone.close('ended');
    const { clock } = this.#options;
    if (this.#checkStalls(clock.now())) watchLastReaders(clock, (now) => this.#checkStalls(now));
    this.#options.onEnd();
    await this.#lane?.close(options);
  }

  // What lanes, exchanges and streams tell the session.

  placeRequest(parts: readonly Buffer[], exchange?: Exchange): void {
    this.lastActivity = this.#options.clock.now();
    const stream = exchange?.stream ?? this.#placeFor('request');
    stream.push('request', parts);
    this.#checkBacklog(stream);
  }

  placeNotification(parts: readonly Buffer[], log: boolean): void {
    this.lastActivity = this.#options.clock.now();
    const stream = log ? this.#placeFor('log') : this.#standalone;
    stream.push('notification', parts);
    this.#checkBacklog(stream);
  }

  laneEnded(error: BerthError): void {
    void this.end(error);
  }

  untimed(exchange: Exchange): void {
    this.#deadlines.delete(exchange);
  }

  settled(exchange: Exchange): void {
    this.lastActivity = this.#options.clock.now();
    this.#calls.settled(exchange, this.lastActivity);
    this.#running.delete(exchange);
    this.#deadlines.delete(exchange);
    this.#checkBacklog(exchange.stream);
    if (exchange.stream !== this.#standalone) this.#closeRound(exchange);
    else this.#streams.release(exchange.round);
  }

  moved(exchange: Exchange): void {
    this.lastActivity = this.#options.clock.now();
    this.#deadlines.set(exchange, this.lastActivity + this.#options.requestTimeout);
    this.#checkBacklog(exchange.stream);
  }

  notified({ stream }: Exchange): void {
    this.#checkBacklog(stream);
  }

  buffered(delta: number): void {
    this.#buffered += delta;
    const lane = this.#lane;
    if (!lane?.isPrivate) return;
    if (!this.#paused && this.#buffered >= READER_WINDOW) {
      this.#paused = true;
      lane.pause();
    } else if (this.#paused && this.#buffered < READER_WINDOW / 2) {
      this.#paused = false;
      lane.resume();
    }
  }

  drained(stream: EventStream): void {
    this.#unread.delete(stream);
    if (this.#options.ownIds) this.#kept.add(stream);
    else this.#streams.forget(stream);
  }

  lost(count: number): void {
    this.lostNotifications += count;
  }

  /** Time passes: late calls fail, kept answers go, stalled readers are closed. */
  sweep(now: number): void {
    for (const [exchange, deadline] of this.#deadlines) if (deadline <= now) this.#timeOut(exchange);
    this.#kept.sweep(now, this.#running.size);
    for (const stream of this.#abandoned?.takeLate(now) ?? [])
      this.#cancelCallsOf(stream, 'the client was lost', givenUp());
    this.#lane?.sweep?.(now);
    if (this.#standalone.reader !== undefined) this.#listenedAt = now;
    else if (this.#single && now - this.#listenedAt >= this.#grace) void this.end(clientGone());
    this.#checkStalls(now);
  }

  #callSingle(request: CallRequest, reader: StreamReader): undefined {
    this.#keys.add(request.key);
    this.#acceptSingle(reader);
    for (const message of request.messages) {
      if (message.envelope.kind === 'request') this.#start(request.key, message, this.#standalone);
      else this.#pass(message);
    }
  }

  #callStream(request: CallRequest, reader: StreamReader): Attachment | undefined {
    const entry = this.#streams.open(this, request.key);
    const attachment = this.#attachTo(entry.stream, reader);
    // All calls are counted before the first is forwarded: one that is answered at once must not complete the stream.
    for (const message of request.messages) if (message.envelope.kind === 'request') entry.open++;
    for (const message of request.messages) {
      if (message.envelope.kind === 'request')
        this.#start(request.key, message, entry.stream, { entry, modern: request.modern });
      else this.#pass(message);
    }
    return attachment;
  }

  #start(
    key: string,
    message: ClientMessage,
    stream: EventStream,
    { entry, modern }: { readonly entry?: StreamEntry; readonly modern?: ModernCall | undefined } = {},
  ): void {
    const exchange = new Exchange(key, message, roundOf(message, stream), this);
    this.#calls.begun(exchange, this.lastActivity, modern);
    if (this.#options.ownIds) this.#streams.take(exchange, exchange.round, entry);
    this.#kept.inFlight(this.#running.add(exchange).size);
    this.#deadlines.set(exchange, this.lastActivity + this.#options.requestTimeout);
    this.#lane?.request(exchange, message, modern);
  }

  /** Nothing more comes for the present round of `exchange`. */
  #closeRound({ stream }: Exchange): void {
    const entry = this.#streams.get(stream.id);
    if (!entry || --entry.open > 0) return;
    stream.finish();
    if (stream.reader === undefined) this.#keepUnread(stream);
  }

  /** Without ids of their own no client can come back for it, but a gateway whose link was cut can. */
  #keepUnread(stream: EventStream): void {
    if (!this.#options.ownIds) this.#kept.add(stream);
    else if (!this.#kept.has(stream)) this.#unread.add(stream);
  }

  /** With an `answer` for a gateway that may come back: it must find that the call was made, and make it no second time. */
  #cancelCallsOf(stream: EventStream, reason: string, answer?: BerthError): void {
    for (const exchange of [...this.#running].filter((one) => one.stream === stream)) {
      this.#lane?.cancel(exchange, reason);
      if (answer) exchange.failed(answer);
      else exchange.drop();
    }
  }

  #acceptSingle(reader: StreamReader): undefined {
    this.#lane?.whenWritable(() => reader.accepted(STANDALONE));
  }

  #pass(message: ClientMessage): void {
    const { kind, method } = message.envelope;
    if (kind !== 'notification') this.#lane?.response(message);
    else if (method === 'notifications/cancelled') this.#cancel(message);
    else this.#lane?.notification(message);
  }

  /** A cancelled call is over for the client at once: no answer follows. */
  #cancel({ bytes, envelope }: ClientMessage): void {
    if (envelope.requestIdStart < 0) return;
    const key = idKey(bytes.toString('utf8', envelope.requestIdStart, envelope.requestIdEnd));
    const exchange = this.#streams.byId(key)?.exchange;
    if (!exchange || !this.#running.has(exchange) || exchange.round.idKey !== key) return;
    this.#lane?.cancel(exchange, 'cancelled by the client');
    exchange.drop();
    this.#streams.release(exchange.round);
  }

  #refusal(request: CallRequest): BerthError | undefined {
    if (this.#over) return this.#over;
    if (request.batch && this.protocolVersion !== BATCH_REVISION) {
      return new BerthError('invalid-request', `batches exist in revision ${BATCH_REVISION} only`);
    }
    const doubled = request.batch && this.#options.ownIds && doubledId(request.messages);
    if (doubled) return idTaken(doubled);
    if (this.#running.size + this.#unread.size >= MOST_CALLS || this.#unread.full || this.#calls.full)
      return new BerthError('limit-reached', 'too many calls are in flight, or their answers unread');
    return this.#lane?.refusal;
  }

  /** The first call decides the lane; a second `initialize` on a process of one's own would crash some servers. */
  #open(request: CallRequest): BerthError | undefined {
    const [first] = request.messages;
    if (this.#lane) {
      const again =
        this.#lane.isPrivate && request.messages.some(({ envelope }) => envelope.method === 'initialize');
      return again ? new BerthError('invalid-request', 'the session is initialized already') : undefined;
    }
    try {
      if (first) this.#lane = this.#options.openLane(this, first);
      return undefined;
    } catch (error) {
      return toBerthError(error);
    }
  }

  #attachTo(stream: EventStream, reader: StreamReader, after?: number): Attachment | undefined {
    if (reader.yields && stream.reader !== undefined) return void reader.end('superseded');
    stream.attach(reader, after);
    return {
      credit: (bytes, seq) => stream.credit(reader, bytes, seq),
      detach: (lost = false) => this.#detach(stream, reader, lost),
    };
  }

  #detach(stream: EventStream, reader: StreamReader, lost: boolean): void {
    const left = stream.reader === reader;
    if (left) this.#grace = lost ? SINGLE_LINK_GRACE : SINGLE_GRACE;
    stream.detach(reader);
    if (left && this.#abandoned && !stream.complete) {
      if (!lost) return this.#cancelCallsOf(stream, 'the client closed the response');
      this.#abandoned.add(stream, this.#options.clock.now());
    }
    if (stream.complete && stream.reader === undefined) this.#keepUnread(stream);
  }

  /** data-path.md 3.5: the only exchange in flight, else the GET stream, else (requests only) the oldest exchange, else held. */
  #placeFor(what: 'request' | 'log'): EventStream {
    const oldest = this.#running.values().next().value;
    if (oldest && this.#running.size === 1) return oldest.stream;
    if (this.#standalone.reader !== undefined || what === 'log') return this.#standalone;
    return oldest?.stream ?? this.#standalone;
  }

  #timeOut(exchange: Exchange): void {
    const seconds = Math.round(this.#options.requestTimeout / 1_000);
    this.#lane?.cancel(exchange, 'request deadline passed');
    exchange.failed(new BerthError('request-timeout', `no answer and no progress for ${seconds} s`));
  }

  /** A shared channel cannot be paused for one reader: it is closed when too much waits for it. */
  #checkBacklog(stream: EventStream): void {
    if (this.#lane?.isPrivate === false && stream.backlog > SHARED_BACKLOG) this.#closeSlow(stream);
  }

  /** True while so much waits for readers that one of them may be stalled. */
  #checkStalls(now: number): boolean {
    if (!this.#paused && this.#buffered < READER_WINDOW) return false;
    // A paused channel waits for all readers together: none of their windows need be full.
    for (const stream of this.facts.streams)
      if (isStalled(stream, now, this.#paused ? 1 : READER_WINDOW)) this.#closeSlow(stream);
    return true;
  }

  /** Its reader is gone for good, and no detaching follows. */
  #closeSlow(stream: EventStream): void {
    stream.close('slow');
    if (stream.complete) return this.#keepUnread(stream);
    // Whoever says something is not through with it yet: others may be told the same.
    if (this.#abandoned) queueMicrotask(() => this.#cancelCallsOf(stream, 'the client did not read'));
  }
}
