/** An event stream that is opened again whenever it ends, where it was left, until nobody wants it any more. */
import type { BerthError } from '../errors.ts';
import type { HttpTraffic, Refusal } from './http-traffic.ts';
import { type BodyReceiver, bodyKind } from './response-body.ts';

/** How far a stream has been read, and when its server wants to be asked again. */
export interface StreamPosition {
  readonly lastEventId?: string | undefined;
  readonly retryMs?: number | undefined;
}

export interface EventStreamOptions {
  readonly traffic: HttpTraffic;
  /** Of the session, at the moment of the request. */
  readonly headers: () => Readonly<Record<string, string>>;
  readonly receiver: BodyReceiver;
  readonly position?: StreamPosition;
  /** Failures in a row that are borne. */
  readonly patience: number;
}

/** Why a stream is not opened again: it was stopped, refused, or failed too often. */
export type StreamEnd =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'not-events' }
  | { readonly kind: 'failed'; readonly error: BerthError };

const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 60_000;
/** A stream that ends as soon as it is opened must not be opened without end. */
const SHORTEST_WAIT = 100;
/** A server's wish beyond this is no wish for a stream. */
const LONGEST_WISH = 10 * 60_000;
/** Statuses that pass. Some servers say 409 until they have noticed that the connection before is gone. */
const PASSING: ReadonlySet<number> = new Set([408, 409, 425, 429]);

export class EventStream {
  /** Resolves when the first connection has been answered, or has failed. */
  readonly opened: Promise<void>;
  readonly #opened = Promise.withResolvers<void>();
  readonly #options: EventStreamOptions;
  #position: StreamPosition;
  #failures = 0;
  #stopped = false;
  #wasOpen = false;
  #interrupt: () => void = () => {};

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#position = options.position ?? {};
    this.opened = this.#opened.promise;
  }

  /** Opens the stream, at once or after the time that its server wished. Never rejects. */
  async follow({ wait }: { readonly wait: boolean }): Promise<StreamEnd> {
    if (wait) await this.#pause();
    while (!this.#over) {
      const end = await this.#readOnce();
      if (end) return end;
      await this.#pause();
    }
    return { kind: 'stopped' };
  }

  /** It has been an event stream at least once. */
  get wasOpen(): boolean {
    return this.#wasOpen;
  }

  stop(): void {
    this.#stopped = true;
    this.#interrupt();
  }

  get #over(): boolean {
    return this.#stopped || this.#options.traffic.ended;
  }

  /** One connection; the end of all when there is not to be another one. */
  async #readOnce(): Promise<StreamEnd | undefined> {
    const { traffic, receiver } = this.#options;
    try {
      const { response, abort } = this.#get();
      const head = await response;
      this.#opened.resolve();
      const refusal = await traffic.refusal(head);
      if (refusal) return this.#over ? undefined : this.#refused(refusal);
      if (bodyKind(head) !== 'events') {
        abort();
        return { kind: 'not-events' };
      }
      this.#wasOpen = true;
      const body = traffic.read(head, receiver);
      await body.ended;
      this.#failures = 0;
      this.#position = {
        lastEventId: body.lastEventId ?? this.#position.lastEventId,
        retryMs: body.retryMs ?? this.#position.retryMs,
      };
      return undefined;
    } catch (error) {
      this.#opened.resolve();
      return this.#failed(error as BerthError);
    }
  }

  #get(): ReturnType<HttpTraffic['request']> {
    const { traffic, headers } = this.#options;
    const { lastEventId } = this.#position;
    const request = traffic.request({
      method: 'GET',
      headers: {
        ...headers(),
        accept: 'text/event-stream',
        // Node wants the bytes of a header as single characters.
        ...(lastEventId && { 'last-event-id': Buffer.from(lastEventId).toString('latin1') }),
      },
    });
    this.#interrupt = request.abort;
    if (this.#stopped) request.abort();
    return request;
  }

  #refused(refusal: Refusal): StreamEnd | undefined {
    if (refusal.status < 500 && !PASSING.has(refusal.status)) return { kind: 'refused', refusal };
    return this.#failed(refusal.error);
  }

  #failed(error: BerthError): StreamEnd | undefined {
    if (this.#over) return undefined;
    return ++this.#failures > this.#options.patience ? { kind: 'failed', error } : undefined;
  }

  #pause(): Promise<void> {
    const backoff = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.max(0, this.#failures - 1));
    const { retryMs } = this.#position;
    const wish =
      retryMs === undefined ? FIRST_WAIT : Math.max(SHORTEST_WAIT, Math.min(LONGEST_WISH, retryMs));
    const ms = this.#failures === 0 ? wish : Math.max(wish, backoff);
    return this.#options.traffic.wait(ms, (stop) => {
      this.#interrupt = stop;
    });
  }
}
