/** What the servers folder needs from whatever runs processes; implemented by `runtimes/local`. */
import type { HandshakeReport } from '../supervisor/handshake-report.ts';
import type { ServerDefinition } from '../supervisor/server-definition.ts';
import type { SessionReport } from '../supervisor/session-report.ts';
import type { Usage } from './usage.ts';

export interface StderrLine {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly pid: number;
  readonly text: string;
  /** In a cluster: the pod, and its container. */
  readonly replica?: string;
  readonly container?: string;
}

/** A line beside those that a server writes itself: of the gateway's log, or of an Event in a cluster. */
export interface LogLine extends StderrLine {
  readonly source?: 'gateway' | 'event';
  /** Of the gateway's log. */
  readonly level?: string;
}

export interface ServerActivity {
  readonly sessions: number;
  readonly processes: number;
  /** A session exists, or something of clients without one is under way. */
  readonly inUse: boolean;
  /** Milliseconds since the epoch of the last real message; absent before the first. */
  readonly lastActivity?: number;
  /** Its processes that ran out of memory since the gateway began, and when the last one did; absent before the first. */
  readonly outOfMemory?: { readonly count: number /** Milliseconds since the epoch. */; readonly at: number };
}

export interface ServerHost {
  /**
   * Starts a process for each era that is to be tried (one, when the definition names one), shakes hands, ends them. Rejects with `start-failed` and phase `spawn` or `handshake`. `quiet`: what it
   * writes to stderr stays out of the server's log.
   */
  probe(
    definition: ServerDefinition,
    signal?: AbortSignal,
    options?: { readonly quiet: boolean },
  ): Promise<HandshakeReport>;
  /** Makes the server callable (and starts its spares). Defining an id again replaces it: new sessions use the new definition. */
  define(definition: ServerDefinition): void;
  /** Replaces its spares and ends its shared processes that no session is on. Unknown ids are ignored. */
  renew(id: string): void;
  /** Ends its sessions and processes; `force` skips the grace of the kill ladder. Unknown ids resolve. */
  undefine(id: string, options: { readonly force: boolean }): Promise<void>;
  activity(id: string): ServerActivity | undefined;
  /** Its conversations and its shared processes that no session is on, oldest first; none for unknown ids. */
  sessions(id: string): SessionReport[];
  /** By server id, what was counted since the last time; what was counted of servers that are no longer defined included. */
  takeUsage(): ReadonlyMap<string, Usage>;
  /** Ends the one with this {@link SessionReport.id}, or all of them; resolves with how many there were. */
  endSessions(id: string, session?: string): Promise<number>;
  /** Calls `line` for every further stderr line of any of its processes; returns the unsubscribe. */
  stderr(id: string, line: (line: StderrLine) => void): () => void;
  /** The newest stderr lines of its processes, oldest first. */
  stderrTail(id: string, lines: number): StderrLine[];
}
