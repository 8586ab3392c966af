/** Waits of a server in a pod, which end with its supervisor. */
import type { Clock } from '../../clock.ts';
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
    await pause(clock, LOOK, signal);
  }
}

/** Rejects with the signal's reason. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal.addEventListener('abort', done);
  });
  signal.throwIfAborted();
}
