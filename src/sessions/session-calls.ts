/** What the calls of one session come to: where they are counted (found once, so that a call costs additions), and what they hold. */
import type { CallCount } from './call-count.ts';
import type { ModernCall } from './call-request.ts';
import type { Exchange } from './exchange.ts';
import type { SessionOptions } from './session-options.ts';

/**
 * Bytes of all requests in flight. Lanes keep many of them: until a process is there, to send a listen to the next one, to tell what a
 * call asked for. A client could have a thousand, of several megabytes each.
 */
const MOST_BYTES = 64 * 1024 * 1024;

export class SessionCalls {
  #bytes = 0;
  readonly #usage: SessionOptions['usage'];
  readonly #count: CallCount | undefined;
  /** Of modern calls by other ways: one conversation has clients of all of them. */
  readonly #others: Readonly<Record<NonNullable<ModernCall['transport']>, CallCount>> | undefined;

  constructor({ usage, delivery, transport, cancelsUnread }: SessionOptions) {
    this.#usage = usage;
    const other = delivery === 'single' ? 'sse' : 'streamable-http';
    this.#count = usage?.countOf(transport ?? other, cancelsUnread ? 'modern' : 'legacy');
    if (usage && cancelsUnread)
      this.#others = { websocket: usage.countOf('websocket', 'modern'), api: usage.countOf('api', 'modern') };
  }

  /** No further request is to be taken until one of these has ended. */
  get full(): boolean {
    return this.#bytes >= MOST_BYTES;
  }

  /** `now`: a reading of the session's clock. */
  begun(exchange: Exchange, now: number, modern: ModernCall | undefined): void {
    exchange.startedAt = now;
    this.#bytes += exchange.bytes;
    exchange.count = modern?.transport === undefined ? this.#count : this.#others?.[modern.transport];
  }

  settled(exchange: Exchange, now: number): void {
    this.#bytes -= exchange.bytes;
    if (exchange.count) this.#usage?.called(exchange.count, exchange, now - exchange.startedAt);
  }
}
