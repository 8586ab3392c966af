/** What an operator may see of one conversation of a server. Nothing in it opens a session, and times are ages: no clock is shared. */

/** One process that serves a conversation; the counts are of its whole life. */
export interface ProcessReport {
  readonly pid: number;
  /** Bytes queued towards it and not yet taken by it. */
  readonly queuedBytes: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  /** Lines of its standard output that were no messages. */
  readonly noiseLines: number;
}

/** A session, the conversation of a principal's clients without one (`pool`, or `modern` for those of the modern era), or a shared process that no session is on (`process`). */
export interface SessionReport {
  /** A short hash: it names the session to an operator and is good for nothing else. */
  readonly id: string;
  readonly kind: 'session' | 'pool' | 'modern' | 'process';
  /** `opening`: its `initialize` has not come. `unused`: a process that waits for the next session. */
  readonly state: 'opening' | 'busy' | 'idle' | 'unused';
  /** `streams`: Streamable HTTP. `single`: SSE or WebSocket. Absent for a process. */
  readonly delivery?: 'streams' | 'single';
  /** Who opened it; absent for a process. */
  readonly principal?: string;
  readonly protocolVersion?: string;
  readonly ageMs: number;
  /** Milliseconds since the last message either way. */
  readonly idleMs: number;
  readonly callsInFlight: number;
  /** Bytes queued towards its processes. */
  readonly queuedBytes: number;
  /** Bytes that wait for, or are on their way to, a client that reads. */
  readonly bufferedBytes: number;
  /** Bytes of everything that is kept for the client, answers that it may ask for again included. */
  readonly heldBytes: number;
  /** Notifications that nobody read in time. */
  readonly lostNotifications: number;
  readonly processes: readonly ProcessReport[];
}
