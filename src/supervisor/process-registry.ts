/** All living processes of this program, so that none outlives it, however it ends. */
import { onExit } from 'signal-exit';
import type { Cancel } from '../clock.ts';
import type { ServerProcess } from './server-process.ts';

/** A process as the registry needs it. */
export interface RegisteredProcess extends Pick<ServerProcess, 'stop'> {
  readonly ended: Promise<void>;
  /** SIGKILL, as far as that can be done at once. */
  killNow(): void;
}

export interface ProcessRegistry {
  add(process: RegisteredProcess): void;
  /** Processes whose kill set has not ended yet. */
  readonly live: number;
  /** Ends them all at the same time; also those that are added while it runs. Resolves when nothing is left. */
  endAll(options?: { readonly force?: boolean }): Promise<void>;
  /** SIGKILL to every process, at once. */
  killNow(): void;
}

const MOST_ROUNDS = 10;

/** Builds an empty registry. What is in it when the program ends, by itself or by a signal that nobody listens for, is killed. */
export function createProcessRegistry(): ProcessRegistry {
  const all = new Set<RegisteredProcess>();
  let cancel: Cancel | undefined;
  const killNow = (): void => {
    for (const one of all) one.killNow();
  };
  return {
    add(added) {
      all.add(added);
      cancel ??= onExit(killNow);
      void added.ended.then(() => {
        all.delete(added);
        if (all.size > 0) return;
        cancel?.();
        cancel = undefined;
      });
    },
    get live() {
      return all.size;
    },
    async endAll(options = {}) {
      for (let round = 0; all.size > 0 && round < MOST_ROUNDS; round++) {
        await Promise.all([...all].map(async (one) => [await one.stop(options), await one.ended]));
      }
    },
    killNow,
  };
}

/** SIGKILL to the group of a process that has not been reaped: only then is the number still its own. */
export function killGroup(pid: number): void {
  if (pid <= 1) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
