/** Many sessions at once whose every answer must carry the text of its own call. */
import { createSession } from './clients/create-session.ts';
import { awaitAnswer } from './clients/pending.ts';
import { type BenchSession, callBody, nextId } from './clients/session.ts';
import type { CrowdJob, CrowdReport } from './job.ts';

/** Openings and ends that are under way at one time. */
const AT_A_TIME = 32;
const ANSWER_MS = 60_000;
const TOKEN = /token-\d+-\d+-end/g;

export interface Crowd {
  readonly report: CrowdReport;
  /** Ends every session. */
  close(): Promise<void>;
}

interface Tally {
  calls: number;
  crossed: number;
  failed: number;
  firstError?: string;
  readonly openings: number[];
  readonly latencies: number[];
}

export async function openCrowd(job: CrowdJob): Promise<Crowd> {
  const tally: Tally = { calls: 0, crossed: 0, failed: 0, openings: [], latencies: [] };
  const sessions = Array.from({ length: job.count }, () => createSession(job.transport, job.target));
  const open: BenchSession[] = [];
  await eachOf(sessions, async (session) => {
    const started = performance.now();
    await session.open().then(
      () => {
        open.push(session);
        tally.openings.push(performance.now() - started);
      },
      (thrown: unknown) => {
        tally.firstError ??= String(thrown);
      },
    );
  });
  await Promise.all(open.map((session, index) => callOn(session, { index, calls: job.calls, tally })));
  return {
    report: { opened: open.length, ...tally },
    close: () => eachOf(sessions, (session) => session.close()),
  };
}

async function callOn(
  session: BenchSession,
  { index, calls, tally }: { readonly index: number; readonly calls: number; readonly tally: Tally },
): Promise<void> {
  for (let call = 0; call < calls; call += 1) {
    const token = `token-${index}-${call}-end`;
    const started = performance.now();
    tally.calls += 1;
    try {
      const body = callBody('echo', { text: token });
      const answer = await awaitAnswer((done) => session.call(nextId(), body, done), ANSWER_MS);
      const tokens = answer.toString().match(TOKEN) ?? [];
      if (tokens.length === 1 && tokens[0] === token) tally.latencies.push(performance.now() - started);
      else if (tokens.length > 0) tally.crossed += 1;
      else throw new Error(`an answer without a token: ${answer.toString('utf8', 0, 200)}`);
    } catch (thrown) {
      tally.failed += 1;
      tally.firstError ??= String(thrown);
    }
  }
}

/** All of them, a bounded number at one time. */
async function eachOf<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = all.values();
  const worker = async (): Promise<void> => {
    for (const one of left) await work(one);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}
