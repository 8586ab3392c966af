/** Files that somebody else renews: a mounted folder, looked at again for as long as the program runs. */
import type { Cancel, Clock } from './clock.ts';
import { type BerthError, toBerthError } from './errors.ts';

/** Milliseconds between looks: a mounted Secret changes by the swap of a link, which nothing tells of reliably. */
const LOOK_EVERY = 5_000;

export interface MountedFilesOptions<T> {
  /** Rejects when the files cannot be used, or do not belong together. */
  readonly read: () => Promise<T>;
  readonly isSame: (a: T, b: T) => boolean;
  readonly clock: Clock;
  /** Something else is there now. */
  readonly onRenewed?: ((content: T) => void) | undefined;
  /** What is there now cannot be used; what was there goes on. Told once for each change. */
  readonly onError?: ((error: BerthError) => void) | undefined;
}

export interface MountedFiles<T> {
  readonly current: T;
  /** Nothing is told any more, not even of a look that is under way. */
  close(): void;
}

/** Rejects when what is there at first cannot be used. */
export async function watchMounted<T>(options: MountedFilesOptions<T>): Promise<MountedFiles<T>> {
  const { read, isSame, clock, onRenewed, onError } = options;
  let current = await read();
  let lastFault = '';
  let closed = false;
  const look = async (): Promise<void> => {
    if (closed) return;
    try {
      const next = await read();
      lastFault = '';
      if (closed || isSame(next, current)) return;
      current = next;
      onRenewed?.(next);
    } catch (thrown) {
      const error = toBerthError(thrown);
      if (!closed && error.message !== lastFault) onError?.(error);
      lastFault = error.message;
    }
  };
  // One look at a time: of two the later one might read the older files.
  let turn: Promise<void> = Promise.resolve();
  const stop: Cancel = clock.every(LOOK_EVERY, () => {
    turn = turn.then(look);
  });
  return {
    get current() {
      return current;
    },
    close: () => {
      closed = true;
      stop();
    },
  };
}
