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

/**
 * What waits for a reader, per stream and kind. No server has as many requests open; one that takes them back to ask anew
 * must find a bound, too. Answers are bounded by the session, which takes no further calls beyond them.
 */
const KEPT = {
  notification: { events: 256, bytes: 1024 * 1024 },
  request: { events: 2_048, bytes: 34 * 1024 * 1024 },
} as const;
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

export class EventStream {
  readonly id: number;
  readonly #owner: StreamOwner;
  /** Keeps acknowledged answers until {@link forget}, for clients that come back. */
  readonly #keepsAnswers: boolean;
  /** Acknowledged answers. */
  #kept: StreamEvent[] = [];
  /** Everything not acknowledged begins at `#head`; everything not handed to the present reader at `#sent`. */
  #events: StreamEvent[] = [];
  #head = 0;
  #sent = 0;
  #nextSeq = 1;
  #inFlight = 0;
  #waiting = 0;
  /** What {@link KEPT} bounds, as far as it was not acknowledged. */
  readonly #unread = { notification: { events: 0, bytes: 0 }, request: { events: 0, bytes: 0 } };
  /** Up to here everything has been acknowledged; notifications of these positions are gone. */
  #acknowledgedTo = 0;
  #complete = false;
  #reader: StreamReader | undefined;
  #readerTold = false;
  /** Clock reading of the reader's last progress, kept by the session's sweep; undefined while it is not stalled. */
  stalledSince: number | undefined;

  constructor(id: number, owner: StreamOwner, keepsAnswers: boolean) {
    this.id = id;
    this.#owner = owner;
    this.#keepsAnswers = keepsAnswers;
  }

  get reader(): StreamReader | undefined {
    return this.#reader;
  }

  get complete(): boolean {
    return this.#complete;
  }

  /** The reader's window is used up. */
  get stalled(): boolean {
    return this.#reader !== undefined && this.#inFlight >= READER_WINDOW;
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
    if (kind !== 'answer') {
      this.#unread[kind].events++;
      this.#unread[kind].bytes += event.bytes;
      if (this.#reader === undefined) this.#bound(kind);
    }
    if (this.#reader === undefined) return;
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
    if (reader === this.#reader) this.#leave(undefined);
  }

  /** Ends the present reader for a reason of the session's. */
  close(reason: ReaderEnd): void {
    this.#leave(reason);
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
      else this.#dropped(event);
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
    this.#bound('notification');
    this.#bound('request');
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

  /** Without a reader only so many notifications and requests are kept: the oldest go first, answers stay. */
  #bound(kind: keyof typeof KEPT): void {
    const most = KEPT[kind];
    const unread = this.#unread[kind];
    const isOver = (): boolean => unread.events > most.events || unread.bytes > most.bytes;
    if (!isOver()) return;
    this.#compact();
    let lost = 0;
    this.#events = this.#events.filter((event) => {
      if (event.kind !== kind || !isOver()) return true;
      this.#dropped(event);
      lost++;
      return false;
    });
    this.#owner.lost(lost);
  }

  #dropped({ kind, bytes }: StreamEvent): void {
    if (kind === 'answer') return;
    this.#unread[kind].events--;
    this.#unread[kind].bytes -= bytes;
  }
}
