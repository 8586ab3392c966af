/** Where the calls of one session are counted; found once, so that a call costs additions. */
import type { CallCount } from './call-count.ts';
import type { ModernCall } from './call-request.ts';
import type { Exchange } from './exchange.ts';
import type { SessionOptions } from './session-options.ts';

export class SessionCalls {
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

  /** `now`: a reading of the session's clock. */
  begun(exchange: Exchange, now: number, modern: ModernCall | undefined): void {
    exchange.startedAt = now;
    exchange.count = modern?.transport === undefined ? this.#count : this.#others?.[modern.transport];
  }

  settled(exchange: Exchange, now: number): void {
    if (exchange.count) this.#usage?.called(exchange.count, exchange, now - exchange.startedAt);
  }
}
