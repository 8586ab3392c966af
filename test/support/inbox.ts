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
  readonly what: string;
  readonly wanted: (received: Received) => boolean;
  readonly resolve: (received: Received) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export class Inbox {
  readonly #received: Received[] = [];
  readonly #takers = new Set<Taker>();
  readonly #told: string[] = [];
  #ended: string | undefined;

  /** What happened on the way, for the error of who waits in vain. */
  tell(what: string): void {
    this.#told.push(what);
  }

  push(text: string, stream: string, eventId?: string): void {
    const message = JSON.parse(text) as Message;
    const received = { text, message, stream, ...(eventId === undefined ? {} : { eventId }) };
    for (const taker of this.#takers) {
      if (!taker.wanted(received)) continue;
      this.#drop(taker);
      taker.resolve(received);
      return;
    }
    this.#received.push(received);
  }

  /** Nothing more will come: who waits, and who asks later for what is not there, is told why. */
  end(why: string): void {
    this.#ended ??= why;
    for (const taker of this.#takers) this.#fail(taker);
  }

  /** What is there and has not been taken. */
  get waiting(): readonly Received[] {
    return this.#received;
  }

  /** Takes all that fit and are there now. */
  drain(wanted: (received: Received) => boolean): Received[] {
    const found = this.#received.filter(wanted);
    for (const received of found) this.#received.splice(this.#received.indexOf(received), 1);
    return found;
  }

  /** Takes the first message that fits, now or when it comes; rejects when it does not come. */
  take(what: string, wanted: (received: Received) => boolean, patience = PATIENCE_MS): Promise<Received> {
    const at = this.#received.findIndex(wanted);
    const found = at < 0 ? undefined : this.#received.splice(at, 1)[0];
    if (found) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(taker), patience).unref();
      const taker: Taker = { what, wanted, resolve, reject, timer };
      this.#takers.add(taker);
      if (this.#ended !== undefined) this.#fail(taker);
    });
  }

  #fail(taker: Taker): void {
    this.#drop(taker);
    const there = this.#received.slice(0, 10).map(({ stream, text }) => `${stream}: ${text.slice(0, 200)}`);
    const ended = this.#ended === undefined ? '' : ` (${this.#ended})`;
    const told = this.#told.slice(-10).map((what) => `\n  ${what}`);
    taker.reject(
      new Error(`never came: ${taker.what}${ended}; there are ${JSON.stringify(there)}${told.join('')}`),
    );
  }

  #drop(taker: Taker): void {
    clearTimeout(taker.timer);
    this.#takers.delete(taker);
  }

  /** The answer to a request, by the bytes of its id; `patience` in milliseconds where a busy machine needs more than the usual. */
  answer(rawId: string, patience?: number): Promise<Received> {
    const starts = new RegExp(`"id"\\s*:\\s*${rawId.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\s*[,}]`);
    return this.take(
      `answer to ${rawId}`,
      ({ message, text }) => message.method === undefined && starts.test(text),
      patience,
    );
  }

  /** The next request or notification of a method. */
  method(name: string): Promise<Received> {
    return this.take(name, ({ message }) => message.method === name);
  }
}
