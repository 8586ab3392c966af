/** A client that never reads: what the contestant keeps for it, and what another client notices. */
import { attempt, type Book } from '../book.ts';
import {
  type Contestant,
  type ContestantName,
  ECHO_COMMAND,
  startContestant,
  unavailable,
} from '../contestants.ts';
import type { UnreadReport } from '../job.ts';
import type { Plan } from '../plan.ts';
import { descendants, queuedInKernel, residentKib, writtenBytes } from '../proc.ts';
import { holdJob, runJob } from '../worker.ts';

/** The name of this case. */
export const UNREAD = 'unread';

export interface UnreadResult {
  /** Highest growth of the contestant's resident memory, MiB. */
  readonly growthMib: number;
  /**
   * What the server wrote and the client's kernel queues do not hold, MiB: an upper bound of what is buffered, because
   * it includes what lies in the pipe between server and contestant (up to 0.2 MiB) and what was dropped.
   */
  readonly heldMib: number;
  /** p99 of another client's calls, milliseconds: alone, and while the flood stands. */
  readonly p99Before: number;
  readonly p99During: number;
}

const LINE_BYTES = 4096;
const MIB = 2 ** 20;
const DEADLINE_MS = 40_000;
const SAMPLE_MS = 50;

async function otherClient(contestant: Contestant, plan: Plan): Promise<number> {
  const load = { sessions: 1, inFlight: 1, payloadBytes: 64, warmUpMs: 300, measureMs: plan.unreadMs };
  const job = {
    mode: 'calls',
    transport: 'http',
    target: contestant.target,
    gatewayPid: contestant.pid,
    ...load,
  } as const;
  const result = await runJob(job, DEADLINE_MS);
  if (result.calls === 0) throw new Error('the other client got no answer at all');
  return result.p99;
}

/** The processes that may be flooding: those that are new, or all when sessions share one. */
function flooders(contestant: Contestant, before: ReadonlyMap<number, number>): number[] {
  const now = descendants(contestant.pid);
  const fresh = now.filter((pid) => !before.has(pid));
  return fresh.length > 0 ? fresh : now;
}

function peakGrowth(pid: number, baseKib: number): { stop(): number } {
  let peak = 0;
  const sample = (): void => {
    peak = Math.max(peak, (residentKib(pid) ?? 0) - baseKib);
  };
  const timer = setInterval(sample, SAMPLE_MS);
  return {
    stop() {
      sample();
      clearInterval(timer);
      return peak / 1024;
    },
  };
}

async function flood(contestant: Contestant, plan: Plan, p99Before: number): Promise<UnreadResult> {
  const before = new Map(descendants(contestant.pid).map((pid) => [pid, writtenBytes(pid)]));
  const growth = peakGrowth(contestant.pid, residentKib(contestant.pid) ?? 0);
  const count = Math.ceil(plan.floodBytes / LINE_BYTES);
  const reader = holdJob({
    mode: 'unread',
    transport: 'http',
    target: contestant.target,
    count,
    bytes: LINE_BYTES,
  });
  try {
    const { localPorts } = await reader.next<UnreadReport>(DEADLINE_MS);
    const pids = flooders(contestant, before);
    const p99During = await otherClient(contestant, plan);
    const written = pids.reduce((sum, pid) => sum + writtenBytes(pid) - (before.get(pid) ?? 0), 0);
    const held = written - queuedInKernel(contestant.target.port, localPorts);
    return { growthMib: growth.stop(), heldMib: held / MIB, p99Before, p99During };
  } finally {
    growth.stop();
    await reader.close();
  }
}

async function measure(name: ContestantName, plan: Plan): Promise<UnreadResult> {
  const contestant = await startContestant(name, { transport: 'http', command: ECHO_COMMAND });
  try {
    await otherClient(contestant, plan);
    const p99Before = await otherClient(contestant, plan);
    return await flood(contestant, plan, p99Before);
  } finally {
    await contestant.close();
  }
}

/** Measures every contestant that forwards notifications in each round. */
export async function runUnread(
  plan: Plan,
  book: Book<UnreadResult>,
  log: (text: string) => void,
): Promise<void> {
  const names = plan.contestants.filter((name) => name !== 'bare' && unavailable(name, 'http') === undefined);
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const name of names) {
      const entry = await attempt(() => measure(name, plan));
      book.add(UNREAD, name, entry);
      log(
        `${UNREAD} ${name} round ${round}: ${'failure' in entry ? entry.failure : `+${entry.growthMib.toFixed(1)} MiB`}`,
      );
    }
  }
}
