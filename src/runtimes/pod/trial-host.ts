/** What a pod that tries a package does it with: its helper, which starts programs in the other container. */
import { systemClock } from '../../clock.ts';
import type { Isolation } from '../../supervisor/inspection-report.ts';
import { checkIsolation } from '../../supervisor/isolation.ts';
import type { Launch } from '../../supervisor/launch.ts';
import type { LocalProcess, SpawnOptions } from '../../supervisor/process.ts';
import { createProcessRegistry } from '../../supervisor/process-registry.ts';
import { holdSpawnPresence, type SpawnPresence } from '../../supervisor/spawn-presence.ts';
import { spawnRemote } from '../../supervisor/spawn-process.ts';
import { readProgram } from '../../supervisor/spawn-read.ts';

export type TrialOptions = Pick<SpawnOptions, 'clock' | 'secrets' | 'maxLineBytes' | 'graces'>;

export interface TrialHost {
  /** Starts the package. Rejects with `start-failed`. */
  start(launch: Launch, options: TrialOptions): Promise<LocalProcess>;
  /** Runs a small program of ours where the package ran, and gives what it says. */
  read(launch: Launch): Promise<string>;
  /** Which life of the helper, and so of its container, this is; undefined while it is not there. */
  readonly life: number | undefined;
  isolation(signal: AbortSignal): Promise<Isolation>;
  /** Ends what still runs. Idempotent. */
  close(): Promise<void>;
}

/** `socket`: of the helper. */
export function createTrialHost({ socket }: { readonly socket: string }): TrialHost {
  const registry = createProcessRegistry();
  let lives = 0;
  const changed = (): void => {
    if (presence.present) lives++;
  };
  const presence: SpawnPresence = holdSpawnPresence({ socket, clock: systemClock, changed });
  return {
    start: (launch, options) => spawnRemote(launch, { ...options, registry, socket }),
    read: (launch) => readProgram(launch, { socket, clock: systemClock }),
    get life() {
      return presence.present ? lives : undefined;
    },
    isolation: (signal) => checkIsolation({ env: process.env, signal }),
    close: async () => {
      await registry.endAll({ force: true });
      presence.close();
    },
  };
}
