/** What happens during one start of a server, for any number of readers, from its beginning. */
import type { StartPhase } from '../errors.ts';
import type { FailureRecord } from './server-record.ts';

export type StartEvent =
  | { readonly type: 'phase'; readonly phase: StartPhase; readonly state: 'started' }
  /** `ms`: how long the phase took. */
  | {
      readonly type: 'phase';
      readonly phase: StartPhase;
      readonly state: 'done';
      readonly ms: number;
      readonly text?: string;
    }
  | { readonly type: 'progress'; readonly phase: StartPhase; readonly text: string }
  | { readonly type: 'running' }
  | { readonly type: 'failed'; readonly failure: FailureRecord }
  | { readonly type: 'stopped' };

/** A {@link StartEvent} with its time, milliseconds since the epoch. */
export type TimedStartEvent = StartEvent & { readonly at: number };

/** Progress lines beyond this are dropped; phases and the end are always kept. */
const MAX_EVENTS = 1_000;

export class StartLog {
  readonly #events: TimedStartEvent[] = [];
  readonly #wake = new Set<() => void>();
  #ended = false;

  get events(): readonly TimedStartEvent[] {
    return this.#events;
  }

  /** The last event (`running`, `failed` or `stopped`) ends the log; what comes after it is ignored. */
  add(event: StartEvent): void {
    if (this.#ended || (event.type === 'progress' && this.#events.length >= MAX_EVENTS)) return;
    this.#events.push({ at: Date.now(), ...event });
    this.#ended = event.type === 'running' || event.type === 'failed' || event.type === 'stopped';
    for (const wake of this.#wake) wake();
    this.#wake.clear();
  }

  /** All events from the first one on, up to the end of the start or the abort of the signal. */
  async *read(signal?: AbortSignal): AsyncGenerator<TimedStartEvent, void> {
    for (let next = 0; signal?.aborted !== true; next++) {
      while (next >= this.#events.length) {
        if (this.#ended || signal?.aborted) return;
        await this.#changed(signal);
      }
      const event = this.#events[next];
      if (event) yield event;
    }
  }

  #changed(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal?.removeEventListener('abort', wake);
        this.#wake.delete(wake);
        resolve();
      };
      this.#wake.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }
}
