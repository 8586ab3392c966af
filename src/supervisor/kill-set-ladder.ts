/** The rungs below standard-input EOF: SIGTERM, grace, SIGKILL, to a whole kill set. */
import type { Clock } from '../clock.ts';
import type { KillSet } from './kill-set.ts';
import { DEFAULT_LIMITS } from './server-definition.ts';

/** Milliseconds between the rungs of the ladder. */
export interface Graces {
  /** From standard-input EOF to SIGTERM. */
  readonly eof: number;
  /** From SIGTERM to SIGKILL. */
  readonly term: number;
}

export const DEFAULT_GRACES: Graces = { eof: DEFAULT_LIMITS.eofGrace, term: DEFAULT_LIMITS.termGrace };

export interface LadderOptions {
  readonly clock: Clock;
  readonly termMs: number;
  /** Aborted: go to SIGKILL at once, also out of a grace that has begun. */
  readonly hurry: AbortSignal;
}

const FIRST_POLL = 10;
const LONGEST_POLL = 250;
const KILL_MS = 10_000;

/** Ends all members; resolves with the pids left after 10 s of SIGKILL (those that only the kernel can end). */
export async function endKillSet(set: KillSet, options: LadderOptions): Promise<number[]> {
  if (!options.hurry.aborted) {
    if ((await set.refresh()) === 0) return [];
    set.signal('SIGTERM');
    if (await poll(set, options.termMs, options.clock, options.hurry)) return [];
  }
  return (await poll(set, KILL_MS, options.clock, undefined)) ? [] : set.pids;
}

/** Reads again and again until nothing is left (true) or time is up; without `hurry` each reading is followed by SIGKILL. */
async function poll(
  set: KillSet,
  ms: number,
  clock: Clock,
  hurry: AbortSignal | undefined,
): Promise<boolean> {
  const end = clock.now() + ms;
  for (let wait = FIRST_POLL; ; wait = Math.min(wait * 2, LONGEST_POLL)) {
    if ((await set.refresh()) === 0) return true;
    if (!hurry) set.signal('SIGKILL');
    const left = end - clock.now();
    if (left <= 0 || hurry?.aborted) return false;
    await pause(clock, Math.min(wait, left), hurry);
  }
}

/** Resolves after `ms`, or at once when `hurry` is aborted. */
export function pause(clock: Clock, ms: number, hurry?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (hurry?.aborted) return resolve();
    const done = (): void => {
      cancel();
      hurry?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    hurry?.addEventListener('abort', done);
  });
}
