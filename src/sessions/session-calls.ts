/** Where the calls of one session are counted; found once, so that a call costs additions. */
import type { CallCount } from './call-count.ts';
import type { ModernCall } from './call-request.ts';
import type { Exchange } from './exchange.ts';
import type { SessionOptions } from './session-options.ts';

export class SessionCalls {
  readonly #usage: SessionOptions['usage'];
  readonly #count: CallCount | undefined;
  /** Of modern calls that came over a WebSocket: one conversation has clients of both transports. */
  readonly #overSocket: CallCount | undefined;

  constructor({ usage, delivery, transport, cancelsUnread }: SessionOptions) {
    this.#usage = usage;
    const other = delivery === 'single' ? 'sse' : 'streamable-http';
    this.#count = usage?.countOf(transport ?? other, cancelsUnread ? 'modern' : 'legacy');
    this.#overSocket = cancelsUnread ? usage?.countOf('websocket', 'modern') : undefined;
  }

  /** `now`: a reading of the session's clock. */
  begun(exchange: Exchange, now: number, modern: ModernCall | undefined): void {
    exchange.startedAt = now;
    exchange.count = modern?.transport === 'websocket' ? this.#overSocket : this.#count;
  }

  settled(exchange: Exchange, now: number): void {
    if (exchange.count) this.#usage?.called(exchange.count, exchange, now - exchange.startedAt);
  }
}
