/** Moves what the host counts into the store, in lots: now and then, at the end, and before somebody looks. */
import type { Cancel, Clock } from '../clock.ts';
import type { ServerHost } from './host.ts';
import { addUsage, isUnused, NO_USAGE, type Usage, type UsageDay, type UsageStore } from './usage.ts';

export interface UsageRecorderOptions {
  readonly host: Pick<ServerHost, 'takeUsage'>;
  readonly store: UsageStore;
  readonly clock: Clock;
  /** Days that are kept, today included. */
  readonly keepDays: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Told when the store does not take what was counted; it is kept and tried again. */
  readonly onError?: (error: unknown) => void;
}

export interface UsageReport {
  /** Newest first; days without use are left out. */
  readonly days: readonly UsageDay[];
  readonly sum: Usage;
}

/** Milliseconds between writes: what a killed gateway loses at most. */
export const WRITE_EVERY = 30_000;
const DAY = 24 * 3_600_000;

export class UsageRecorder {
  readonly #options: UsageRecorderOptions;
  readonly #stop: Cancel;
  #waiting = new Map<string, Usage>();
  #swept = '';

  constructor(options: UsageRecorderOptions) {
    this.#options = options;
    this.#stop = options.clock.every(WRITE_EVERY, () => this.write());
  }

  /** Writes what was counted. Never throws. */
  write(): void {
    const { host, store, keepDays, onError } = this.#options;
    for (const [server, usage] of host.takeUsage())
      if (!isUnused(usage)) this.#waiting.set(server, addUsage(this.#waiting.get(server) ?? NO_USAGE, usage));
    const today = this.#day(0);
    try {
      if (this.#waiting.size > 0) store.add(today, this.#waiting);
      this.#waiting = new Map();
      if (this.#swept !== today) store.forget(this.#day(keepDays - 1));
      this.#swept = today;
    } catch (error) {
      onError?.(error);
    }
  }

  /** The last `days` days of a server, up to this moment. */
  of(server: string, days: number): UsageReport {
    this.write();
    const found = this.#options.store.days(server, this.#day(Math.min(days, this.#options.keepDays) - 1));
    return { days: found, sum: found.map(({ day: _day, ...usage }) => usage).reduce(addUsage, NO_USAGE) };
  }

  /** Writes the rest. Idempotent. */
  close(): void {
    this.#stop();
    this.write();
  }

  /** The day that was so many days ago, in UTC. */
  #day(ago: number): string {
    const now = this.#options.now?.() ?? Date.now();
    return new Date(now - ago * DAY).toISOString().slice(0, 10);
  }
}
