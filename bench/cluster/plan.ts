/** What a run against a cluster measures and for how long. */
import { type Cell, cellId } from '../plan.ts';

export interface ClusterPlan {
  /** Of each place, under its heaviest load, before anything counts. */
  readonly compileMs: number;
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Sessions opened one after the other, per round and place. */
  readonly opens: number;
  /** Servers that are started from nothing. */
  readonly coldStarts: number;
  /** Milliseconds for which they have had no replica, at least. */
  readonly coldRestMs: number;
  /** Sessions at once. */
  readonly crowd: number;
  /** Calls of each of them. */
  readonly crowdCalls: number;
  /** Open while gateways are replaced. */
  readonly streams: number;
  /** Meanwhile. */
  readonly callsPerSecond: number;
}

export const FULL_CLUSTER: ClusterPlan = {
  compileMs: 10_000,
  rounds: 3,
  warmUpMs: 1_500,
  measureMs: 4_000,
  opens: 20,
  coldStarts: 10,
  coldRestMs: 375_000,
  crowd: 500,
  crowdCalls: 20,
  streams: 1_000,
  callsPerSecond: 500,
};

export const QUICK_CLUSTER: ClusterPlan = {
  compileMs: 2_000,
  rounds: 1,
  warmUpMs: 300,
  measureMs: 700,
  opens: 5,
  coldStarts: 2,
  coldRestMs: 0,
  crowd: 60,
  crowdCalls: 5,
  streams: 50,
  callsPerSecond: 50,
};

/** Sessions and calls in flight of each. */
const LOADS = [
  [1, 1],
  [1, 16],
  [20, 16],
] as const;
const BYTES = 64;

export const CLUSTER_CELLS: readonly Cell[] = LOADS.map(([sessions, inFlight]) => ({
  id: cellId('http', sessions, inFlight, BYTES),
  transport: 'http',
  sessions,
  inFlight,
  payloadBytes: BYTES,
  turns: 1,
}));

/** The cases that carry bars. */
export const ONE_CALL = cellId('http', 1, 1, BYTES);
export const BUSY = cellId('http', 20, 16, BYTES);
