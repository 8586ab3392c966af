/** A conversation whose calls become spans: what it carries is only looked at, and goes on as it is. */
import type { Tracer } from '@opentelemetry/api';
import type { BerthError } from '../errors.ts';
import type { CallRequest } from '../sessions/call-request.ts';
import type { Conversation, OpenOptions } from '../sessions/conversation.ts';
import { type ClientMessage, rawId, rawRequestId } from '../sessions/message.ts';
import type { Attachment, StreamReader } from '../sessions/reader.ts';
import type { CallTracer, TracedClient } from '../transports/call-tracer.ts';
import { CallSpan, type SpanTransport } from './call-span.ts';
import { AcceptedReader, AnsweredReader, SessionReader } from './traced-readers.ts';
import { WaitingSpans } from './waiting-spans.ts';

export function createCallTracer(tracer: Tracer): CallTracer {
  /** Of sessions with one stream, which this program reads; by their nonce. */
  const streams = new Map<string, WaitingSpans>();
  return { watch: (inner, client) => new TracedConversation(inner, client, { tracer, streams }) };
}

interface Shared {
  readonly tracer: Tracer;
  readonly streams: Map<string, WaitingSpans>;
}

class TracedConversation implements Conversation {
  readonly #inner: Conversation;
  readonly #client: TracedClient;
  readonly #shared: Shared;

  constructor(inner: Conversation, client: TracedClient, shared: Shared) {
    this.#inner = inner;
    this.#client = client;
    this.#shared = shared;
  }

  call(request: CallRequest, reader: StreamReader, open?: OpenOptions): Attachment | undefined {
    const waiting = this.#waiting;
    const isSingle = waiting !== undefined || this.#client.delivery === 'single';
    const transport = request.modern
      ? (request.modern.transport ?? 'streamable-http')
      : (waiting?.transport ?? (isSingle ? 'sse' : 'streamable-http'));
    const spans = this.#begin(request, transport);
    if (spans.length === 0) return this.#inner.call(request, reader, open);
    if (isSingle) return this.#inner.call(request, this.#handOver(spans, reader, waiting), open);
    const answered = new AnsweredReader(reader, spans);
    const attachment = this.#inner.call(request, answered, open);
    return (
      attachment && {
        credit: (bytes, seq) => attachment.credit(bytes, seq),
        detach: (lost) => {
          if (!lost) answered.left();
          attachment.detach(lost);
        },
      }
    );
  }

  note(key: string, message: ClientMessage, done: (error?: BerthError) => void): void {
    if (message.envelope.method === 'notifications/cancelled') {
      const id = rawRequestId(message);
      if (id !== undefined) this.#waiting?.cancelled(id);
    }
    this.#inner.note(key, message, done);
  }

  attach(
    request: { readonly stream: number; readonly after?: number },
    reader: StreamReader,
    open?: OpenOptions,
  ): Attachment | undefined {
    const { session } = this.#client;
    if (open?.delivery !== 'single' || session === undefined)
      return this.#inner.attach(request, reader, open);
    const { streams } = this.#shared;
    const waiting = new WaitingSpans(open.transport ?? 'sse');
    streams.set(session, waiting);
    const over = (): void => void streams.delete(session);
    return this.#inner.attach(request, new SessionReader(reader, { waiting, over }), open);
  }

  end(done: (error?: BerthError) => void): void {
    this.#waiting?.end('client_gone');
    if (this.#client.session !== undefined) this.#shared.streams.delete(this.#client.session);
    this.#inner.end(done);
  }

  get #waiting(): WaitingSpans | undefined {
    const { session } = this.#client;
    return session === undefined ? undefined : this.#shared.streams.get(session);
  }

  /** By raw ids. */
  #begin({ messages }: CallRequest, transport: SpanTransport): [string, CallSpan][] {
    const { tracer } = this.#shared;
    return messages
      .filter(({ envelope }) => envelope.kind === 'request')
      .flatMap((message) => {
        const span = CallSpan.begin(message, { tracer, client: this.#client, transport });
        return span ? [[rawId(message), span] as [string, CallSpan]] : [];
      });
  }

  #handOver(
    spans: readonly [string, CallSpan][],
    reader: StreamReader,
    waiting: WaitingSpans | undefined,
  ): StreamReader {
    for (const [id, span] of spans) waiting?.add(id, span);
    return new AcceptedReader(
      reader,
      spans.map(([, span]) => span),
      waiting === undefined,
    );
  }
}
