/** A conversation with a supervisor at the other end of a link. */
import { type BerthError, toBerthError } from '../errors.ts';
import type { CallRequest } from '../sessions/call-request.ts';
import type { Conversation, ConversationTarget, OpenOptions } from '../sessions/conversation.ts';
import { endedUnanswered, nothingTaken } from '../sessions/ended-unanswered.ts';
import type { ClientMessage } from '../sessions/message.ts';
import type { Attachment, StreamReader } from '../sessions/reader.ts';
import { type Operation, type OperationHost, PlainOperation, ReaderOperation } from './operation.ts';
import { type LinkRecord, RECORD } from './record.ts';
import {
  type AttachRequest,
  attachRecord,
  bareRecord,
  callRecord,
  jsonRecord,
  noteRecord,
} from './record-bodies.ts';
import type { RecordHandler, RecordStream } from './record-stream.ts';
import { RefTable } from './ref-table.ts';

/**
 * Milliseconds by which a supervisor hears that an answer was read. A caller who asks the next thing by then costs one frame a call
 * through a cluster, else two; until then a request with the same id through another gateway counts as a repetition.
 */
const ACKNOWLEDGED_WITHIN = 10;

/** What a conversation needs of its link. */
export interface ConversationLink {
  /** Opens a stream on the present connection; undefined while there is none. */
  open(handler: RecordHandler): RecordStream | undefined;
  /** Why nothing is taken any more; undefined while the link is not closed. */
  readonly refusal: BerthError | undefined;
  /** The supervisor has said that it begins nothing new. */
  readonly isLeft: boolean;
  readonly now: number;
  /** The conversation has something in hand: the link must know it, so that it is told when a connection comes or goes. */
  using(conversation: RemoteConversation): void;
  /** Nothing of the conversation is in hand any more, of a link that is left. */
  settled(): void;
  /** One stream broke while the connection seemed to hold. */
  broken(): void;
  /** A record could not be read, or its reader threw. */
  failed(error: BerthError): void;
}

interface InHand {
  readonly ref: number;
  readonly operation: Operation;
  /** Clock reading since which it waits for a link; undefined while it was asked for. */
  waiting: number | undefined;
}

export class RemoteConversation implements Conversation, OperationHost {
  readonly #link: ConversationLink;
  readonly #target: ConversationTarget;
  readonly #operations = new RefTable<InHand>();
  #records: RecordStream | undefined;
  #lastRef = 0;
  #lastUse: number;

  constructor(link: ConversationLink, target: ConversationTarget) {
    this.#link = link;
    this.#target = target;
    this.#lastUse = link.now;
  }

  get #isSession(): boolean {
    return this.#target.kind === 'session';
  }

  get up(): boolean {
    return this.#records !== undefined;
  }

  /** Clock reading since which nothing was in hand; undefined while something is. */
  get idleSince(): number | undefined {
    return this.#operations.size === 0 ? this.#lastUse : undefined;
  }

  call(request: CallRequest, reader: StreamReader, open?: OpenOptions): Attachment | undefined {
    const ref = this.#nextRef();
    return this.#read(ref, {
      reader,
      open,
      session: this.#isSession,
      after: request.after ?? 0,
      call: true,
      request: (how) => callRecord(ref, request, how),
    });
  }

  note(key: string, message: ClientMessage, done: (error?: BerthError) => void): void {
    const ref = this.#nextRef();
    this.#start(
      new PlainOperation(ref, this, {
        request: noteRecord(ref, key, message),
        session: this.#isSession,
        done: (error) => done(error),
      }),
    );
  }

  attach(request: AttachRequest, reader: StreamReader, open?: OpenOptions): Attachment | undefined {
    const ref = this.#nextRef();
    return this.#read(ref, {
      reader,
      open,
      session: this.#isSession,
      after: request.after ?? 0,
      call: false,
      request: (how) => attachRecord(ref, request, how),
    });
  }

  end(done: (error?: BerthError) => void): void {
    const ref = this.#nextRef();
    const settled = (error: BerthError | undefined, again: boolean): void => {
      // What was asked for twice may have been done by the first of them.
      done(again && error?.code === 'unknown-session' ? undefined : error);
      // Nothing more is to be expected of it: the stream need not wait for its idle time.
      this.#lastUse = Number.NEGATIVE_INFINITY;
    };
    const request = bareRecord(RECORD.end, ref);
    this.#start(new PlainOperation(ref, this, { request, session: this.#isSession, done: settled }));
  }

  send(parts: readonly Buffer[]): void {
    this.#records?.send(parts);
  }

  sendLater(parts: readonly Buffer[]): void {
    this.#records?.sendLater(parts, ACKNOWLEDGED_WITHIN);
  }

  done(operation: Operation): void {
    this.#operations.delete(operation.ref);
    this.#lastUse = this.#link.now;
    if (this.#operations.size === 0 && this.#link.isLeft) this.#link.settled();
  }

  /**
   * A connection has come up: everything in hand is asked for (again), in its order. Of another run of the supervisor nothing is asked
   * that the one before may have carried out. It says itself that it knows no session of that one; calls without a session it
   * would carry out anew.
   */
  connected(toAnotherRun: boolean): void {
    if (toAnotherRun && !this.#isSession)
      for (const { operation } of this.#operations.values) operation.orphaned(endedUnanswered());
    if (this.#operations.size > 0) this.#open();
  }

  disconnected(): void {
    this.#records = undefined;
    const now = this.#link.now;
    for (const inHand of this.#operations.values) inHand.waiting ??= now;
  }

  /** Refuses what has waited for a link since `before` or longer. */
  expire(before: number, error: BerthError): void {
    for (const { operation, waiting } of this.#operations.values)
      if (waiting !== undefined && waiting <= before) operation.expire(error);
  }

  /** Gives the stream back; the next use opens another one. */
  release(): void {
    this.#records?.end();
    this.#records = undefined;
  }

  /** The link is closed for good. `gone`: so is its supervisor, with what was asked of it. */
  close(error: BerthError, gone: boolean): void {
    for (const { operation } of this.#operations.values) {
      if (gone) operation.gone(error);
      else operation.expire(error);
    }
    this.release();
  }

  #read(ref: number, options: ConstructorParameters<typeof ReaderOperation>[2]): Attachment | undefined {
    const operation = new ReaderOperation(ref, this, options);
    this.#start(operation);
    return operation.over ? undefined : operation;
  }

  #start(operation: Operation): void {
    const { refusal } = this.#link;
    const inHand: InHand = { ref: operation.ref, operation, waiting: this.#link.now };
    this.#operations.add(inHand);
    if (refusal) return operation.expire(refusal);
    if (this.#link.isLeft && operation.begins) return operation.expire(nothingTaken());
    this.#link.using(this);
    if (this.#records === undefined) this.#open();
    else {
      inHand.waiting = undefined;
      operation.ask();
    }
  }

  #open(): void {
    const records = this.#link.open({
      record: (record) => {
        if (records === this.#records) this.#record(record);
      },
      closed: () => {
        if (records === this.#records) this.#link.broken();
      },
    });
    if (records === undefined) return;
    this.#records = records;
    records.send(jsonRecord(RECORD.target, 0, this.#target));
    for (const inHand of this.#operations.values) {
      inHand.waiting = undefined;
      inHand.operation.ask();
    }
  }

  #record(record: LinkRecord): void {
    try {
      this.#operations.get(record.ref)?.operation.record(record);
    } catch (error) {
      this.#link.failed(toBerthError(error));
    }
  }

  #nextRef(): number {
    this.#lastRef = (this.#lastRef + 1) >>> 0;
    return this.#lastRef;
  }
}
