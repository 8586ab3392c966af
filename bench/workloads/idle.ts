/** Memory of a session that does nothing: growth of the contestant's own processes, without the servers behind it. */
import { attempt, type Book } from '../book.ts';
import type { Transport } from '../clients/session.ts';
import {
  type ContestantName,
  IDLE_COMMAND,
  IDLE_MODERN_COMMAND,
  PEERS,
  startContestant,
  unavailable,
} from '../contestants.ts';
import type { IdleReport } from '../job.ts';
import { type BenchLane, LANES } from '../lanes.ts';
import type { Plan } from '../plan.ts';
import { descendants, residentKib } from '../proc.ts';
import { type Installation, startInMemory, startOverSocket } from '../programs/installations.ts';
import { holdJob } from '../worker.ts';

/** The name of this case. */
export const IDLE = 'idle';
/** Who the rows are that are no contestant of their own. */
export const BERTH_SOCKET = 'berth, over the socket';
export const BERTH_MEMORY = 'berth, in memory';
export const BERTH_DOWNGRADE = 'berth, downgrade lane';
/** Over HTTP a modern client leaves nothing behind between its requests; its WebSocket is what can be idle. */
export const BERTH_MODERN = 'berth, modern relay over WebSocket';
export const BERTH_UPGRADE = 'berth, upgrade lane over WebSocket';

export interface IdleResult {
  /** Of all its processes together. */
  readonly kibPerSession: number;
  readonly sessions: number;
  /** How many of the sessions hold a standalone stream. */
  readonly streams: number;
  /** Server processes behind the contestant at the end. */
  readonly processes: number;
}

const FIRST = 50;
/** Enough for a slope where no bar depends on it: the peers take their time to open sessions. */
const PEER_SESSIONS = 300;
/** A session without a process costs the machine so little that there can be more of them. */
const MEMORY_FACTOR = 5;
const DEADLINE_MS = 90_000;
const SETTLE_MS = 3000;

async function settledKib(pids: readonly number[]): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return pids.reduce((sum, pid) => {
    const kib = residentKib(pid);
    if (kib === undefined) throw new Error('the contestant has ended');
    return sum + kib;
  }, 0);
}

interface Client {
  readonly transport: Transport;
  readonly lane?: BenchLane;
}

const HTTP_CLIENT: Client = { transport: 'http' };

function modernClient(name: string): Client {
  const lane = LANES.find((each) => each.name === name);
  if (lane === undefined) throw new Error(`there is no lane ${name}`);
  return { transport: 'ws', lane };
}

async function growth({ target, pids }: Installation, sessions: number, client: Client): Promise<IdleResult> {
  const small = holdJob({ mode: 'idle', ...client, target, count: FIRST });
  try {
    await small.next<IdleReport>(DEADLINE_MS);
    const before = await settledKib(pids);
    const large = holdJob({ mode: 'idle', ...client, target, count: sessions });
    try {
      const { streams } = await large.next<IdleReport>(DEADLINE_MS);
      const after = await settledKib(pids);
      const processes = pids.reduce((sum, pid) => sum + descendants(pid).length, 0);
      return { kibPerSession: (after - before) / sessions, sessions, streams, processes };
    } finally {
      await large.close();
    }
  } finally {
    await small.close();
  }
}

async function measure({ start, sessions, client = HTTP_CLIENT }: Row): Promise<IdleResult> {
  const installation = await start();
  try {
    return await growth(installation, sessions, client);
  } finally {
    await installation.close();
  }
}

async function contestant(
  name: ContestantName,
  command = IDLE_COMMAND,
  transport: Transport = 'http',
): Promise<Installation> {
  const started = await startContestant(name, { transport, command });
  return { target: started.target, pids: [started.pid], close: () => started.close() };
}

interface Row {
  readonly who: string;
  readonly start: () => Promise<Installation>;
  readonly sessions: number;
  /** By default a legacy one of Streamable HTTP. */
  readonly client?: Client;
}

function rows({ contestants, idleSessions }: Plan): Row[] {
  const names = contestants.filter((name) => unavailable(name, 'http') === undefined);
  const side = names.map((who) => ({
    who,
    start: () => contestant(who),
    sessions: PEERS.includes(who) ? Math.min(PEER_SESSIONS, idleSessions) : idleSessions,
  }));
  if (!names.includes('berth')) return side;
  return [
    ...side,
    {
      who: BERTH_DOWNGRADE,
      start: () => contestant('berth', IDLE_MODERN_COMMAND),
      sessions: idleSessions,
    },
    {
      who: BERTH_MODERN,
      start: () => contestant('berth', IDLE_MODERN_COMMAND, 'ws'),
      sessions: idleSessions,
      client: modernClient('relay-modern'),
    },
    {
      who: BERTH_UPGRADE,
      start: () => contestant('berth', IDLE_COMMAND, 'ws'),
      sessions: idleSessions,
      client: modernClient('upgrade'),
    },
    { who: BERTH_SOCKET, start: startOverSocket, sessions: idleSessions },
    { who: BERTH_MEMORY, start: startInMemory, sessions: idleSessions * MEMORY_FACTOR },
  ];
}

/** Measures every contestant, and Berth in its other shapes, in each round. */
export async function runIdle(
  plan: Plan,
  book: Book<IdleResult>,
  log: (text: string) => void,
): Promise<void> {
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const row of rows(plan)) {
      const { who } = row;
      const entry = await attempt(() => measure(row));
      book.add(IDLE, who, entry);
      const text = 'failure' in entry ? entry.failure : `${entry.kibPerSession.toFixed(1)} KiB`;
      log(`${IDLE} ${who} round ${round}: ${text}`);
    }
  }
}
