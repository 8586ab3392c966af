/** A stream: an ordered, bounded event log with at most one reader (data-path.md section 3). */
import { byteLength } from '../jsonrpc/edit.ts';
import {
  type EventKind,
  type ParkRecord,
  READER_WINDOW,
  type ReaderEnd,
  type StreamEvent,
  type StreamReader,
} from './reader.ts';
import type { UnreadEvents, UnreadStream } from './unread-events.ts';

/** Acknowledged events are cut from the front of the queue in lots of at least this many. */
const COMPACT_FROM = 512;

/** What a stream tells its session. */
export interface StreamOwner {
  /** Bytes that wait for, or are on their way to, an attached reader changed by `delta`. */
  buffered(delta: number): void;
  /** A reader has acknowledged everything and the stream is complete: it can be forgotten after its time. */
  drained(stream: EventStream): void;
  /** Notifications (or far too many requests) were dropped unread, or stood at positions that a client asked for again too late. */
  lost(count: number): void;
}

export interface StreamOptions {
  readonly owner: StreamOwner;
  /** Keeps acknowledged answers until {@link EventStream.forget}, for clients that come back. */
  readonly keepsAnswers: boolean;
  /** Bounds what waits here without a reader, together with the session's other streams. */
  readonly unread: UnreadEvents;
}

export class EventStream implements UnreadStream {
  readonly id: number;
  readonly #owner: StreamOwner;
  readonly #keepsAnswers: boolean;
  readonly #unread: UnreadEvents;
  /** {@link #unread} holds some of its events. */
  #isHeld = false;
  /** Acknowledged answers. */
  #kept: StreamEvent[] = [];
  /** Everything not acknowledged begins at `#head`; everything not handed to the present reader at `#sent`. */
  #events: StreamEvent[] = [];
  #head = 0;
  #sent = 0;
  #nextSeq = 1;
  #inFlight = 0;
  #waiting = 0;
  /** Up to here everything has been acknowledged; notifications of these positions are gone. */
  #acknowledgedTo = 0;
  #complete = false;
  #reader: StreamReader | undefined;
  #readerTold = false;
  /** Clock reading from which on the reader was seen to make no progress, kept by the session's sweep. */
  stalledSince: number | undefined;

  constructor(id: number, { owner, keepsAnswers, unread }: StreamOptions) {
    this.id = id;
    this.#owner = owner;
    this.#keepsAnswers = keepsAnswers;
    this.#unread = unread;
  }

  get reader(): StreamReader | undefined {
    return this.#reader;
  }

  get complete(): boolean {
    return this.#complete;
  }

  /** Bytes on their way to the present reader. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Bytes that the present reader has yet to be given. */
  get backlog(): number {
    return this.#waiting;
  }

  /** Bytes of everything that is still held, acknowledged answers included. */
  get heldBytes(): number {
    let bytes = 0;
    for (const event of this.#kept) bytes += event.bytes;
    for (const event of this.#events) bytes += event.bytes;
    return bytes;
  }

  push(kind: EventKind, parts: readonly Buffer[], park?: ParkRecord): void {
    const plain: StreamEvent = { seq: this.#nextSeq++, kind, parts, bytes: byteLength(parts) };
    const event = park ? { ...plain, park } : plain;
    this.#events.push(event);
    if (this.#reader === undefined) return this.#hold(event);
    this.#waiting += event.bytes;
    this.#owner.buffered(event.bytes);
    this.#pump();
  }

  /**
   * Makes `reader` the one reader. It gets the kept events after `after` (the position of an event id), or everything that is
   * not acknowledged and the answers that are still kept. The old reader is told that it was superseded.
   */
  attach(reader: StreamReader, after?: number): void {
    this.#leave('superseded');
    this.#release();
    if (after !== undefined) this.#countGap(after);
    this.#replay(after ?? 0);
    this.#reader = reader;
    this.#readerTold = false;
    this.#owner.buffered(this.#waiting);
    reader.accepted(this.id);
    this.#pump();
  }

  /** Credit and acknowledgement from `reader`; ignored when it is no longer the reader. */
  credit(reader: StreamReader, bytes: number, seq?: number): void {
    if (reader !== this.#reader) return;
    const freed = Math.min(bytes, this.#inFlight);
    this.#inFlight -= freed;
    this.stalledSince = undefined;
    this.#owner.buffered(-freed);
    if (seq !== undefined) this.#acknowledge(seq);
    if (this.#waiting > 0) this.#pump();
    if (this.#readerTold && this.#head === this.#events.length) {
      this.#leave(undefined);
      this.#owner.drained(this);
    }
  }

  /** The reader leaves by itself. */
  detach(reader: StreamReader): void {
    if (reader !== this.#reader) return;
    this.#leave(undefined);
    this.#holdAll();
  }

  /** Ends the present reader for a reason of the session's. */
  close(reason: ReaderEnd): void {
    if (this.#reader === undefined) return;
    this.#leave(reason);
    this.#holdAll();
  }

  drop(event: StreamEvent): void {
    const at = this.#events.indexOf(event);
    if (at < 0) return;
    this.#events.splice(at, 1);
    this.#owner.lost(1);
  }

  /** Nothing will be pushed any more. */
  finish(): void {
    this.#complete = true;
    // A call that ended without an answer while nobody read leaves nothing to wait for.
    if (this.#reader === undefined && this.#head === this.#events.length) this.#owner.drained(this);
    else this.#pump();
  }

  /** Drops the log. */
  forget(): void {
    this.#leave('ended');
    this.#release();
    this.#events = [];
    this.#kept = [];
    this.#head = 0;
    this.#sent = 0;
  }

  #pump(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    while (this.#sent < this.#events.length && this.#inFlight < READER_WINDOW) {
      const event = this.#events[this.#sent++] as StreamEvent;
      this.#waiting -= event.bytes;
      this.#inFlight += event.bytes;
      reader.event(event, this.id);
      if (reader !== this.#reader) return;
    }
    // The reader is told that this was all, and stays until it has acknowledged it or leaves.
    if (!this.#complete || this.#sent < this.#events.length || this.#readerTold) return;
    this.#readerTold = true;
    reader.end('complete');
    if (this.#reader !== reader || this.#head < this.#events.length) return;
    this.#leave(undefined);
    this.#owner.drained(this);
  }

  /** What the client asks for again and was acknowledged in its name (those that were dropped unread are counted already). */
  #countGap(after: number): void {
    const isThere = ({ seq }: StreamEvent): boolean => seq > after && seq <= this.#acknowledgedTo;
    const there = this.#kept.filter(isThere).length + this.#events.filter(isThere).length;
    const gone = this.#acknowledgedTo - after - there;
    if (gone > 0) this.#owner.lost(gone);
  }

  #acknowledge(seq: number): void {
    while (this.#head < this.#sent) {
      const event = this.#events[this.#head] as StreamEvent;
      if (event.seq > seq) break;
      this.#head++;
      if (event.seq > this.#acknowledgedTo) this.#acknowledgedTo = event.seq;
      if (event.kind === 'answer' && this.#keepsAnswers) this.#kept.push(event);
    }
    if (this.#head >= COMPACT_FROM || this.#head === this.#events.length) this.#compact();
  }

  #compact(): void {
    this.#events = this.#head === this.#events.length ? [] : this.#events.slice(this.#head);
    this.#sent -= this.#head;
    this.#head = 0;
  }

  #leave(reason: ReaderEnd | undefined): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    this.#reader = undefined;
    this.stalledSince = undefined;
    this.#owner.buffered(-(this.#inFlight + this.#waiting));
    this.#inFlight = 0;
    this.#waiting = 0;
    this.#sent = this.#head;
    if (reason !== undefined) reader.end(reason);
  }

  /** Puts what a new reader must get back into the queue: kept answers after `after`, then all that is not acknowledged. */
  #replay(after: number): void {
    const again = this.#kept.filter((event) => event.seq > after);
    this.#kept = this.#kept.filter((event) => event.seq <= after);
    // A position is an acknowledgement: what stands before it has been seen by the client.
    this.#sent = this.#events.length;
    this.#acknowledge(after);
    this.#events = [...again, ...this.#events.slice(this.#head)].sort((a, b) => a.seq - b.seq);
    this.#head = 0;
    this.#sent = 0;
    this.#inFlight = 0;
    this.#waiting = 0;
    for (const event of this.#events) this.#waiting += event.bytes;
  }

  /** Nobody reads it just now. */
  #hold(event: StreamEvent): void {
    if (event.kind === 'answer') return;
    this.#isHeld = true;
    this.#unread.add(this, event);
  }

  #holdAll(): void {
    if (this.#reader !== undefined) return;
    this.#compact();
    for (const event of [...this.#events]) this.#hold(event);
  }

  /** Whoever reads has a window of its own. */
  #release(): void {
    if (this.#isHeld) this.#unread.remove(this);
    this.#isHeld = false;
  }
}
