/** What a gateway has asked a supervisor for and is not through with: it is asked again whenever the link is re-made. */
import { BerthError } from '../errors.ts';
import type { OpenOptions } from '../sessions/conversation.ts';
import { endedUnanswered, nothingTaken } from '../sessions/ended-unanswered.ts';
import type { Attachment, ReaderEnd, StreamEvent, StreamReader } from '../sessions/reader.ts';
import { readRefused } from './error-record.ts';
import { type LinkRecord, RECORD } from './record.ts';
import {
  attachRecord,
  bareRecord,
  creditRecord,
  type ReaderRequest,
  readAccepted,
  readEnded,
  readEvent,
  readParked,
} from './record-bodies.ts';

/** What an operation needs of its conversation. */
export interface OperationHost {
  /** Sends on the present link; nothing happens while there is none. */
  send(parts: readonly Buffer[]): void;
  /** As {@link send}, for what nobody waits for. */
  sendLater(parts: readonly Buffer[]): void;
  readonly up: boolean;
  /** The operation is over. */
  done(operation: Operation): void;
}

export interface Operation {
  readonly ref: number;
  /** It is about nothing that the supervisor has already. */
  readonly begins: boolean;
  /** Asks for it on a link that has just come up, for the first time or again. */
  ask(): void;
  record(record: LinkRecord): void;
  /** It has waited for a link for too long, or there will be none any more. */
  expire(error: BerthError): void;
  /** The supervisor runs anew. What was asked of the run before is over; what was not is still to be asked. */
  orphaned(error: BerthError): void;
  /** The supervisor is gone for good, and its sessions and what it was asked for with it. `unreachable`: to tell whom that tells nothing. */
  gone(unreachable: BerthError): void;
}

/** A note, or the end of a session: done when the supervisor says so. */
export class PlainOperation implements Operation {
  readonly ref: number;
  readonly begins = false;
  readonly #host: OperationHost;
  readonly #request: readonly Buffer[];
  readonly #session: boolean;
  readonly #done: (error?: BerthError) => void;
  #asked = 0;

  constructor(
    ref: number,
    host: OperationHost,
    options: {
      readonly request: readonly Buffer[];
      /** Of a conversation that is a session. */
      readonly session: boolean;
      /** `again`: it was asked for more than once, so that the first time may have done it. */
      readonly done: (error: BerthError | undefined, again: boolean) => void;
    },
  ) {
    this.ref = ref;
    this.#host = host;
    this.#request = options.request;
    this.#session = options.session;
    this.#done = (error) => options.done(error, this.#asked > 1);
  }

  ask(): void {
    this.#asked++;
    this.#host.send(this.#request);
  }

  record({ type, body }: LinkRecord): void {
    if (type === RECORD.noted) this.#finish();
    else if (type === RECORD.refused) this.#finish(readRefused(body));
  }

  expire(error: BerthError): void {
    this.#finish(error);
  }

  /** What it tells is true of any run. */
  orphaned(): void {}

  gone(unreachable: BerthError): void {
    this.#finish(this.#session ? unknownSession() : unreachable);
  }

  #finish(error?: BerthError): void {
    this.#host.done(this);
    this.#done(error);
  }
}

export interface ReaderOptions {
  readonly reader: StreamReader;
  readonly open: OpenOptions | undefined;
  /** The record that asks for the first time, and again until it was accepted. */
  readonly request: (how: ReaderRequest) => readonly Buffer[];
  /** Position that the client has already. */
  readonly after: number;
  /** Of a conversation that is a session. */
  readonly session: boolean;
  /** A call: with single delivery (stream 0) it is over once it was accepted. */
  readonly call: boolean;
}

/** A call or an attachment: its reader is here, the stream there. */
export class ReaderOperation implements Operation, Attachment {
  readonly ref: number;
  readonly #host: OperationHost;
  readonly #options: ReaderOptions;
  readonly #reader: StreamReader;
  #asked = false;
  #stream: number | undefined;
  #received: number;
  #acknowledged: number;
  /** Bytes credited of events that are not acknowledged yet: a re-made link sends those events again in full. */
  #partial = 0;
  #credit = 0;
  #creditQueued = false;
  #complete = false;
  #over = false;

  constructor(ref: number, host: OperationHost, options: ReaderOptions) {
    this.ref = ref;
    this.#host = host;
    this.#options = options;
    this.#reader = options.reader;
    this.#received = options.after;
    this.#acknowledged = options.after;
  }

  get begins(): boolean {
    const { open, session, call } = this.#options;
    return open !== undefined || (call && !session);
  }

  /** It was refused, ended or left. */
  get over(): boolean {
    return this.#over;
  }

  ask(): void {
    const again = this.#asked;
    this.#asked = true;
    if (this.#stream === undefined) {
      this.#host.send(this.#options.request({ open: this.#options.open, again }));
      return;
    }
    // The position is what the client has for certain; what is on its way to it comes twice and is dropped here.
    const position = { stream: this.#stream, after: this.#acknowledged };
    this.#host.send(attachRecord(this.ref, position, { again: true }));
    this.#credit = this.#partial;
    this.#queueCredit();
  }

  record({ type, body }: LinkRecord): void {
    if (this.#over) return;
    switch (type) {
      case RECORD.accepted:
        return this.#accepted(readAccepted(body));
      case RECORD.refused:
        return this.#refused(readRefused(body));
      case RECORD.event:
        return this.#event(readEvent(body));
      case RECORD.parked:
        return this.#event(readParked(body));
      case RECORD.ended:
        return this.#ended(readEnded(body));
    }
  }

  credit(bytes: number, seq?: number): void {
    if (this.#over) return;
    this.#credit += bytes;
    this.#partial += bytes;
    if (seq !== undefined && seq > this.#acknowledged) {
      this.#acknowledged = seq;
      this.#partial = 0;
    }
    this.#queueCredit();
  }

  detach(): void {
    if (this.#over) return;
    // What a reader that leaves has read counts: else its answer would be kept as one that nobody came for.
    this.#sendCredit();
    const record = bareRecord(RECORD.detach, this.ref);
    if (this.#complete) this.#host.sendLater(record);
    else this.#host.send(record);
    this.#finish();
  }

  expire(error: BerthError): void {
    if (this.#stream === undefined) {
      this.#finish();
      this.#reader.refused(error);
    } else this.#end('lost');
  }

  orphaned(error: BerthError): void {
    if (this.#stream !== undefined) return this.#end('ended');
    // Nothing is carried out for what only listens, and what it listens to is gone.
    if (this.#asked) this.expire(this.#options.call ? error : unknownSession());
  }

  /**
   * A session that was not taken yet is nowhere, whatever was done to open it: it can be opened elsewhere, as what was never asked. What
   * was never asked of one that was tells its client to open another, and so does what only listens, as nothing was carried out for it.
   */
  gone(): void {
    if (this.#stream !== undefined) return this.#end('ended');
    const { open, session, call } = this.#options;
    if (open || !(session || this.#asked)) this.expire(nothingTaken());
    else this.expire(this.#asked && call ? endedUnanswered() : unknownSession());
  }

  #accepted(stream: number): void {
    if (this.#stream !== undefined) return;
    this.#stream = stream;
    if (this.#options.call && stream === 0) this.#finish();
    this.#reader.accepted(stream);
  }

  /** A refusal after a re-made link comes from a session or a stream that has gone meanwhile. */
  #refused(error: BerthError): void {
    if (this.#stream !== undefined) return this.#end(error.code === 'unknown-session' ? 'ended' : 'lost');
    this.#finish();
    this.#reader.refused(error);
  }

  #event(event: StreamEvent): void {
    if (this.#stream === undefined || event.seq <= this.#received) return;
    this.#received = event.seq;
    this.#reader.event(event, this.#stream);
  }

  #ended(reason: ReaderEnd): void {
    if (reason !== 'complete') return this.#end(reason);
    if (!this.#complete) {
      this.#complete = true;
      this.#reader.end(reason);
    }
    this.#leaveWhenRead();
  }

  #end(reason: ReaderEnd): void {
    if (this.#over) return;
    this.#finish();
    // A reader that was told of the end already only owed its acknowledgement.
    if (!this.#complete) this.#reader.end(reason);
  }

  /** Everything that a turn's writes freed goes in one record. */
  #queueCredit(): void {
    if (this.#creditQueued) return;
    this.#creditQueued = true;
    queueMicrotask(() => {
      this.#creditQueued = false;
      if (this.#over) return;
      this.#sendCredit();
      this.#leaveWhenRead();
    });
  }

  #sendCredit(): void {
    if (this.#credit === 0) return;
    const record = creditRecord(this.ref, this.#credit, this.#acknowledged);
    this.#credit = 0;
    // Behind a complete stream nothing comes that this would make room for.
    if (this.#complete) this.#host.sendLater(record);
    else this.#host.send(record);
  }

  /** Without a link the operation stays: the next one still has to carry the acknowledgement. */
  #leaveWhenRead(): void {
    if (this.#over || this.#creditQueued || !this.#complete || !this.#host.up) return;
    if (this.#acknowledged < this.#received) return;
    this.detach();
  }

  #finish(): void {
    this.#over = true;
    this.#host.done(this);
  }
}

/** It went with its supervisor. */
function unknownSession(): BerthError {
  return new BerthError('unknown-session', 'the session has ended with its replica');
}
