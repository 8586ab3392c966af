/** The memory of bodies that have not come whole: each is bounded by itself, and here all of them together are. */
import type { IncomingMessage } from 'node:http';

/** What one body that is still coming holds. */
export interface OpenBody {
  /** It has grown to `bytes`; false when all bodies together have no room for it. */
  grow(bytes: number): boolean;
  /** Nothing of it is held any more. Idempotent; the end of its connection does the same. */
  close(): void;
}

export class BodyBudget {
  readonly #most: number;
  #held = 0;

  /** Bytes of all bodies at one time. */
  constructor(most: number) {
    this.#most = most;
  }

  get held(): number {
    return this.#held;
  }

  get limit(): number {
    return this.#most;
  }

  open(request: IncomingMessage): OpenBody {
    let own = 0;
    const close = (): void => {
      this.#held -= own;
      own = 0;
      request.off('close', close);
    };
    request.once('close', close);
    return {
      grow: (bytes) => {
        if (this.#held - own + bytes > this.#most) return false;
        this.#held += bytes - own;
        own = bytes;
        return true;
      },
      close,
    };
  }
}
