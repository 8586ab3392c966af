/** The calls of a session whose answers all come on one stream. */
import { idKey } from '../jsonrpc/id.ts';
import type { ReaderEnd, StreamEvent } from '../sessions/reader.ts';
import { readAnswer } from './answer.ts';
import type { CallSpan, SpanTransport } from './call-span.ts';

/** Calls of one session; of more, the oldest ends as if its client had given it up. */
const MOST = 1_024;

export class WaitingSpans {
  readonly transport: SpanTransport;
  /** By what their ids mean. */
  readonly #spans = new Map<string, CallSpan>();

  constructor(transport: SpanTransport) {
    this.transport = transport;
  }

  add(rawId: string, span: CallSpan): void {
    const id = idKey(rawId);
    this.#take(id)?.given('cancelled');
    const [oldest] = this.#spans.size < MOST ? [] : this.#spans.keys();
    if (oldest !== undefined) this.#take(oldest)?.given('cancelled');
    this.#spans.set(id, span);
  }

  answered(event: StreamEvent): void {
    if (this.#spans.size === 0) return;
    const answer = readAnswer(event);
    if (answer.id !== undefined) this.#take(answer.id)?.answered(answer);
  }

  cancelled(rawId: string): void {
    this.#take(idKey(rawId))?.given('cancelled');
  }

  /** No answer comes any more. */
  end(reason: ReaderEnd | 'client_gone'): void {
    for (const span of this.#spans.values())
      if (reason === 'client_gone') span.given(reason);
      else span.unanswered(reason);
    this.#spans.clear();
  }

  #take(id: string): CallSpan | undefined {
    const span = this.#spans.get(id);
    this.#spans.delete(id);
    return span;
  }
}
