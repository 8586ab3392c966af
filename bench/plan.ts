/** What a run measures and for how long. */
import type { Transport } from './clients/session.ts';
import type { ContestantName } from './contestants.ts';

/** One throughput case. */
export interface Cell {
  readonly id: string;
  readonly transport: Transport;
  readonly sessions: number;
  readonly inFlight: number;
  readonly payloadBytes: number;
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
  measureMs: 1300,
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
  return {
    id: cellId(transport, sessions, inFlight, payloadBytes),
    transport,
    sessions,
    inFlight,
    payloadBytes,
  };
}

/** Every throughput case of one transport; many sessions only on Streamable HTTP, where a bar asks for it. */
export function cellsOf(transport: Transport): Cell[] {
  const cells = [64, 65_536].flatMap((bytes) =>
    [1, 16].map((inFlight) => cell(transport, 1, inFlight, bytes)),
  );
  return transport === 'http' ? [...cells, cell('http', MANY_SESSIONS, 1, 64)] : cells;
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
