/** How much a server was used, by the day, and who keeps it. */

export interface Usage {
  /** Sessions opened. */
  readonly sessions: number;
  /** Requests of clients that are over, the handshake's included. */
  readonly calls: number;
  /** Those that the server answered with an error, or not at all. */
  readonly failedCalls: number;
  /** Bytes of messages to its processes, and from them. */
  readonly bytesToServer: number;
  readonly bytesFromServer: number;
}

export interface UsageDay extends Usage {
  /** UTC, `YYYY-MM-DD`. */
  readonly day: string;
}

/** Implemented by `store/`; every call is durable when it returns. */
export interface UsageStore {
  /** Adds to what is kept of the day, by server id, all of it or nothing. Servers that are not stored are left out. */
  add(day: string, usage: ReadonlyMap<string, Usage>): void;
  /** The days of a server from `since` on that have any, newest first. */
  days(server: string, since: string): UsageDay[];
  /** Drops everything before the day. */
  forget(before: string): void;
}

export const NO_USAGE: Usage = {
  sessions: 0,
  calls: 0,
  failedCalls: 0,
  bytesToServer: 0,
  bytesFromServer: 0,
};

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    sessions: a.sessions + b.sessions,
    calls: a.calls + b.calls,
    failedCalls: a.failedCalls + b.failedCalls,
    bytesToServer: a.bytesToServer + b.bytesToServer,
    bytesFromServer: a.bytesFromServer + b.bytesFromServer,
  };
}

/** True when nothing was counted. */
export function isUnused(usage: Usage): boolean {
  return Object.values(usage).every((count) => count === 0);
}
