/**
 * The downgrade lane: a client of the legacy era on a server of the modern one. What the legacy era keeps in a connection
 * (who the client is, its log level, its subscriptions) is kept here and goes with each request; what the modern era asks
 * in a result is asked as the requests that the client knows.
 */
import type { Clock } from '../../../clock.ts';
import { BerthError, toBerthError } from '../../../errors.ts';
import { isArrayAt } from '../../../jsonrpc/members.ts';
import type { Exchange } from '../../exchange.ts';
import { type ClientMessage, errorMessage, resultMessage, uriOf } from '../../message.ts';
import type { ServerRequest, Upstream, UpstreamCall, UpstreamMember } from '../../upstream.ts';
import { askedRevision } from '../initialize.ts';
import type { Lane, LaneHost } from '../lane.ts';
import { DowngradeCall } from './call.ts';
import { type DowngradedClient, readClient, SESSIONLESS_CLIENT } from './client.ts';
import type { Offered } from './discovery.ts';
import { Handshake } from './handshake.ts';
import { KeptBytes } from './kept-bytes.ts';
import { isAvailable, isPassedOn, levelOf, SUBSCRIBING } from './methods.ts';
import { type ChangedList, plainNotification } from './notification.ts';
import { Processes, type Use } from './processes.ts';
import { Questions } from './questions.ts';
import { ACKNOWLEDGED } from './subscription.ts';
import { Subscriptions } from './subscriptions.ts';
import { WrappedTools } from './tools.ts';

export interface DowngradeOptions {
  readonly host: LaneHost;
  /** Starts a process, or gives the one that is shared. */
  readonly open: () => Upstream;
  readonly use: Use;
  readonly clock: Clock;
  /** Stands for the name of a server that does not give it. */
  readonly serverName: string;
  /** Resources that a session may be subscribed to. */
  readonly subscriptions: number;
}

/** A call as the lane keeps it. */
interface LaneCall extends UpstreamCall {
  /** The server may log on account of it. */
  readonly logs?: boolean;
  cancel(reason: string): void;
}

const LOG = 'notifications/message';

export class DowngradeLane implements Lane, UpstreamMember {
  readonly #options: DowngradeOptions;
  readonly #processes: Processes;
  readonly #subscriptions: Subscriptions | undefined;
  readonly #questions: Questions;
  readonly #calls = new Map<Exchange, LaneCall>();
  readonly #wrapped = new WrappedTools();
  readonly #kept = new KeptBytes();
  #client: DowngradedClient = SESSIONLESS_CLIENT;
  #offered: Offered | undefined;
  #level: string | undefined;

  constructor(options: DowngradeOptions) {
    this.#options = options;
    this.#questions = new Questions(options.host);
    this.#processes = new Processes(options.use, options.open);
    const { own } = this.#processes;
    if (!own) return;
    own.join(this);
    this.#subscriptions = new Subscriptions({
      upstream: own,
      clock: options.clock,
      most: options.subscriptions,
      envelope: () => this.#client.envelope,
      deliver: (parts) => options.host.placeNotification(parts, false),
    });
  }

  get isPrivate(): boolean {
    return this.#options.use === 'private';
  }

  get upstreams(): Iterable<Upstream> {
    return this.#processes.live;
  }

  get refusal(): BerthError | undefined {
    return this.#processes.refusal;
  }

  /** A call is with the server that may make it log. */
  get logs(): boolean {
    for (const call of this.#calls.values()) if (call.logs) return true;
    return false;
  }

  whenWritable(then: () => void): void {
    const { own } = this.#processes;
    if (own) own.whenWritable(then);
    else then();
  }

  request(exchange: Exchange, message: ClientMessage): void {
    const { method } = exchange;
    if (method === 'initialize') this.#initialize(exchange, message);
    else if (method === 'ping') answer(exchange);
    else if (!this.#isAvailable(method)) refuse(exchange, -32601, `${method} is not offered to this client`);
    else if (isArrayAt(message.bytes, message.envelope.paramsStart))
      refuse(exchange, -32602, 'the params must be an object');
    else if (method === 'logging/setLevel') this.#setLevel(exchange, message);
    else if (SUBSCRIBING.has(method)) this.#subscribe(exchange, message);
    else this.#forward(exchange, message);
  }

  notification({ bytes, envelope }: ClientMessage): void {
    if (isPassedOn(envelope.method)) this.#processes.own?.send([bytes]);
  }

  response(message: ClientMessage): void {
    this.#questions.answer(message);
  }

  cancel(exchange: Exchange, reason: string): void {
    this.#calls.get(exchange)?.cancel(reason);
  }

  pause(): void {
    this.#processes.own?.pause();
  }

  resume(): void {
    this.#processes.own?.resume();
  }

  async close(options: { readonly force: boolean }): Promise<void> {
    this.#subscriptions?.close('the session ended');
    this.#processes.own?.leave(this);
    await this.#processes.close(options);
  }

  /** A server of the modern era has no requests; {@link chooseModern} sends none here. */
  serverRequest({ id }: ServerRequest): void {
    this.#processes.own?.reply(id, '"error":{"code":-32601,"message":"Method not found"}', this);
  }

  requestCancelled(): void {}

  fromServer(message: ClientMessage): void {
    const { method, subscriptionStart } = message.envelope;
    if (subscriptionStart >= 0) this.#subscriptions?.take(message);
    else if (method === LOG) this.#options.host.placeNotification(plainNotification(message), true);
    // On a shared process, what names no subscription is nobody's.
    else if (this.isPrivate && method !== ACKNOWLEDGED)
      this.#options.host.placeNotification(plainNotification(message), false);
  }

  ended(error: BerthError): void {
    this.#options.host.laneEnded(error);
  }

  #isAvailable(method: string): boolean {
    const { hasSession } = this.#processes;
    return isAvailable(method, { hasSession, offered: this.#offered });
  }

  #initialize(exchange: Exchange, message: ClientMessage): void {
    const { hasSession } = this.#processes;
    const revision = askedRevision(message);
    try {
      if (hasSession) this.#client = readClient(message);
    } catch (error) {
      exchange.failed(toBerthError(error));
      return this.#refused();
    }
    const upstream = this.#processes.take();
    const handshake = new Handshake(exchange, {
      upstream,
      envelope: this.#client.envelope,
      answer: { revision, sessionless: !hasSession, serverName: this.#options.serverName },
      settled: (outcome) => {
        this.#settled(exchange, upstream);
        if (!hasSession || outcome === 'cancelled') return;
        if (outcome === 'refused') this.#refused();
        else this.#opened(revision, outcome);
      },
    });
    this.#calls.set(exchange, handshake);
    handshake.start();
  }

  #opened(revision: string, offered: Offered): void {
    this.#offered = offered;
    this.#options.host.protocolVersion = revision;
    const { tools, prompts, resources } = offered;
    const lists: [ChangedList, boolean][] = [
      ['toolsListChanged', tools],
      ['promptsListChanged', prompts],
      ['resourcesListChanged', resources],
    ];
    this.#subscriptions?.open(lists.filter(([, offers]) => offers).map(([list]) => list));
  }

  /** A server that refuses the handshake has no session; the client gets its answer first. */
  #refused(): void {
    if (!this.#processes.hasSession) return;
    const error = new BerthError('unknown-session', 'the server refused initialize');
    queueMicrotask(() => this.#options.host.laneEnded(error));
  }

  #setLevel(exchange: Exchange, message: ClientMessage): void {
    const level = levelOf(message);
    if (level === undefined) return refuse(exchange, -32602, 'no such log level');
    this.#level = level;
    answer(exchange);
  }

  #subscribe(exchange: Exchange, message: ClientMessage): void {
    const uri = uriOf(message);
    if (uri === undefined) return refuse(exchange, -32602, 'params.uri must be a string');
    this.#subscriptions?.change({
      uri,
      subscribes: exchange.method === 'resources/subscribe',
      done: (error) => (error === undefined ? answer(exchange) : fail(exchange, error)),
    });
  }

  #forward(exchange: Exchange, message: ClientMessage): void {
    const upstream = this.#processes.take();
    const call = new DowngradeCall(exchange, message, {
      host: this.#options.host,
      clock: this.#options.clock,
      client: this.#client,
      level: this.#level,
      questions: this.#questions,
      wrapped: this.#wrapped,
      kept: this.#kept,
      upstream,
      settled: () => this.#settled(exchange, upstream),
    });
    this.#calls.set(exchange, call);
    call.start(message);
  }

  #settled(exchange: Exchange, upstream: Upstream): void {
    this.#calls.delete(exchange);
    this.#processes.release(upstream);
  }
}

function answer(exchange: Exchange): void {
  exchange.finish([resultMessage(exchange.round.rawId, '{}')]);
}

function refuse(exchange: Exchange, code: number, message: string): void {
  exchange.unsuccessful = true;
  exchange.finish([errorMessage(exchange.round.rawId, { code, message })]);
}

/** `error`: JSON text. */
function fail(exchange: Exchange, error: string): void {
  exchange.unsuccessful = true;
  exchange.finish([Buffer.from(`{"jsonrpc":"2.0","id":${exchange.round.rawId},"error":${error}}`)]);
}
