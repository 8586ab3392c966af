/** A reader: the one party that takes a stream's events, on whichever gateway it is. */
import type { BerthError } from '../errors.ts';

export type EventKind = 'answer' | 'request' | 'notification';

/** A call that waits upstream while its client is asked something; the gateway seals this into `requestState` (data-path.md 7.1). */
export interface ParkRecord {
  /** Names the call within its replica, unguessably. */
  readonly call: string;
  /** Rounds that were asked so far, from 1. */
  readonly round: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Byte offset in the message where the member `requestState` is to be inserted, with a comma behind it. */
  readonly at: number;
}

export interface StreamEvent {
  /** Position in its stream, from 1; with the stream's number it is the event id `<stream>.<seq>`. */
  readonly seq: number;
  readonly kind: EventKind;
  /** The message's bytes, in order, without line break. */
  readonly parts: readonly Buffer[];
  readonly bytes: number;
  /** Set on an answer that asks the client for input. */
  readonly park?: ParkRecord;
}

/**
 * Why a reader gets nothing more: every exchange of the stream is answered (`complete`), another reader took over
 * (`superseded`), it did not read (`slow`), the session is over (`ended`), the supervisor cannot be reached (`lost`).
 */
export type ReaderEnd = 'complete' | 'superseded' | 'slow' | 'ended' | 'lost';

export interface StreamReader {
  /** It comes back after its link was cut: a reader that took the stream meanwhile stays, and this one is superseded. */
  readonly yields?: boolean;
  /** The request was taken and nothing of it will run twice; events follow on this stream. */
  accepted(stream: number): void;
  /** The request was not taken; nothing else follows. */
  refused(error: BerthError): void;
  event(event: StreamEvent, stream: number): void;
  /** The last call. */
  end(reason: ReaderEnd): void;
}

/** The reader's way back: flow control and leaving. */
export interface Attachment {
  /**
   * `bytes` of what was delivered have left towards the client; with `seq`, everything up to that event has.
   * This is credit (more may be sent) and acknowledgement (it need not be kept) in one.
   */
  credit(bytes: number, seq?: number): void;
  /**
   * The reader is gone; what it did not acknowledge is kept for the next one. `lost`: only the way to it broke, and it may
   * come back. Where a conversation's streams cannot be resumed, a reader that left by itself has cancelled its call.
   */
  detach(lost?: boolean): void;
}

/** Bytes that may be on their way to a reader before it must have flushed some. */
export const READER_WINDOW = 256 * 1024;
/** On a shared channel, what may wait for a slow reader beyond its window before it is closed. */
export const SHARED_BACKLOG = 1024 * 1024;
/** Milliseconds that a reader with an empty window may make no progress. */
export const STALL_LIMIT = 10_000;

/** Tells a reader that its request was not taken. */
export function refuse(reader: StreamReader, error: BerthError): undefined {
  reader.refused(error);
}
