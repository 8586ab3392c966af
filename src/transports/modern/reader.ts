/** The reader behind a modern POST: one plain JSON answer when it comes soon and alone, else an event stream that cannot be resumed. */
import type { ServerResponse } from 'node:http';
import type { Cancel, Clock } from '../../clock.ts';
import { BerthError } from '../../errors.ts';
import { completedListen } from '../../sessions/completed-listen.ts';
import type { Attachment, ReaderEnd, StreamEvent, StreamReader } from '../../sessions/reader.ts';
import { EventSource } from '../event-source.ts';
import { sendPlain } from '../plain-answer.ts';
import { PLAIN_WITHIN } from '../post-reader.ts';
import { rpcErrorText, sendRpcError, unanswered } from '../rpc-error.ts';
import { answerStatus } from './answer-status.ts';
import type { ModernRoute } from './route.ts';

export interface ModernReaderOptions {
  readonly response: ServerResponse;
  readonly clock: Clock;
  /** Raw id for errors. */
  readonly id: string;
  /** False for a client that takes no event stream: it gets the answer and nothing before it. */
  readonly streams: boolean;
  readonly sealed: ModernRoute['sealed'];
}

export class ModernReader implements StreamReader {
  readonly #options: ModernReaderOptions;
  #cancelTimer: Cancel = () => {};
  #source: EventSource | undefined;
  #over = false;
  /** A refusal can be told only before the head. */
  #accepted = false;
  #late = false;
  attachment: Attachment | undefined;

  constructor(options: ModernReaderOptions) {
    const { response, clock, streams } = options;
    this.#options = options;
    if (streams) this.#cancelTimer = clock.after(PLAIN_WITHIN, () => this.#tooLate());
    response.once('close', () => this.#left());
  }

  accepted(): void {
    this.#accepted = true;
    if (this.#late) this.#open();
  }

  refused(error: BerthError): void {
    this.#finish();
    sendRpcError(this.#options.response, error, this.#options.id);
  }

  event(event: StreamEvent): void {
    if (this.#over) return;
    const sealed = this.#options.sealed(event);
    if (!this.#source && event.kind === 'answer') return this.#answerPlain(sealed);
    this.#open();
    if (this.#source) this.#source.send(sealed, undefined, this.#credit);
    else queueMicrotask(() => this.#credit.credit(event.bytes, event.seq));
  }

  end(reason: ReaderEnd): void {
    if (this.#over) return;
    if (reason === 'slow') {
      this.#finish();
      this.#options.response.destroy();
      return;
    }
    this.#end(reason === 'lost' || reason === 'ended' ? unanswered(reason) : undefined);
  }

  /** The gateway goes away: a listen is completed, so that its client listens anew, elsewhere. */
  complete(): void {
    if (this.#over) return;
    if (!this.#source) return this.refused(new BerthError('busy', 'the gateway is going away'));
    this.#finish();
    this.#source.say('message', completedListen(this.#options.id).toString('utf8'));
    this.#source.end();
  }

  /** The way back, usable before {@link attachment} is set. */
  readonly #credit: Attachment = {
    credit: (bytes, seq) => this.attachment?.credit(bytes, seq),
    detach: () => this.attachment?.detach(),
  };

  /** A call that was cancelled ends without an answer; one that broke says so, as a stream that just ended would leave its client waiting. */
  #end(error: BerthError | undefined): void {
    const { id } = this.#options;
    if (error && !this.#source) return this.refused(error);
    this.#open();
    if (!this.#source) return this.refused(new BerthError('busy', 'the call was ended without an answer'));
    this.#finish();
    if (error) this.#source.say('message', rpcErrorText(error, id));
    this.#source.end();
  }

  #tooLate(): void {
    this.#late = true;
    if (this.#accepted) this.#open();
  }

  #open(): void {
    const { response, clock, streams } = this.#options;
    if (this.#over || this.#source || !streams) return;
    this.#cancelTimer();
    this.#source = new EventSource(response, clock);
  }

  #answerPlain(event: StreamEvent): void {
    this.#finish();
    const status = answerStatus(event.parts);
    sendPlain(this.#options.response, event, { attachment: this.#credit, status });
  }

  #finish(): void {
    this.#over = true;
    this.#cancelTimer();
  }

  /** The client is gone, which cancels the call; after its answer this means nothing. */
  #left(): void {
    this.#finish();
    this.attachment?.detach();
  }
}
