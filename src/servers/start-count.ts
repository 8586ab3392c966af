/** What has become of the starts of servers, all of them together. */
import type { StartPhase } from '../errors.ts';
import { Histogram, START_BOUNDS } from '../histogram.ts';
import type { StartEvent } from './start-log.ts';

export class StartCount {
  readonly results = { running: 0, failed: 0, stopped: 0 };
  /** Seconds of each phase that a start came through. */
  readonly phases = new Map<StartPhase, Histogram>();
  readonly #failures = new Map<string, { readonly phase: string; readonly reason: string; count: number }>();

  /** Counts a start that is over, by its events. */
  over(events: readonly StartEvent[]): void {
    for (const event of events) {
      if (event.type === 'phase' && event.state === 'done') this.#phase(event.phase, event.ms);
      if (event.type === 'failed') this.#failed(event.failure.phase ?? 'none', event.failure.code);
      if (event.type === 'running' || event.type === 'failed' || event.type === 'stopped')
        this.results[event.type]++;
    }
  }

  /** By phase and code of the error. */
  get failures(): Iterable<{ readonly phase: string; readonly reason: string; readonly count: number }> {
    return this.#failures.values();
  }

  #phase(phase: StartPhase, ms: number): void {
    const histogram = this.phases.get(phase) ?? new Histogram(START_BOUNDS);
    histogram.observe(ms / 1_000);
    this.phases.set(phase, histogram);
  }

  #failed(phase: string, reason: string): void {
    const key = `${phase} ${reason}`;
    const failure = this.#failures.get(key) ?? { phase, reason, count: 0 };
    failure.count++;
    this.#failures.set(key, failure);
  }
}
