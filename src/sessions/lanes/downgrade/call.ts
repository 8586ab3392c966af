/** One call of a legacy client on a modern server: sent, perhaps asked back for input some rounds, and answered in the client's era. */
import type { Cancel, Clock } from '../../../clock.ts';
import type { BerthError } from '../../../errors.ts';
import { applyEdits, type Edit, inOrder } from '../../../jsonrpc/edit.ts';
import { type Envelope, readString } from '../../../jsonrpc/envelope.ts';
import type { Exchange } from '../../exchange.ts';
import { type ClientMessage, errorMessage, resultMessage, uriOf } from '../../message.ts';
import type { Upstream, UpstreamCall } from '../../upstream.ts';
import type { LaneHost } from '../lane.ts';
import { MODERN_REVISION } from '../modern/serving.ts';
import type { DowngradedClient } from './client.ts';
import { readErrorEdits } from './error.ts';
import { type InputRequired, readInputRequired } from './input-request.ts';
import { InputRound } from './input-round.ts';
import type { KeptBytes } from './kept-bytes.ts';
import { plainNotification } from './notification.ts';
import type { Questions } from './questions.ts';
import { requestEdits, retryMessage } from './request.ts';
import { type ObjectResult, readResult, resultType, stripEdits } from './result.ts';
import { toolListEdits, toolResultEdits, type WrappedTools } from './tools.ts';

/** Rounds of questions that one call may take. */
export const MOST_ROUNDS = 10;
/** Milliseconds before a call is repeated whose server asked for nothing but that. */
export const STATE_ONLY_WAIT = 250;

const ASKING_METHODS = new Set(['tools/call', 'prompts/get', 'resources/read']);
const INTERNAL_ERROR = -32603;
const NO_ROOM = 'too much is in flight in this session for a call that needs input';

/** What a call needs of its lane. */
export interface CallContext {
  readonly host: LaneHost;
  readonly clock: Clock;
  readonly client: DowngradedClient;
  /** The client's log level; undefined before it has set one. */
  readonly level: string | undefined;
  readonly questions: Questions;
  readonly wrapped: WrappedTools;
  readonly upstream: Upstream;
  readonly kept: KeptBytes;
  /** The call is over. */
  readonly settled: () => void;
}

export class DowngradeCall implements UpstreamCall {
  readonly #exchange: Exchange;
  /** The tool or the resource that is meant. */
  readonly #subject: string | undefined;
  /** The request, as long as it may have to be repeated. */
  #message: ClientMessage | undefined;
  /** Bytes that are kept for it, the state of the present round among them. */
  #kept = 0;
  readonly #context: CallContext;
  #id: number | undefined;
  #rounds = 0;
  #round: InputRound | undefined;
  #pause: Cancel | undefined;
  #over = false;

  constructor(exchange: Exchange, message: ClientMessage, context: CallContext) {
    this.#exchange = exchange;
    this.#context = context;
    this.#subject = subjectOf(message);
    if (ASKING_METHODS.has(exchange.method) && this.#keep(message.bytes.length)) this.#message = message;
  }

  get rawToken(): string | undefined {
    return this.#exchange.rawToken;
  }

  /** The server has the call, with a log level: it may log on account of it. */
  get logs(): boolean {
    return this.#id !== undefined && this.#context.level !== undefined;
  }

  start(message: ClientMessage): void {
    this.#send(message);
  }

  answered(line: Buffer, envelope: Envelope): void {
    this.#id = undefined;
    this.#exchange.unsuccessful = envelope.kind === 'error';
    if (envelope.kind === 'error') return this.#finish(line, envelope, this.#errorEdits(line));
    const result = readResult(line, envelope);
    if (!result) return this.#finish(line, envelope, []);
    const type = resultType(result);
    if (type === 'complete') this.#finish(line, envelope, this.#resultEdits(result));
    else if (type === 'input_required' && ASKING_METHODS.has(this.#exchange.method))
      this.#inputRequired(result);
    else
      this.#refuse(`the server answered ${this.#exchange.method} with a result of the unknown type ${type}`);
  }

  progressed(parts: readonly Buffer[]): void {
    this.#exchange.progressed(parts);
  }

  /** Over HTTP a log comes on the stream of its call. */
  said(message: ClientMessage): boolean {
    if (message.envelope.method !== 'notifications/message') return false;
    this.#exchange.notified(plainNotification(message));
    return true;
  }

  failed(error: BerthError): void {
    this.#settle();
    this.#exchange.failed(error);
  }

  /** Gives the call up: the server is told, and what the client was asked is taken back. */
  cancel(reason: string): void {
    if (this.#id !== undefined) this.#context.upstream.abandon(this.#id, reason);
    this.#settle(reason);
  }

  #send(message: ClientMessage): void {
    const { client, level, upstream } = this.#context;
    if (upstream.failure) return this.failed(upstream.failure);
    const envelope =
      level === undefined
        ? client.envelope
        : `${client.envelope},"io.modelcontextprotocol/logLevel":${JSON.stringify(level)}`;
    this.#id = upstream.call(message, this, requestEdits(message, envelope));
  }

  #keep(bytes: number): boolean {
    if (!this.#context.kept.take(bytes)) return false;
    this.#kept += bytes;
    return true;
  }

  #errorEdits(line: Buffer): Edit[] {
    const reads = this.#exchange.method === 'resources/read' && this.#subject !== undefined;
    return reads ? readErrorEdits(line, this.#subject) : [];
  }

  #resultEdits(result: ObjectResult): Edit[] {
    const { method } = this.#exchange;
    const { wrapped } = this.#context;
    if (method === 'tools/list') return toolListEdits(result, wrapped);
    if (method === 'tools/call') return toolResultEdits(result, wrapped.has(this.#subject ?? ''));
    return stripEdits(method, result);
  }

  #inputRequired(result: ObjectResult): void {
    const { method } = this.#exchange;
    const asked = readInputRequired(result);
    if (typeof asked === 'string')
      return this.#refuse(`the server answered ${method} with input_required, but ${asked}`);
    if (++this.#rounds > MOST_ROUNDS)
      return this.#fail(`${method} still asked for input after ${MOST_ROUNDS} rounds`);
    if (!this.#message || !this.#keep(asked.state?.length ?? 0)) return this.#fail(NO_ROOM);
    const { askable } = this.#context.client;
    const undeclared = asked.requests.find(({ needs }) => !askable[needs]);
    if (undeclared)
      return this.#fail(`the server asks for ${undeclared.method}, which this client has not declared`);
    this.#context.host.untimed(this.#exchange);
    if (asked.requests.length === 0)
      this.#pause = this.#context.clock.after(STATE_ONLY_WAIT, () => this.#retry(asked, undefined));
    else this.#ask(result.line, asked);
  }

  #ask(line: Buffer, asked: InputRequired): void {
    const { clock, questions } = this.#context;
    this.#round = new InputRound({
      exchange: this.#exchange,
      questions,
      clock,
      kept: this.#context.kept,
      outcome: {
        complete: (responses) => this.#retry(asked, responses),
        failed: (why) => this.#fail(why),
      },
    });
    this.#round.ask(line, asked.requests);
  }

  #retry({ state }: InputRequired, responses: Buffer | undefined): void {
    if (this.#over || !this.#message) return;
    this.#round = undefined;
    this.#kept -= state?.length ?? 0;
    this.#context.kept.give(state?.length ?? 0);
    this.#context.host.moved(this.#exchange);
    this.#send(retryMessage(this.#message, { responses, state }));
  }

  #finish(line: Buffer, envelope: Envelope, edits: readonly Edit[]): void {
    const id = { start: envelope.idStart, end: envelope.idEnd, text: this.#exchange.round.rawId };
    this.#settle();
    this.#exchange.finish(applyEdits(line, inOrder([id, ...edits])));
  }

  /** The server has broken the protocol. */
  #refuse(message: string): void {
    this.#settle();
    this.#exchange.unsuccessful = true;
    const answer = `${message} (revision ${MODERN_REVISION})`;
    this.#exchange.finish([
      errorMessage(this.#exchange.round.rawId, { code: INTERNAL_ERROR, message: answer }),
    ]);
  }

  /** The input cannot be had: a failed tool tells the model, everything else is an error. */
  #fail(message: string): void {
    this.#settle();
    const { method, round } = this.#exchange;
    this.#exchange.unsuccessful = true;
    const content = [{ type: 'text', text: message }];
    this.#exchange.finish([
      method === 'tools/call'
        ? resultMessage(round.rawId, JSON.stringify({ content, isError: true }))
        : errorMessage(round.rawId, { code: INTERNAL_ERROR, message }),
    ]);
  }

  #settle(reason = 'the call that asked for this is over'): void {
    if (this.#over) return;
    this.#over = true;
    this.#context.kept.give(this.#kept);
    this.#message = undefined;
    this.#pause?.();
    this.#round?.close(reason);
    this.#context.settled();
  }
}

function subjectOf(message: ClientMessage): string | undefined {
  const { bytes, envelope } = message;
  if (envelope.method !== 'tools/call') return uriOf(message);
  return envelope.nameStart < 0 ? undefined : readString(bytes, envelope.nameStart, envelope.nameEnd);
}
