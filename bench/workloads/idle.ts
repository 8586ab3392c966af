/** Memory of a session that does nothing: growth of the contestant's own process, without the servers behind it. */
import { attempt, type Book } from '../book.ts';
import { type ContestantName, IDLE_COMMAND, PEERS, startContestant, unavailable } from '../contestants.ts';
import type { IdleReport } from '../job.ts';
import type { Plan } from '../plan.ts';
import { descendants, residentKib } from '../proc.ts';
import { holdJob } from '../worker.ts';

/** The name of this case. */
export const IDLE = 'idle';

export interface IdleResult {
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
const DEADLINE_MS = 90_000;
const SETTLE_MS = 3000;

async function settledKib(pid: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const kib = residentKib(pid);
  if (kib === undefined) throw new Error('the contestant has ended');
  return kib;
}

async function measure(name: ContestantName, sessions: number): Promise<IdleResult> {
  const contestant = await startContestant(name, { transport: 'http', command: IDLE_COMMAND });
  const small = holdJob({ mode: 'idle', transport: 'http', target: contestant.target, count: FIRST });
  try {
    await small.next<IdleReport>(DEADLINE_MS);
    const before = await settledKib(contestant.pid);
    const large = holdJob({ mode: 'idle', transport: 'http', target: contestant.target, count: sessions });
    try {
      const { streams } = await large.next<IdleReport>(DEADLINE_MS);
      const after = await settledKib(contestant.pid);
      const processes = descendants(contestant.pid).length;
      return { kibPerSession: (after - before) / sessions, sessions, streams, processes };
    } finally {
      await large.close();
    }
  } finally {
    await small.close();
    await contestant.close();
  }
}

/** Measures every contestant in each round. */
export async function runIdle(
  plan: Plan,
  book: Book<IdleResult>,
  log: (text: string) => void,
): Promise<void> {
  const names = plan.contestants.filter((name) => unavailable(name, 'http') === undefined);
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const name of names) {
      const sessions = PEERS.includes(name) ? Math.min(PEER_SESSIONS, plan.idleSessions) : plan.idleSessions;
      const entry = await attempt(() => measure(name, sessions));
      book.add(IDLE, name, entry);
      log(
        `${IDLE} ${name} round ${round}: ${'failure' in entry ? entry.failure : `${entry.kibPerSession.toFixed(1)} KiB`}`,
      );
    }
  }
}
