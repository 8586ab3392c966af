/** WebSockets that have said nothing yet: they belong to no session and no call, whose own limits would bound them. */
import type { Cancel, Clock } from '../clock.ts';
import { BerthError } from '../errors.ts';

/** Of one principal at one time: more than a caller with many agents opens at once. */
export const MOST_SILENT = 1_024;
/** Milliseconds in which the first message of a connection comes. */
export const FIRST_MESSAGE_WITHIN = 60_000;

export class SilentConnections {
  readonly #clock: Clock;
  readonly #open = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws `limit-reached` where a further one of `principal` has no room. */
  check(principal: string): void {
    if ((this.#open.get(principal) ?? 0) >= MOST_SILENT)
      throw new BerthError(
        'limit-reached',
        `${MOST_SILENT} WebSockets of this caller have sent no message yet`,
        {
          hint: 'Send initialize, or a message of the modern revision, on each WebSocket that is opened.',
        },
      );
  }

  /** Counts one until what it returns is called, once or more; `late` is called when its time is over before. */
  add(principal: string, late: () => void): Cancel {
    this.#open.set(principal, (this.#open.get(principal) ?? 0) + 1);
    const cancel = this.#clock.after(FIRST_MESSAGE_WITHIN, late);
    let counted = true;
    return () => {
      if (!counted) return;
      counted = false;
      cancel();
      const left = (this.#open.get(principal) ?? 0) - 1;
      if (left > 0) this.#open.set(principal, left);
      else this.#open.delete(principal);
    };
  }
}
