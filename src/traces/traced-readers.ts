/** Readers that look at what passes for the spans of its calls. */
import type { BerthError } from '../errors.ts';
import { idKey } from '../jsonrpc/id.ts';
import type { ReaderEnd, StreamEvent, StreamReader } from '../sessions/reader.ts';
import { readAnswer } from './answer.ts';
import type { CallSpan } from './call-span.ts';
import type { WaitingSpans } from './waiting-spans.ts';

/** Everything goes on as it is. */
class PassingReader implements StreamReader {
  readonly #inner: StreamReader;

  constructor(inner: StreamReader) {
    this.#inner = inner;
  }

  get yields(): boolean {
    return this.#inner.yields ?? false;
  }

  accepted(stream: number): void {
    this.#inner.accepted(stream);
  }

  refused(error: BerthError): void {
    this.#inner.refused(error);
  }

  event(event: StreamEvent, stream: number): void {
    this.#inner.event(event, stream);
  }

  end(reason: ReaderEnd): void {
    this.#inner.end(reason);
  }
}

/** Of a request whose answers come to it. */
export class AnsweredReader extends PassingReader {
  /** By what their ids mean. */
  readonly #spans: Map<string, CallSpan>;

  constructor(inner: StreamReader, spans: Iterable<readonly [rawId: string, CallSpan]>) {
    super(inner);
    this.#spans = new Map(Array.from(spans, ([id, span]) => [idKey(id), span]));
  }

  override refused(error: BerthError): void {
    this.#each((span) => span.refused(error));
    super.refused(error);
  }

  override event(event: StreamEvent, stream: number): void {
    if (event.kind === 'answer' && this.#spans.size > 0) this.#answered(event);
    super.event(event, stream);
  }

  override end(reason: ReaderEnd): void {
    this.#each((span) => span.unanswered(reason));
    super.end(reason);
  }

  /** Its client is gone. */
  left(): void {
    this.#each((span) => span.given('client_gone'));
  }

  #answered(event: StreamEvent): void {
    const answer = readAnswer(event);
    if (answer.id === undefined) return;
    this.#spans.get(answer.id)?.answered(answer);
    this.#spans.delete(answer.id);
  }

  #each(end: (span: CallSpan) => void): void {
    for (const span of this.#spans.values()) end(span);
    this.#spans.clear();
  }
}

/** Of a request whose answers come elsewhere. */
export class AcceptedReader extends PassingReader {
  readonly #spans: readonly CallSpan[];
  readonly #endsTaken: boolean;

  constructor(inner: StreamReader, spans: readonly CallSpan[], endsTaken: boolean) {
    super(inner);
    this.#spans = spans;
    this.#endsTaken = endsTaken;
  }

  override accepted(stream: number): void {
    if (this.#endsTaken) for (const span of this.#spans) span.handedOver();
    super.accepted(stream);
  }

  override refused(error: BerthError): void {
    for (const span of this.#spans) span.refused(error);
    super.refused(error);
  }
}

/** Of a session's one stream. */
export class SessionReader extends PassingReader {
  readonly #waiting: WaitingSpans;
  readonly #over: () => void;

  constructor(
    inner: StreamReader,
    { waiting, over }: { readonly waiting: WaitingSpans; readonly over: () => void },
  ) {
    super(inner);
    this.#waiting = waiting;
    this.#over = over;
  }

  override refused(error: BerthError): void {
    this.#over();
    super.refused(error);
  }

  override event(event: StreamEvent, stream: number): void {
    if (event.kind === 'answer') this.#waiting.answered(event);
    super.event(event, stream);
  }

  override end(reason: ReaderEnd): void {
    this.#waiting.end(reason);
    this.#over();
    super.end(reason);
  }
}
