/** Real time that a test can move forward: timers run as ever, readings jump. */
import { type Clock, systemClock } from '../../src/clock.ts';

export class ShiftedClock implements Clock {
  #shift = 0;
  readonly after = systemClock.after;
  readonly every = systemClock.every;

  now(): number {
    return systemClock.now() + this.#shift;
  }

  /** Everything that is measured by readings is `ms` older from now on. */
  advance(ms: number): void {
    this.#shift += ms;
  }
}
