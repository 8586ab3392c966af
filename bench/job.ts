/** What the runner asks a load process to do, and what it answers: one JSON line each. */
import type { Target, Transport } from './clients/session.ts';
import type { BenchLane } from './lanes.ts';

interface JobBase {
  /** Client and server of other eras than the legacy relay's. */
  readonly lane?: BenchLane;
  readonly transport: Transport;
  readonly target: Target;
}

/** Calls the echo tool for a while: `sessions` × `inFlight` calls at a time. */
export interface CallsJob extends JobBase {
  readonly mode: 'calls';
  readonly sessions: number;
  readonly inFlight: number;
  readonly payloadBytes: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** The contestant's process, to read the processor time that it used meanwhile; absent where it runs elsewhere. */
  readonly gatewayPid?: number;
}

/** Opens and closes sessions one after the other. */
export interface OpenJob extends JobBase {
  readonly mode: 'open';
  readonly count: number;
  /** Pause between two, so that a spare can be replaced. */
  readonly gapMs: number;
}

/** Opens sessions with their standalone streams, reports, and holds them until its input ends. */
export interface IdleJob extends JobBase {
  readonly mode: 'idle';
  readonly count: number;
}

/** Asks for a flood of notifications, reads nothing of it, and holds on until its input ends. */
export interface UnreadJob extends JobBase {
  readonly mode: 'unread';
  readonly count: number;
  readonly bytes: number;
}

/** Opens sessions, calls with texts that no other call has, reports, holds the sessions until its input ends, and ends each. */
export interface CrowdJob extends JobBase {
  readonly mode: 'crowd';
  readonly count: number;
  /** Of each session, one after the other; all sessions call at once. */
  readonly calls: number;
}

/**
 * Holds sessions with their standalone streams, reports how many, and calls at a steady rate over some more until its input ends: then
 * it reports what became of both.
 */
export interface RolloutJob extends JobBase {
  readonly mode: 'rollout';
  readonly streams: number;
  /** Calls. */
  readonly perSecond: number;
}

export type Job = CallsJob | OpenJob | IdleJob | UnreadJob | CrowdJob | RolloutJob;

export interface CallsResult {
  readonly calls: number;
  readonly perSecond: number;
  /** Latencies in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
  readonly firstError?: string;
  /** Share of one core that the load client used, 0 to 1. */
  readonly clientCpu: number;
  /** Processor time of the contestant's own process per call, in microseconds; no number where it runs elsewhere. */
  readonly gatewayUs: number;
}

export interface OpenResult {
  /** Milliseconds from the first byte sent to the server having taken `initialized`. */
  readonly samples: number[];
}

export interface CrowdReport {
  /** Sessions that could be opened; all of them are open when this is said. */
  readonly opened: number;
  readonly calls: number;
  /** Answers with the text of another call. */
  readonly crossed: number;
  /** Calls without a good answer, those that crossed not counted. */
  readonly failed: number;
  /** Milliseconds of each opening, and of each call. */
  readonly openings: readonly number[];
  readonly latencies: readonly number[];
  readonly firstError?: string;
}

export interface RolloutReport {
  readonly calls: number;
  /** With an answer of their own. */
  readonly answered: number;
  /** For which they were made. */
  readonly seconds: number;
  /** Calls without a good answer; none was sent twice. */
  readonly failed: number;
  readonly firstError?: string;
  /** Milliseconds of the others. */
  readonly p50: number;
  readonly p99: number;
  readonly slowest: number;
  /** At the end. */
  readonly streamsOpen: number;
  /** Milliseconds of one clock, at each end of a stream. */
  readonly streamEnds: readonly number[];
  /** Of these, without the end that HTTP has for a response. */
  readonly streamsCut: number;
  /** Attempts to open one again that came to nothing. */
  readonly streamsRefused: number;
  readonly firstStreamError?: string;
}

export interface IdleReport {
  /** How many of the sessions hold a standalone stream. */
  readonly streams: number;
}

export interface UnreadReport {
  readonly localPorts: readonly number[];
}
