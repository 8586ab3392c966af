/** What a session is made with, and what it shows of itself. */
import type { Clock } from '../clock.ts';
import type { ClientTransport } from './call-count.ts';
import type { EventStream } from './event-stream.ts';
import type { Lane } from './lanes/lane.ts';
import type { ClientMessage } from './message.ts';
import type { Session } from './session.ts';
import type { UsageCount } from './usage-count.ts';

export interface SessionOptions {
  /** `streams`: a stream per request and a standalone one (Streamable HTTP). `single`: everything on stream 0 (SSE, WebSocket). */
  readonly delivery: 'streams' | 'single';
  /** Ids are one client's: a repeated one is recognised. False where several clients without session share the conversation. */
  readonly ownIds: boolean;
  /** A stream that its reader leaves cannot be resumed: leaving cancels its calls (modern clients without session). */
  readonly cancelsUnread?: boolean;
  /** Milliseconds. */
  readonly requestTimeout: number;
  readonly clock: Clock;
  /** Counts its calls, under `transport` where delivery does not say it. */
  readonly usage?: UsageCount;
  readonly transport?: ClientTransport | undefined;
  /** Called once when the session is over, whoever ended it. */
  readonly onEnd: () => void;
  /** Makes the lane for a client's first message; throws BerthError when the message cannot open one. */
  readonly openLane: (session: Session, first: ClientMessage) => Lane;
}

/** What a session shows of itself beside its public members. */
export interface SessionFacts {
  readonly delivery: SessionOptions['delivery'];
  /** Clock reading of its making. */
  readonly createdAt: number;
  readonly callsInFlight: number;
  /** Bytes that wait for, or are on their way to, attached readers. */
  readonly bufferedBytes: number;
  readonly streams: readonly EventStream[];
  readonly lane: Lane | undefined;
}
