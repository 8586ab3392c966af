/** An exchange: one request of a client from the moment it was taken until its answer stands in its stream (data-path.md 3.1). */
import { type BerthError, errorData } from '../errors.ts';
import { applyEdits } from '../jsonrpc/edit.ts';
import type { Envelope } from '../jsonrpc/envelope.ts';
import type { CallCount, CallOutcome } from './call-count.ts';
import type { EventStream } from './event-stream.ts';
import { type ClientMessage, errorMessage, tokenOf } from './message.ts';
import type { ParkRecord } from './reader.ts';
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
  /** The answer was pushed, or there will be none. */
  settled(exchange: Exchange): void;
  /** The server reported progress, which was pushed: the deadline moves. */
  moved(exchange: Exchange): void;
  /** Another notification was pushed. */
  notified(exchange: Exchange): void;
}

export type ExchangeState = 'running' | 'over';

/** Whoever works on a request, and can stop. */
export interface Taker {
  cancel(exchange: Exchange, reason: string): void;
}

export class Exchange implements UpstreamCall {
  readonly key: string;
  readonly method: string;
  readonly rawToken: string | undefined;
  /** Of the request. */
  readonly bytes: number;
  /** The server answered with an error, or not at all. */
  unsuccessful = false;
  #dropped = false;
  /** Clock reading of its coming, and where it is counted. */
  startedAt = 0;
  count: CallCount | undefined;
  readonly #owner: ExchangeOwner;
  readonly round: Round;
  #state: ExchangeState = 'running';
  /** Set by a lane that has its requests served by several; told when the request is given up. */
  taker: Taker | undefined;
  /** Our id on the channel, while the call is there. */
  upstreamId: number | undefined;
  /** A lane's look at the answer before it is passed on; it may replace it. */
  onAnswer: ((line: Buffer, envelope: Envelope) => readonly Buffer[] | undefined) | undefined;

  constructor(key: string, message: ClientMessage, round: Round, owner: ExchangeOwner) {
    this.key = key;
    this.method = message.envelope.method;
    this.rawToken = tokenOf(message);
    this.bytes = message.bytes.length;
    this.round = round;
    this.#owner = owner;
  }

  get state(): ExchangeState {
    return this.#state;
  }

  get stream(): EventStream {
    return this.round.stream;
  }

  /** Once it is over. */
  get outcome(): CallOutcome {
    if (this.#dropped) return 'cancelled';
    return this.unsuccessful ? 'error' : 'success';
  }

  answered(line: Buffer, envelope: Envelope): void {
    this.unsuccessful = envelope.kind === 'error';
    const replaced = this.onAnswer?.(line, envelope);
    this.finish(
      replaced ??
        applyEdits(line, [{ start: envelope.idStart, end: envelope.idEnd, text: this.round.rawId }]),
    );
  }

  progressed(parts: readonly Buffer[]): void {
    if (this.#state !== 'running') return;
    this.round.stream.push('notification', parts);
    this.#owner.moved(this);
  }

  failed(error: BerthError): void {
    this.unsuccessful = true;
    const data = errorData(error);
    this.finish([errorMessage(this.round.rawId, { code: error.rpc, message: error.message, data })]);
  }

  /** Answers the request and ends the exchange. `park`: the answer asks for input, and the call itself goes on upstream. */
  finish(parts: readonly Buffer[], park?: ParkRecord): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.upstreamId = undefined;
    this.round.stream.push('answer', parts, park);
    this.#owner.settled(this);
  }

  /** A notification that belongs to this request, other than its progress. */
  notified(parts: readonly Buffer[]): void {
    if (this.#state !== 'running') return;
    this.round.stream.push('notification', parts);
    this.#owner.notified(this);
  }

  /** Ends the exchange without an answer, as a cancelled call does. */
  drop(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#dropped = true;
    this.upstreamId = undefined;
    this.#owner.settled(this);
  }
}
