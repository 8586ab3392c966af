/** What a supervisor says of one of its servers, to who asks over a link. Times are ages: no clock is shared. */
import type { ErrorCode, ErrorDetails, StartPhase } from '../errors.ts';
import type { HandshakeReport } from './handshake-report.ts';

export interface ServerReport {
  /** `starting`: its first handshake has not come through. `failing`: it is not well, for the reason given. `resting`: closed, soon to be ended. */
  readonly state: 'starting' | 'ready' | 'failing' | 'resting' | 'draining';
  /** Sessions, and conversations of clients that have none. */
  readonly sessions: number;
  /** Processes or connections that have not ended, spares included. */
  readonly processes: number;
  /** A session exists, or a call, a parked call, a task or a listen of clients without one. */
  readonly inUse: boolean;
  /** Milliseconds since the last message; absent before the first. */
  readonly idleMs?: number;
  /** Of the newest handshake that came through. */
  readonly handshake?: Omit<HandshakeReport, 'capabilities'> & {
    /** Their names; absent from supervisors of before. */
    readonly capabilities?: readonly string[];
  };
  /** The newest health check. */
  readonly check?: {
    readonly ageMs: number;
    readonly ms: number;
    /** Failed ones in a row. */
    readonly failures: number;
  };
  /** Since the supervisor began. */
  readonly usage?: UsageTotals;
  /** Why it is not well: its first handshake, its health checks, or its processes. */
  readonly failure?: FailureReport;
}

/** What came of a health check that was asked for. */
export interface CheckReport extends Pick<ServerReport, 'check' | 'failure'> {
  /** False while it is under way. */
  readonly over: boolean;
}

/** What was counted of a server's use in one life of a supervisor. */
export interface UsageTotals {
  /** Names that life. */
  readonly run: string;
  /** Sessions opened. */
  readonly sessions: number;
  readonly calls: number;
  readonly failedCalls: number;
  readonly bytesToServer: number;
  readonly bytesFromServer: number;
}

/** A failure as data, scrubbed of secrets. */
export interface FailureReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly phase?: StartPhase;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly reason?: NonNullable<ErrorDetails['reason']>;
  /** Last lines. */
  readonly stderr?: readonly string[];
}
