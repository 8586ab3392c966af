/** A manual clock that shows what is being waited for. */
import { type Cancel, ManualClock } from '../../src/clock.ts';

export class WatchedClock extends ManualClock {
  readonly #waiting = new Set<{ readonly ms: number }>();
  /** Waits that there have ever been. */
  begun = 0;

  /** Milliseconds of every wait that is neither over nor called off. */
  get waits(): number[] {
    return [...this.#waiting].map(({ ms }) => ms);
  }

  override after(ms: number, fn: () => void): Cancel {
    const wait = { ms };
    this.begun++;
    this.#waiting.add(wait);
    const cancel = super.after(ms, () => {
      this.#waiting.delete(wait);
      fn();
    });
    return () => {
      this.#waiting.delete(wait);
      cancel();
    };
  }
}

/** Lets every wait but those of `limit` pass until `asked` is settled. */
export async function settled<T>(asked: Promise<T>, clock: WatchedClock, limit: number): Promise<T> {
  let done = false;
  const over = (): void => {
    done = true;
  };
  asked.then(over, over);
  for (let round = 0; round < 5_000 && !done; round++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    const waits = clock.waits.filter((ms) => ms !== limit);
    if (waits.length > 0) clock.advance(Math.min(...waits));
  }
  return asked;
}
