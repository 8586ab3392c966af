/** What a run measures and for how long. */
import type { Transport } from './clients/session.ts';
import type { ContestantName } from './contestants.ts';
import { type BenchLane, LANES } from './lanes.ts';

/** One throughput case. */
export interface Cell {
  readonly id: string;
  readonly transport: Transport;
  readonly sessions: number;
  readonly inFlight: number;
  readonly payloadBytes: number;
  /** Other eras than the legacy relay's. */
  readonly lane?: BenchLane;
  /** How often each contestant has a turn in a round: small calls carry the bars and vary the most. */
  readonly turns: number;
}

export interface Plan {
  readonly rounds: number;
  readonly contestants: readonly ContestantName[];
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Sessions opened one after the other, per round and contestant. */
  readonly opens: number;
  readonly idleSessions: number;
  readonly floodBytes: number;
  /** How long the other client is measured in the unread-client case. */
  readonly unreadMs: number;
  /** Cases whose name contains this text; empty means all. */
  readonly only: string;
}

export const FULL: Omit<Plan, 'contestants' | 'only'> = {
  rounds: 3,
  warmUpMs: 400,
  measureMs: 1000,
  opens: 15,
  idleSessions: 1000,
  floodBytes: 64 * 2 ** 20,
  unreadMs: 3000,
};

export const QUICK: Omit<Plan, 'contestants' | 'only'> = {
  rounds: 1,
  warmUpMs: 300,
  measureMs: 700,
  opens: 5,
  idleSessions: 200,
  floodBytes: 64 * 2 ** 20,
  unreadMs: 1500,
};

const TRANSPORTS: readonly Transport[] = ['http', 'sse', 'ws'];
const MANY_SESSIONS = 50;
const SMALL = 64;
const LARGE = 65_536;

/** The id of a throughput case: transport, sessions × in flight, payload bytes. */
export function cellId(
  transport: Transport,
  sessions: number,
  inFlight: number,
  payloadBytes: number,
): string {
  return `${transport}/${sessions}x${inFlight}/${payloadBytes}`;
}

function cell(transport: Transport, sessions: number, inFlight: number, payloadBytes: number): Cell {
  const turns = payloadBytes === SMALL && sessions === 1 ? 2 : 1;
  return {
    id: cellId(transport, sessions, inFlight, payloadBytes),
    transport,
    sessions,
    inFlight,
    payloadBytes,
    turns,
  };
}

/** Every throughput case of one transport; many sessions only on Streamable HTTP, where a bar asks for it. */
export function cellsOf(transport: Transport): Cell[] {
  const cells = [SMALL, LARGE].flatMap((bytes) =>
    [1, 16].map((inFlight) => cell(transport, 1, inFlight, bytes)),
  );
  return transport === 'http' ? [...cells, cell('http', MANY_SESSIONS, 1, SMALL)] : cells;
}

/** The id of a lane's case. */
export function laneCellId(lane: BenchLane, inFlight: number): string {
  return `lanes/${lane.name}/1x${inFlight}/${SMALL}`;
}

/** The cases of the lanes that a plan wants. */
export function laneCells(plan: Plan): Cell[] {
  return LANES.flatMap((lane) =>
    [1, 16].map((inFlight) => ({
      ...cell('http', 1, inFlight, SMALL),
      id: laneCellId(lane, inFlight),
      lane,
    })),
  ).filter((each) => wanted(plan, each.id));
}

/** Whether the plan's filter lets a case through. */
export function wanted(plan: Plan, name: string): boolean {
  return name.includes(plan.only);
}

/** The throughput cases of a plan, by transport. */
export function throughputCells(plan: Plan): Map<Transport, Cell[]> {
  const entries = TRANSPORTS.map(
    (transport) => [transport, cellsOf(transport).filter((each) => wanted(plan, each.id))] as const,
  );
  return new Map(entries.filter(([, cells]) => cells.length > 0));
}
