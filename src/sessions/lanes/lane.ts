/** A lane: how one session's messages get across to its server and back. */
import type { BerthError } from '../../errors.ts';
import type { ModernCall } from '../call-request.ts';
import type { Exchange } from '../exchange.ts';
import type { ClientMessage } from '../message.ts';
import type { Upstream } from '../upstream.ts';

/** What a lane needs of its session. */
export interface LaneHost {
  /** Puts a server's request where the client finds it (data-path.md 3.5): on the stream of `exchange` where it is known on whose account it is asked. */
  placeRequest(parts: readonly Buffer[], exchange?: Exchange): void;
  /** Puts a notification that belongs to no call: a log may ride the only exchange, the rest goes to the standalone stream. */
  placeNotification(parts: readonly Buffer[], log: boolean): void;
  /** Calls in flight, oldest first. */
  readonly exchanges: ReadonlySet<Exchange>;
  /** Revision that the server chose, once its `initialize` was answered. */
  protocolVersion: string | undefined;
  /** The call has no deadline: it lasts until its client or its server ends it. */
  untimed(exchange: Exchange): void;
  /** The deadline of a running call begins anew. */
  moved(exchange: Exchange): void;
  /** The upstream is gone: the session is over. */
  laneEnded(error: BerthError): void;
}

export interface Lane {
  /** Why nothing is taken just now. */
  readonly refusal: BerthError | undefined;
  whenWritable(then: () => void): void;
  request(exchange: Exchange, message: ClientMessage, modern?: ModernCall): void;
  notification(message: ClientMessage): void;
  /** The client's answer to a server request. */
  response(message: ClientMessage): void;
  /** Gives a call up and tells the server why. */
  cancel(exchange: Exchange, reason: string): void;
  /** The session's readers are slow (or no longer): a private channel stops reading. */
  pause(): void;
  resume(): void;
  /** Something waits here for a client although no call of it is in flight; absent means never. */
  readonly holds?: boolean;
  /** How many calls wait here for their client's answers; absent where none can. */
  readonly parkedCalls?: number;
  /** Time passes; `now` is a clock reading. */
  sweep?(now: number): void;
  /** False where others read the same channel. */
  readonly isPrivate: boolean;
  /** The processes behind it, for those who look on. */
  readonly upstreams: Iterable<Upstream>;
  close(options: { readonly force: boolean }): Promise<void>;
}
