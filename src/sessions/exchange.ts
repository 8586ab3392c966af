/** An exchange: one upstream call with its own key, served by one or more client requests (data-path.md 3.1). */
import { type BerthError, errorData } from '../errors.ts';
import { applyEdits } from '../jsonrpc/edit.ts';
import type { Envelope } from '../jsonrpc/envelope.ts';
import type { EventStream } from './event-stream.ts';
import { type ClientMessage, errorMessage, rawId } from './message.ts';
import type { UpstreamCall } from './upstream.ts';

/** One client request that an exchange serves. */
export interface Round {
  /** The client's id, raw and as a comparable key. */
  readonly rawId: string;
  readonly idKey: string;
  /** Digest of the request's bytes, to tell a repeated request from another one under the same id. */
  readonly digest: number;
  readonly stream: EventStream;
}

/** What an exchange tells its session. */
export interface ExchangeOwner {
  /** The answer of a round was pushed; `over` when the call itself has ended, too. */
  settled(exchange: Exchange, over: boolean): void;
  /** The server reported progress: the deadline moves. */
  moved(exchange: Exchange): void;
}

export type ExchangeState = 'running' | 'parked' | 'over';

export class Exchange implements UpstreamCall {
  readonly key: string;
  readonly method: string;
  readonly rawToken: string | undefined;
  /** The server answered with an error, or not at all. */
  unsuccessful = false;
  readonly #owner: ExchangeOwner;
  #round: Round;
  #rounds = 1;
  #state: ExchangeState = 'running';
  /** What the server said while nobody waited; it belongs to the next round. */
  #late: (() => void) | undefined;
  /** Our id on the channel, while the call is there. */
  upstreamId: number | undefined;
  /** A lane's look at the answer before it is passed on; it may replace it. */
  onAnswer: ((line: Buffer, envelope: Envelope) => readonly Buffer[] | undefined) | undefined;

  constructor(key: string, message: ClientMessage, round: Round, owner: ExchangeOwner) {
    const { bytes, envelope } = message;
    this.key = key;
    this.method = envelope.method;
    this.rawToken =
      envelope.metaTokenStart < 0
        ? undefined
        : bytes.toString('utf8', envelope.metaTokenStart, envelope.metaTokenEnd);
    this.#round = round;
    this.#owner = owner;
  }

  get round(): Round {
    return this.#round;
  }

  get rounds(): number {
    return this.#rounds;
  }

  get state(): ExchangeState {
    return this.#state;
  }

  get stream(): EventStream {
    return this.#round.stream;
  }

  answered(line: Buffer, envelope: Envelope): void {
    if (this.#hold(() => this.answered(line, envelope))) return;
    this.unsuccessful = envelope.kind === 'error';
    const replaced = this.onAnswer?.(line, envelope);
    this.finish(
      replaced ??
        applyEdits(line, [{ start: envelope.idStart, end: envelope.idEnd, text: this.#round.rawId }]),
    );
  }

  progressed(parts: readonly Buffer[]): void {
    if (this.#state !== 'running') return;
    this.#owner.moved(this);
    this.#round.stream.push('notification', parts);
  }

  failed(error: BerthError): void {
    if (this.#hold(() => this.failed(error))) return;
    this.unsuccessful = true;
    const data = errorData(error);
    this.finish([errorMessage(this.#round.rawId, { code: error.rpc, message: error.message, data })]);
  }

  /** Answers the present round and ends the exchange. */
  finish(parts: readonly Buffer[]): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.upstreamId = undefined;
    this.#round.stream.push('answer', parts);
    this.#owner.settled(this, true);
  }

  /** Ends the exchange without an answer, as a cancelled call does. */
  drop(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.upstreamId = undefined;
    this.#owner.settled(this, true);
  }

  /** Answers the present round with something that is not the call's result; the call goes on and waits for {@link join}. */
  park(parts: readonly Buffer[]): void {
    if (this.#state !== 'running') return;
    this.#state = 'parked';
    this.#round.stream.push('answer', parts);
    this.#owner.settled(this, false);
  }

  /** A further client request takes the call over: what comes from now on goes to its stream under its id. */
  join(round: Round): void {
    if (this.#state === 'over') return;
    this.#state = 'running';
    this.#round = round;
    this.#rounds++;
    const late = this.#late;
    this.#late = undefined;
    late?.();
  }

  #hold(late: () => void): boolean {
    if (this.#state !== 'parked') return false;
    this.#late = late;
    return true;
  }
}

/** The round that a client message opens. */
export function roundOf(message: ClientMessage, digest: number, stream: EventStream, key: string): Round {
  return { rawId: rawId(message), idKey: key, digest, stream };
}
