/** The reader behind a POST: one plain JSON answer when it comes soon and alone, an event stream otherwise (data-path.md 3.4). */
import type { ServerResponse } from 'node:http';
import type { Cancel, Clock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import { scanMessage } from '../jsonrpc/envelope.ts';
import { idKey } from '../jsonrpc/id.ts';
import { type ClientMessage, rawId } from '../sessions/message.ts';
import type { Attachment, ReaderEnd, StreamEvent, StreamReader } from '../sessions/reader.ts';
import { EventSource } from './event-source.ts';
import { sendPlain } from './plain-answer.ts';
import { rpcErrorText, sendRpcError, unanswered } from './rpc-error.ts';

/** Milliseconds after which a response becomes an event stream. */
export const PLAIN_WITHIN = 1_000;

export interface PostReaderOptions {
  readonly response: ServerResponse;
  readonly clock: Clock;
  /** Raw ids of the requests. */
  readonly ids: readonly string[];
  /** A single request: its answer may be plain JSON. */
  readonly plain: boolean;
  /** Event streams open with an event that has only an id. */
  readonly primed: boolean;
  /** Set for `initialize`: the session that its result opens. */
  readonly sessionId?: () => string;
}

export class PostReader implements StreamReader {
  readonly #options: PostReaderOptions;
  readonly #cancelTimer: Cancel;
  /** Set once the call was taken: a refusal can be told only before the head. */
  #stream: number | undefined;
  #late = false;
  #source: EventSource | undefined;
  #over = false;
  /** Comparable ids of the requests that were answered with events. */
  readonly #answered = new Set<string>();
  attachment: Attachment | undefined;

  constructor(options: PostReaderOptions) {
    this.#options = options;
    this.#cancelTimer = options.clock.after(PLAIN_WITHIN, () => this.#tooLate());
    options.response.on('close', () => this.#left());
  }

  accepted(stream: number): void {
    this.#stream = stream;
    if (this.#late) this.#open();
  }

  refused(error: BerthError): void {
    this.#finish();
    sendRpcError(this.#options.response, error, this.#id);
  }

  event(event: StreamEvent): void {
    if (this.#over) return;
    if (this.#source === undefined && this.#options.plain && event.kind === 'answer')
      return this.#answerPlain(event);
    this.#open();
    if (event.kind === 'answer') this.#answered.add(idKey(this.#options.plain ? this.#id : idOf(event)));
    this.#source?.send(event, this.#stream ?? 0, this.#credit);
  }

  end(reason: ReaderEnd): void {
    if (this.#over) return;
    if (reason === 'slow') {
      this.#finish();
      this.#options.response.destroy();
    } else if (this.#source) {
      this.#finish();
      if (reason === 'ended') this.#sayUnanswered(this.#source);
      this.#source.end();
    } else this.#endSilent(reason);
  }

  /** Nobody can resume what a session that is gone still owed. */
  #sayUnanswered(source: EventSource): void {
    for (const id of this.#options.ids)
      if (!this.#answered.has(idKey(id))) source.say('message', rpcErrorText(unanswered('ended'), id));
  }

  /** Under which the whole body is answered. */
  get #id(): string {
    const { ids, plain } = this.#options;
    return (plain && ids[0]) || 'null';
  }

  /** The way back, usable before {@link attachment} is set. */
  readonly #credit: Attachment = {
    credit: (bytes, seq) => this.attachment?.credit(bytes, seq),
    detach: () => this.attachment?.detach(),
  };

  /** Nothing was sent yet: a cancelled call ends as an empty stream, everything else is an error. */
  #endSilent(reason: ReaderEnd): void {
    if (reason === 'complete' || reason === 'superseded') {
      this.#open();
      this.#finish();
      this.#source?.end();
      return;
    }
    // A call that was taken may have been carried out; one that was not has met a session that is no more.
    const isUnknown = reason !== 'lost' && this.#stream === undefined;
    const error = isUnknown
      ? new BerthError('unknown-session', 'the session has ended')
      : unanswered(reason === 'lost' ? 'lost' : 'ended');
    this.refused(error);
  }

  #tooLate(): void {
    this.#late = true;
    if (this.#stream !== undefined) this.#open();
  }

  #open(): void {
    if (this.#over || this.#source) return;
    this.#cancelTimer();
    const { response, clock, primed, sessionId } = this.#options;
    this.#source = new EventSource(
      response,
      clock,
      sessionId === undefined ? {} : { 'Mcp-Session-Id': sessionId() },
    );
    if (primed) this.#source.prime(this.#stream ?? 0, 0);
  }

  #answerPlain(event: StreamEvent): void {
    this.#finish();
    const { response, sessionId } = this.#options;
    // Only a result opens a session: an error leaves nothing behind to name.
    const opens = sessionId !== undefined && isResult(event);
    sendPlain(response, event, {
      attachment: this.#credit,
      ...(opens && { headers: { 'Mcp-Session-Id': sessionId() } }),
    });
  }

  #finish(): void {
    this.#over = true;
    this.#cancelTimer();
  }

  #left(): void {
    this.#finish();
    this.attachment?.detach();
  }
}

function isResult(event: StreamEvent): boolean {
  return scanned(event)?.envelope.kind === 'result';
}

/** As the client has written it. */
function idOf(event: StreamEvent): string {
  const answer = scanned(event);
  return answer ? rawId(answer) : 'null';
}

function scanned({ parts }: StreamEvent): ClientMessage | undefined {
  const bytes = Buffer.concat(parts as Buffer[]);
  const { envelope } = scanMessage(bytes);
  return envelope && { bytes, envelope };
}
