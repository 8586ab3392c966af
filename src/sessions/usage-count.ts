/** What is counted of a server's use: additions on the way of a call, and whoever wants the numbers takes them away. */

export interface CallUsage {
  /** Sessions opened. */
  readonly sessions: number;
  /** Requests of clients that are over, the handshake's included. */
  readonly calls: number;
  /** Those that the server answered with an error, or not at all. */
  readonly failedCalls: number;
}

export class UsageCount {
  #sessions = 0;
  #calls = 0;
  #failedCalls = 0;

  opened(): void {
    this.#sessions++;
  }

  called(failed: boolean): void {
    this.#calls++;
    if (failed) this.#failedCalls++;
  }

  /** What was counted since the last time. */
  take(): CallUsage {
    const taken = { sessions: this.#sessions, calls: this.#calls, failedCalls: this.#failedCalls };
    this.#sessions = 0;
    this.#calls = 0;
    this.#failedCalls = 0;
    return taken;
  }
}
