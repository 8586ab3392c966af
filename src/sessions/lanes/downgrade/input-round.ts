/** One round of questions: all are put to the client at once, and their answers are collected byte for byte. */
import type { Cancel, Clock } from '../../../clock.ts';
import type { Exchange } from '../../exchange.ts';
import type { ClientMessage } from '../../message.ts';
import { errorText } from './error.ts';
import { askingMessage, type InputRequest } from './input-request.ts';
import type { KeptBytes } from './kept-bytes.ts';
import type { Questions } from './questions.ts';

/** Milliseconds that a client (a human, mostly) has for its answers. */
export const ANSWER_WAIT = 600_000;

/** Characters of a client's error that its own call is told. */
const MOST_SAID = 500;

export interface RoundOutcome {
  /** `responses`: the object `inputResponses`. */
  complete(responses: Buffer): void;
  failed(why: string): void;
}

export interface RoundOptions {
  readonly exchange: Exchange;
  readonly questions: Questions;
  readonly clock: Clock;
  readonly kept: KeptBytes;
  readonly outcome: RoundOutcome;
}

export class InputRound {
  readonly #options: RoundOptions;
  readonly #open = new Set<number>();
  readonly #answers: Buffer[] = [];
  #left = 0;
  #bytes = 0;
  #late: Cancel | undefined;
  #closed = false;

  constructor(options: RoundOptions) {
    this.#options = options;
  }

  /** Asks everything; `line` is the message that the requests stand in. */
  ask(line: Buffer, requests: readonly InputRequest[]): void {
    const { clock, exchange, questions } = this.#options;
    this.#late = clock.after(ANSWER_WAIT, () =>
      this.#fail(`the client did not answer within ${ANSWER_WAIT / 1_000} s`),
    );
    this.#left = requests.length;
    for (const request of requests) {
      if (this.#closed) return;
      const id = questions.ask(
        exchange,
        (given) => askingMessage(given, line, request),
        (message, answered) => this.#answered(answered, request, message),
      );
      this.#open.add(id);
    }
  }

  /** Takes back what is still open. Idempotent. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#late?.();
    this.#options.kept.give(this.#bytes);
    const open = [...this.#open];
    this.#open.clear();
    for (const id of open) this.#options.questions.withdraw(id, reason);
  }

  #answered(id: number, { key, method }: InputRequest, { bytes, envelope }: ClientMessage): void {
    this.#open.delete(id);
    if (envelope.kind !== 'result')
      return this.#fail(`the client answered ${method} with an error: ${said(bytes)}`);
    const result = bytes.subarray(envelope.resultStart, envelope.resultEnd);
    if (!this.#options.kept.take(result.length))
      return this.#fail('too much is in flight in this session to keep the answer of the client');
    this.#bytes += result.length;
    this.#answers.push(Buffer.from(`${this.#answers.length > 0 ? ',' : ''}${JSON.stringify(key)}:`), result);
    if (--this.#left > 0) return;
    this.close('answered');
    this.#options.outcome.complete(Buffer.concat([Buffer.from('{'), ...this.#answers, Buffer.from('}')]));
  }

  #fail(why: string): void {
    this.close('the call that asked for this has failed');
    this.#options.outcome.failed(why);
  }
}

function said(bytes: Buffer): string {
  return errorText(bytes)?.slice(0, MOST_SAID) ?? '';
}
