/**
 * When the next frame leaves. Every frame costs the API server, the kubelet and the container runtime as much as hundreds of
 * messages inside it: where many messages come, they wait up to a millisecond for each other; one alone never waits.
 */

/** Frames that leave as they come within a millisecond. */
const AT_ONCE = 2;
/** Bytes that are worth a frame whatever has gone before. */
const WORTH = 16 * 1024;

export class FramePace {
  #window = 0;
  #frames = 0;

  /** Calls `go` in a later turn of the event loop; at once when so little was sent, or so much waits, that waiting gains nothing. */
  next(waiting: number, go: () => void): void {
    if (this.#frames < AT_ONCE || waiting >= WORTH || this.#current() !== this.#window) setImmediate(go);
    else setTimeout(go, 1);
  }

  sent(): void {
    const window = this.#current();
    if (window !== this.#window) this.#frames = 0;
    this.#window = window;
    this.#frames++;
  }

  #current(): number {
    return Math.floor(performance.now());
  }
}
