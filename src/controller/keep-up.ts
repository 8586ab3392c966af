/** Work that is done again and again: at its interval, and sooner after it has failed. */
import type { Cancel, Clock } from '../clock.ts';

const FIRST_RETRY = 1_000;

export interface KeptUp {
  /** The first try is over, however it went. */
  readonly tried: Promise<void>;
  /** Nothing begins any more; what is under way goes on. Idempotent. */
  stop(): void;
}

/** `work` is never run beside itself. `every`: milliseconds from the end of one run to the next; after failures one second, doubled up to that. */
export function keepUp(
  work: () => Promise<void>,
  {
    clock,
    every,
    onFault,
  }: { readonly clock: Clock; readonly every: number; readonly onFault: (thrown: unknown) => void },
): KeptUp {
  let next: Cancel = () => {};
  let stopped = false;
  let retry = FIRST_RETRY;
  const run = async (): Promise<void> => {
    let wait = every;
    try {
      await work();
      retry = FIRST_RETRY;
    } catch (thrown) {
      onFault(thrown);
      wait = Math.min(every, retry);
      retry *= 2;
    }
    if (!stopped) next = clock.after(wait, () => void run());
  };
  const tried = run();
  return {
    tried,
    stop: () => {
      stopped = true;
      next();
    },
  };
}
