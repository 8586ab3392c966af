/** What is counted of a server's use: additions on the way of a call, read off or taken away by whoever wants the numbers. */
import { CallCount, type CallOutcome, type ClientEra, type ClientTransport } from './call-count.ts';

export interface CallUsage {
  /** Sessions opened. */
  readonly sessions: number;
  /** Requests of clients that are over, the handshake's included. */
  readonly calls: number;
  /** Those that the server answered with an error, or not at all. */
  readonly failedCalls: number;
}

const NONE: CallUsage = { sessions: 0, calls: 0, failedCalls: 0 };

export class UsageCount {
  /** Since the beginning; so are {@link calls} and {@link failedCalls}. */
  sessions = 0;
  calls = 0;
  failedCalls = 0;
  readonly #counts: CallCount[] = [];
  #taken = NONE;

  opened(): void {
    this.sessions++;
  }

  /** A call of {@link countOf} is over, `ms` milliseconds after it came. */
  called(
    count: CallCount,
    call: { readonly method: string; readonly outcome: CallOutcome },
    ms: number,
  ): void {
    this.calls++;
    if (call.outcome === 'error') this.failedCalls++;
    count.settled(call.method, call.outcome, ms);
  }

  /** Where the calls of such clients are counted. */
  countOf(transport: ClientTransport, era: ClientEra): CallCount {
    const known = this.#counts.find((one) => one.transport === transport && one.era === era);
    if (known) return known;
    const made = new CallCount(transport, era);
    this.#counts.push(made);
    return made;
  }

  get counts(): readonly CallCount[] {
    return this.#counts;
  }

  /** What was counted since the last time. */
  take(): CallUsage {
    const { sessions, calls, failedCalls } = this;
    const before = this.#taken;
    this.#taken = { sessions, calls, failedCalls };
    return {
      sessions: sessions - before.sessions,
      calls: calls - before.calls,
      failedCalls: failedCalls - before.failedCalls,
    };
  }
}
