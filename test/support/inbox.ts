/** What a client has received and nobody has looked at yet. */

export interface Message {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly data?: Record<string, unknown>;
  };
}

export interface Received {
  /** Exactly as it stood on the wire. */
  readonly text: string;
  readonly message: Message;
  /** Which stream carried it: `post-1`, `get-1`, `sse`, `ws`. */
  readonly stream: string;
  readonly eventId?: string;
}

/** Far beyond anything a healthy gateway needs, and below the tests' own limit. */
const PATIENCE_MS = 20_000;

interface Taker {
  readonly wanted: (received: Received) => boolean;
  readonly resolve: (received: Received) => void;
}

export class Inbox {
  readonly #received: Received[] = [];
  readonly #takers = new Set<Taker>();

  push(text: string, stream: string, eventId?: string): void {
    const message = JSON.parse(text) as Message;
    const received = { text, message, stream, ...(eventId === undefined ? {} : { eventId }) };
    for (const taker of this.#takers) {
      if (!taker.wanted(received)) continue;
      this.#takers.delete(taker);
      taker.resolve(received);
      return;
    }
    this.#received.push(received);
  }

  /** What is there and has not been taken. */
  get waiting(): readonly Received[] {
    return this.#received;
  }

  /** Takes the first message that fits, now or when it comes; rejects when it does not come. */
  take(what: string, wanted: (received: Received) => boolean): Promise<Received> {
    const at = this.#received.findIndex(wanted);
    const found = at < 0 ? undefined : this.#received.splice(at, 1)[0];
    if (found) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const taker: Taker = {
        wanted,
        resolve: (received) => {
          clearTimeout(timer);
          resolve(received);
        },
      };
      const timer = setTimeout(() => {
        this.#takers.delete(taker);
        const there = this.#received.map(({ stream, text }) => `${stream}: ${text.slice(0, 200)}`);
        reject(new Error(`never came: ${what}; there are ${JSON.stringify(there.slice(0, 10))}`));
      }, PATIENCE_MS).unref();
      this.#takers.add(taker);
    });
  }

  /** The answer to a request, by the bytes of its id. */
  answer(rawId: string): Promise<Received> {
    const starts = new RegExp(`"id"\\s*:\\s*${rawId.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\s*[,}]`);
    return this.take(
      `answer to ${rawId}`,
      ({ message, text }) => message.method === undefined && starts.test(text),
    );
  }

  /** The next request or notification of a method. */
  method(name: string): Promise<Received> {
    return this.take(name, ({ message }) => message.method === name);
  }
}
