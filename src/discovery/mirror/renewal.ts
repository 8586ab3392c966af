/** Renews mirrors by itself, for an operator who wants that. */
import type { Cancel, Clock } from '../../clock.ts';
import type { Registries } from '../registries.ts';

export interface RenewalInput {
  readonly registries: Pick<Registries, 'list' | 'sync'>;
  readonly clock: Clock;
  /** Milliseconds between two rounds of a registry. */
  readonly every: number;
  /** Told of a round that failed; the next one goes on where it was. */
  readonly onFault: (registry: string, error: unknown) => void;
}

/** Looks several times in that time, so that a mirror is hardly older than it should be. */
const LOOKS = 10;

/** Begins at once with those that are too old, or not there. Returns how to stop it. */
export function keepMirrors({ registries, clock, every, onFault }: RenewalInput): Cancel {
  const leaving = new AbortController();
  let busy = false;
  const renew = async (): Promise<void> => {
    for (const { name, ageSeconds, unfinishedPages } of await registries.list()) {
      const isFresh = ageSeconds !== undefined && ageSeconds * 1_000 < every && unfinishedPages === undefined;
      if (isFresh || leaving.signal.aborted) continue;
      await registries
        .sync(name, { full: false, signal: leaving.signal, onProgress: () => {} })
        .catch((error: unknown) => !leaving.signal.aborted && onFault(name, error));
    }
  };
  const look = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    try {
      await renew();
    } finally {
      busy = false;
    }
  };
  void look();
  const cancel = clock.every(Math.ceil(every / LOOKS), () => void look());
  return () => {
    cancel();
    leaving.abort(new Error('closed'));
  };
}
