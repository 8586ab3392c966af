/** What serves the calls of modern clients: one process (or connection) of a server, whatever era that speaks. */
import type { BerthError } from '../../../errors.ts';
import type { ModernCall } from '../../call-request.ts';
import type { Exchange } from '../../exchange.ts';
import type { ClientMessage } from '../../message.ts';
import type { StopOptions } from '../../stop-options.ts';
import type { Upstream } from '../../upstream.ts';
import type { LaneHost } from '../lane.ts';
import type { ParkedCalls } from './parked-calls.ts';

/** First and so far only revision of the modern era. */
export const MODERN_REVISION = '2026-07-28';

/** A request of a modern client on its way to a process. */
export interface ModernRequest {
  readonly exchange: Exchange;
  readonly message: ClientMessage;
  readonly modern: ModernCall;
  readonly host: LaneHost;
  readonly principal: string;
  /** Calls of this principal that wait for its clients. */
  readonly parked: ParkedCalls;
}

export interface ServingProcess {
  /** Why nothing is taken just now. */
  readonly refusal: BerthError | undefined;
  /** The process behind it; undefined before the first request and after its end. */
  readonly upstream: Upstream | undefined;
  /** Calls run or wait on it, or somebody listens: it must not be ended for being idle. */
  readonly inUse: boolean;
  /** Whether it runs the task of that id for that principal, where the server has tasks. */
  hasTask?(id: string, principal: string): boolean;
  /** Whether it runs any. */
  hasTasks?(principal: string): boolean;
  /** Takes a request and becomes (or names) its {@link Exchange.taker}. */
  request(request: ModernRequest): void;
  /** Listens are completed: their clients listen anew, to whichever process serves them then. */
  endListens(): void;
  /** Ends the process; everything on it fails. Idempotent. */
  stop(options?: StopOptions): Promise<void>;
}
