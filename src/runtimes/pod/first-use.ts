/** Whoever woke a server in a pod goes first. */
import { type Clock, pause } from '../../clock.ts';
import type { PoolStatus } from '../../supervisor/process-pool.ts';

/** Milliseconds between looks, until somebody counts as not coming, and for which the process of somebody who came is waited for. */
const LOOK = 250;
const NOBODY = 2_000;
const LONGEST = 60_000;

interface WaitOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Until a process has answered a client, or nobody has come for one. Rejects with the signal's reason. */
export async function untilUsed(
  status: () => PoolStatus | undefined,
  { clock, signal }: WaitOptions,
): Promise<void> {
  for (let waited = 0; waited < LONGEST; waited += LOOK) {
    const { live = 0, spares = 0, spoken = false } = status() ?? {};
    if (spoken || (live === spares && waited >= NOBODY)) return;
    await pause(LOOK, clock, signal);
  }
}
