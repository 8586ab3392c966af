/** Session open time on Streamable HTTP, beside the server's own start. */
import { attempt, type Book } from '../book.ts';
import { type ContestantName, ECHO_COMMAND, startContestant, unavailable } from '../contestants.ts';
import type { OpenResult } from '../job.ts';
import type { Plan } from '../plan.ts';
import { runJob } from '../worker.ts';
import { ownStart } from './direct.ts';

/** The name of this case. */
export const OPENING = 'open';
/** Who the rows are that are no contestant of their own. */
export const OWN_START = 'server alone: spawn to initialize';
export const OWN_INITIALIZE = 'server alone: initialize';
export const BERTH_SPARE = 'berth, one spare';

const DEADLINE_MS = 60_000;
const GAP_MS = 30;
/** Long enough for a taken spare to be replaced. */
const SPARE_GAP_MS = 250;

async function samples(count: number, measure: () => Promise<number>): Promise<OpenResult> {
  const taken: number[] = [];
  for (let done = 0; done < count; done += 1) taken.push(await measure());
  return { samples: taken };
}

async function openSessions(name: ContestantName, count: number, spares: number): Promise<OpenResult> {
  const contestant = await startContestant(name, { transport: 'http', command: ECHO_COMMAND, spares });
  const gapMs = spares > 0 ? SPARE_GAP_MS : GAP_MS;
  const job = { mode: 'open', transport: 'http', target: contestant.target, gapMs } as const;
  try {
    // The first sessions of a process compile the code that opens them.
    await runJob({ ...job, count: 3 }, DEADLINE_MS);
    await new Promise((resolve) => setTimeout(resolve, SPARE_GAP_MS));
    return await runJob({ ...job, count }, DEADLINE_MS);
  } finally {
    await contestant.close();
  }
}

/** Measures the server alone and every contestant in each round. */
export async function runOpening(
  plan: Plan,
  book: Book<OpenResult>,
  log: (text: string) => void,
): Promise<void> {
  const names = plan.contestants.filter((name) => unavailable(name, 'http') === undefined);
  for (let round = 1; round <= plan.rounds; round += 1) {
    log(`${OPENING} round ${round}`);
    book.add(OPENING, OWN_START, await attempt(() => samples(plan.opens, () => ownStart({ warm: false }))));
    book.add(
      OPENING,
      OWN_INITIALIZE,
      await attempt(() => samples(plan.opens, () => ownStart({ warm: true }))),
    );
    for (const name of names) book.add(OPENING, name, await attempt(() => openSessions(name, plan.opens, 0)));
    if (!names.includes('berth')) continue;
    book.add(OPENING, BERTH_SPARE, await attempt(() => openSessions('berth', plan.opens, 1)));
  }
}
