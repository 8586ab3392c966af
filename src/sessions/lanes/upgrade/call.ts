/**
 * One call on a legacy server for a modern client: it runs, may stop to ask, waits for its client, and goes on. The clients'
 * requests (rounds, repeated ones) come and go; the call on the channel is made once (data-path.md section 7).
 */
import type { Cancel, Clock } from '../../../clock.ts';
import { BerthError, errorData } from '../../../errors.ts';
import type { Edit } from '../../../jsonrpc/edit.ts';
import type { Envelope } from '../../../jsonrpc/envelope.ts';
import type { Exchange, Taker } from '../../exchange.ts';
import { type ClientMessage, errorMessage, uriOf } from '../../message.ts';
import type { ServerRequest, Upstream, UpstreamCall, UpstreamMember } from '../../upstream.ts';
import { PARK_TIME, type ParkedCall, type ParkedCalls } from '../modern/parked-calls.ts';
import type { ModernRequest } from '../modern/serving.ts';
import { type Answer, errorCode, toModernAnswer, URL_ELICITATION_REQUIRED } from './answers.ts';
import {
  ASKABLE,
  type Asked,
  answersIdentity,
  lacking,
  readResponses,
  shapeFault,
  toAsked,
  urlQuestions,
} from './asking.ts';
import { InputRound, invalidRound, roundAnswer } from './input-round.ts';
import { levelOf, verbosity } from './logging.ts';
import { type LegacyRequest, MAY_ASK, paramsIdentity, toLegacyRequest } from './requests.ts';
import type { Turns } from './turns.ts';

/** Milliseconds in which further questions of a server join the first: several are usually sent at once. */
export const COLLECT = 20;
/** Milliseconds that what a call came to is kept for a client that repeats its last request. */
const RESULT_KEPT = 60_000;
/** Rounds of one call. */
const MOST_ROUNDS = 32;

/** What a call needs of its process. */
export interface CallProcess {
  readonly clock: Clock;
  readonly upstream: Upstream;
  readonly member: UpstreamMember;
  readonly serverInfo: string;
  /** What the client declared, parsed. */
  readonly declared: Readonly<Record<string, unknown>>;
  readonly turns: Turns<UpgradeCall>;
  /** An answer to a question that no call had asked is good for the process's next ones, too. */
  answeredOutside(asked: Asked, raw: string): void;
  /** Nothing of the call is on the channel any more. */
  left(call: UpgradeCall): void;
}

export class UpgradeCall implements UpstreamCall, ParkedCall, Taker {
  readonly mayAsk: boolean;
  readonly logLevel: string | undefined;
  readonly #process: CallProcess;
  readonly #parked: ParkedCalls;
  readonly #method: string;
  readonly #uri: string | undefined;
  /** Requests of clients that wait for what comes next. */
  readonly #waiting = new Set<Exchange>();
  readonly #rounds: InputRound[] = [];
  /** Questions that the present round does not ask yet. */
  #asked: Asked[] = [];
  #state: 'queued' | 'running' | 'parked' | 'over' = 'queued';
  /** The request that made the call, until its identity is needed. */
  #message: ClientMessage | undefined;
  readonly #edits: readonly Edit[];
  #identity = '';
  #upstreamId: number | undefined;
  #name: string | undefined;
  #final: Answer | undefined;
  /** The server did not answer with a result. */
  #unsuccessful = true;
  #finalBytes = 0;
  #collecting: Cancel | undefined;

  constructor(process: CallProcess, request: ModernRequest, legacy: LegacyRequest) {
    const { exchange, message, parked } = request;
    this.#process = process;
    this.#parked = parked;
    this.#method = exchange.method;
    this.mayAsk = MAY_ASK.has(exchange.method);
    this.logLevel = legacy.logLevel;
    this.#edits = legacy.edits;
    this.#uri = exchange.method === 'resources/read' ? uriOf(message) : undefined;
    this.#message = message;
    this.#wait(exchange);
  }

  get isParked(): boolean {
    return this.#state === 'parked';
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  get waiting(): ReadonlySet<Exchange> {
    return this.#waiting;
  }

  get bytes(): number {
    const asked = this.#rounds.reduce((sum, round) => sum + round.bytes, 0);
    return this.#identity.length + this.#finalBytes + asked;
  }

  /** Progress goes to the newest request that asked for it. */
  get rawToken(): string | undefined {
    return this.#listener()?.rawToken;
  }

  start(): void {
    const message = this.#message as ClientMessage;
    if (this.mayAsk) this.#process.turns.enter(this, () => this.#send(message, this.#edits));
    else this.#send(message, this.#edits);
  }

  /** Asks before anything is sent: the server wants to know it from whoever calls next. */
  startByAsking(asked: Asked): void {
    this.#asked.push(asked);
    this.#park();
  }

  /** A question of the server belongs to this call. */
  ask(asked: Asked): void {
    const lacks = lacking(asked, this.#process.declared);
    if (lacks) return this.#refuse(asked, lacks);
    this.#asked.push(asked);
    if (this.#state === 'parked') return;
    this.#collecting ??= this.#process.clock.after(COLLECT, () => this.#park());
  }

  /** The server takes a question back. */
  takeBack(id: number): void {
    this.#asked = this.#asked.filter((asked) => asked.id !== id);
    if (this.#asked.length === 0) this.#stopCollecting();
  }

  hasAsked(key: string): boolean {
    return this.#asked.some((asked) => asked.key === key) || (this.#rounds.at(-1)?.asks(key) ?? false);
  }

  resume({ exchange, message, modern }: ModernRequest): void {
    const number = modern.resume?.round ?? 0;
    const round = this.#rounds[number - 1];
    const responses = readResponses(message);
    if (exchange.method !== this.#method) return exchange.failed(invalidRound('another method'));
    if (!round || !responses || paramsIdentity(message) !== this.#identity)
      return exchange.failed(invalidRound(responses ? 'other parameters' : 'no answers'));
    const fault = round.asked.map((asked) => faultOf(asked, responses)).find((text) => text !== undefined);
    if (fault !== undefined) return exchange.failed(invalidRound(fault));
    const identity = answersIdentity(round.asked, responses);
    if (round.answers !== undefined && round.answers !== identity)
      return exchange.failed(invalidRound('other answers than before'));
    const repeated = round.answers !== undefined;
    round.answers = identity;
    if (repeated) this.#follow(exchange, number);
    else this.#goOn(exchange, message, { round, responses });
  }

  answered(line: Buffer, envelope: Envelope): void {
    this.#upstreamId = undefined;
    this.#unsuccessful = envelope.kind === 'error';
    if (envelope.kind === 'error' && errorCode(line, envelope) === URL_ELICITATION_REQUIRED)
      return this.#askForUrls(line, envelope);
    const context = { method: this.#method, serverInfo: this.#process.serverInfo, uri: this.#uri };
    this.#settle(toModernAnswer(line, envelope, context), line.length);
  }

  /** On a stream of its own there is no doubt whose question it is. */
  asked({ id, message }: ServerRequest): boolean {
    if (!this.mayAsk || !ASKABLE.has(message.envelope.method)) return false;
    this.ask(toAsked(message, id, (key) => this.hasAsked(key)));
    return true;
  }

  /** Nor whose log. */
  said(message: ClientMessage): boolean {
    if (message.envelope.method !== 'notifications/message') return false;
    this.log(message);
    return true;
  }

  /** Tells a log to those who wait, when they want to hear of it. */
  log(message: ClientMessage): void {
    if (this.logLevel === undefined || levelOf(message) < verbosity(this.logLevel)) return;
    for (const exchange of this.#waiting) exchange.notified([message.bytes]);
  }

  progressed(parts: readonly Buffer[]): void {
    this.#listener()?.progressed(parts);
  }

  failed(error: BerthError): void {
    this.#upstreamId = undefined;
    this.#settle(failure(error), 0);
  }

  /** A client gives its request up; without any that waits, the call itself is given up. */
  cancel(exchange: Exchange, reason: string): void {
    this.#waiting.delete(exchange);
    if (this.#waiting.size === 0 && (this.#state === 'running' || this.#state === 'queued'))
      this.expire(reason);
  }

  expire(reason: string): void {
    if (this.#state === 'over') return;
    if (this.#upstreamId !== undefined) this.#process.upstream.abandon(this.#upstreamId, reason);
    this.#upstreamId = undefined;
    this.#settle(failure(invalidRound(`the call is over: ${reason}`)), 0);
  }

  #send(message: ClientMessage, edits: readonly Edit[]): void {
    this.#state = 'running';
    this.#upstreamId = this.#process.upstream.call(message, this, edits);
  }

  #wait(exchange: Exchange): void {
    exchange.taker = this;
    this.#waiting.add(exchange);
  }

  #listener(): Exchange | undefined {
    let newest: Exchange | undefined;
    for (const exchange of this.#waiting) if (exchange.rawToken !== undefined) newest = exchange;
    return newest;
  }

  /** Answers every request that waits with the questions; the call stays where it is. */
  #park(): void {
    this.#stopCollecting();
    if (this.#message) this.#identity = paramsIdentity(this.#message);
    this.#message = undefined;
    this.#rounds.push(new InputRound(this.#asked.splice(0)));
    try {
      if (this.#rounds.length > MOST_ROUNDS)
        throw new BerthError('limit-reached', `the server has asked ${MOST_ROUNDS} times`);
      if (this.#name === undefined) this.#name = this.#parked.add(this);
      else {
        this.#parked.admit(this);
        this.#parked.keep(this.#name, this, PARK_TIME);
      }
    } catch (error) {
      return this.#giveUp(error as BerthError);
    }
    this.#state = 'parked';
    this.#process.turns.leave(this);
    for (const exchange of this.#waiting) this.#tellRound(exchange, this.#rounds.length);
    this.#waiting.clear();
  }

  #tellRound(exchange: Exchange, number: number): void {
    const round = this.#rounds[number - 1] as InputRound;
    const { parts, at } = roundAnswer(exchange.round.rawId, round.asked, this.#process.serverInfo);
    const expiresAt = Date.now() + PARK_TIME;
    exchange.finish(parts, { call: this.#name as string, round: number, expiresAt, at });
  }

  /** The same answers came before: what followed on them follows for this request, too. */
  #follow(exchange: Exchange, number: number): void {
    if (number < this.#rounds.length) this.#tellRound(exchange, number + 1);
    else if (this.#final) exchange.finish(this.#final(exchange.round.rawId));
    else this.#wait(exchange);
  }

  #goOn(
    exchange: Exchange,
    message: ClientMessage,
    { round, responses }: { readonly round: InputRound; readonly responses: ReadonlyMap<string, string> },
  ): void {
    if (this.#final) {
      // The server did not wait for the answer.
      exchange.finish(this.#final(exchange.round.rawId));
      return this.#keepResult();
    }
    this.#wait(exchange);
    const open = round.asked.filter(({ key }) => !responses.has(key));
    const write = (): void => this.#answer(round.asked, responses);
    if (open.length > 0 || this.#asked.length > 0) {
      this.#asked.unshift(...open);
      write();
      if (this.#state === 'parked') this.#park();
      return;
    }
    this.#state = 'queued';
    this.#process.turns.enter(this, () => {
      this.#state = 'running';
      write();
      // Nothing runs on the server yet (or any more): the call is made now.
      if (this.#upstreamId === undefined && this.#state === 'running')
        this.#send(message, toLegacyRequest(message).edits);
    });
  }

  #answer(asked: readonly Asked[], responses: ReadonlyMap<string, string>): void {
    for (const one of asked) {
      const raw = responses.get(one.key);
      if (raw === undefined || one.id === undefined) continue;
      this.#process.answeredOutside(one, raw);
      this.#process.upstream.reply(one.id, `"result":${raw}`, this.#process.member);
    }
  }

  #askForUrls(line: Buffer, envelope: Envelope): void {
    const asked = urlQuestions(line, envelope.errorStart, envelope.errorEnd);
    const [first] = asked;
    const lacks = first && lacking(first, this.#process.declared);
    if (!first) this.#settle(failure(new BerthError('internal', 'the server wants URLs and names none')), 0);
    else if (lacks) this.#refuse(first, lacks);
    else {
      this.#asked.push(...asked);
      this.#park();
    }
  }

  /** The client does not have what the server needs: that is the answer of the call (nothing of it was done for this client). */
  #refuse(asked: Asked, requiredCapabilities: Record<string, unknown>): void {
    this.#asked.push(asked);
    const names = Object.keys(requiredCapabilities).join(', ');
    this.#giveUp(
      new BerthError('missing-capability', `the server needs ${names} of the client`, {
        data: { requiredCapabilities },
      }),
    );
  }

  #giveUp(error: BerthError): void {
    if (this.#upstreamId !== undefined) this.#process.upstream.abandon(this.#upstreamId, error.message);
    this.#upstreamId = undefined;
    this.#settle(failure(error), 0);
  }

  #settle(final: Answer, bytes: number): void {
    if (this.#state === 'over') return;
    const delivered = this.#waiting.size > 0;
    this.#state = 'over';
    this.#stopCollecting();
    this.#message = undefined;
    this.#final = final;
    this.#finalBytes = bytes;
    if (!delivered) this.#boundResult();
    this.#refuseQuestions();
    for (const exchange of this.#waiting) {
      exchange.unsuccessful = this.#unsuccessful;
      exchange.finish(final(exchange.round.rawId));
    }
    this.#waiting.clear();
    this.#process.turns.leave(this);
    this.#process.left(this);
    if (delivered) this.#keepResult();
  }

  /** A result that waits for its client counts among what the principal's calls hold. */
  #boundResult(): void {
    try {
      this.#parked.admit(this);
    } catch (error) {
      this.#final = failure(error as BerthError);
      this.#finalBytes = 0;
    }
  }

  #keepResult(): void {
    if (this.#name !== undefined && this.#parked.get(this.#name) === this)
      this.#parked.keep(this.#name, this, RESULT_KEPT);
  }

  /** Questions that nobody will answer any more. */
  #refuseQuestions(): void {
    const body = '"error":{"code":-32000,"message":"the client does not answer"}';
    for (const { id } of [...this.#asked, ...(this.#rounds.at(-1)?.asked ?? [])])
      if (id !== undefined) this.#process.upstream.reply(id, body, this.#process.member);
    this.#asked = [];
  }

  #stopCollecting(): void {
    this.#collecting?.();
    this.#collecting = undefined;
  }
}

function faultOf(asked: Asked, responses: ReadonlyMap<string, string>): string | undefined {
  const raw = responses.get(asked.key);
  return raw === undefined ? undefined : shapeFault(asked, raw);
}

function failure(error: BerthError): Answer {
  const data = errorData(error);
  return (id) => [errorMessage(id, { code: error.rpc, message: error.message, data })];
}
