/** Which calls of a process may be asking just now, one at a time where nobody could tell them apart (data-path.md 7.4). */

/** What is remembered of a version: its calls ask, and did so while others ran. */
export interface Interactive {
  value: boolean;
}

export class Turns<Call> {
  readonly #interactive: Interactive;
  readonly #running = new Set<Call>();
  readonly #queue: { readonly call: Call; readonly start: () => void }[] = [];

  constructor(interactive: Interactive) {
    this.#interactive = interactive;
  }

  /** Calls that run and are not parked. */
  get running(): ReadonlySet<Call> {
    return this.#running;
  }

  /** Starts the call when it is its turn; at once where calls run side by side. */
  enter(call: Call, start: () => void): void {
    this.#queue.push({ call, start });
    this.#next();
  }

  /** The call is over, or waits for its client. */
  leave(call: Call): void {
    const at = this.#queue.findIndex((one) => one.call === call);
    if (at >= 0) this.#queue.splice(at, 1);
    if (this.#running.delete(call)) this.#next();
  }

  #next(): void {
    while (!this.#interactive.value || this.#running.size === 0) {
      const next = this.#queue.shift();
      if (!next) return;
      this.#running.add(next.call);
      next.start();
    }
  }
}
