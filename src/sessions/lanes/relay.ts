/**
 * The relay lane: legacy client, legacy server, one era on both sides. Messages pass byte for byte but for their ids and
 * progress tokens (facts of the matrix: the protocol's own relay of stdio).
 *
 * On a process of its own the lane only maps ids. On a shared process it also answers the second `initialize`, counts
 * subscriptions, routes what the server says of a resource to those who asked for it, and keeps log levels apart.
 */
import { BerthError } from '../../errors.ts';
import { applyEdits, ownMemory } from '../../jsonrpc/edit.ts';
import type { Exchange } from '../exchange.ts';
import { type ClientMessage, errorMessage, resultMessage, uriOf } from '../message.ts';
import type { ServerRequest, Upstream, UpstreamMember } from '../upstream.ts';
import { readInitializeResult } from './initialize.ts';
import type { Lane, LaneHost } from './lane.ts';
import type { SharedState } from './shared-state.ts';
import { levelOf, setLevelParams } from './upgrade/logging.ts';

export interface RelayOptions {
  readonly upstream: Upstream;
  readonly host: LaneHost;
  /** What the sessions of a shared process have in common; absent on a process of the session's own. */
  readonly shared?: SharedState;
}

export class RelayLane implements Lane, UpstreamMember {
  readonly #upstream: Upstream;
  readonly #host: LaneHost;
  readonly #shared: SharedState | undefined;

  constructor(options: RelayOptions) {
    this.#upstream = options.upstream;
    this.#host = options.host;
    this.#shared = options.shared;
    this.#upstream.join(this);
  }

  get isPrivate(): boolean {
    return this.#shared === undefined;
  }

  get upstreams(): readonly Upstream[] {
    return [this.#upstream];
  }

  get refusal(): BerthError | undefined {
    return this.#upstream.refusal;
  }

  /** Calls of this session are in flight: a choice between sessions falls on it. */
  get busy(): boolean {
    return this.#host.exchanges.size > 0;
  }

  whenWritable(then: () => void): void {
    this.#upstream.whenWritable(then);
  }

  request(exchange: Exchange, message: ClientMessage): void {
    if (exchange.method === 'initialize') this.#initialize(exchange, message);
    else if (this.#shared && exchange.method.startsWith('resources/'))
      this.#resources(this.#shared, exchange, message);
    else if (this.#shared && exchange.method.startsWith('tasks/')) refuseTasks(exchange);
    else if (this.#shared && exchange.method === 'logging/setLevel')
      this.#setLevel(this.#shared, exchange, message);
    else this.#forward(exchange, message);
  }

  notification(message: ClientMessage): void {
    const { bytes, envelope } = message;
    if (envelope.method === 'notifications/progress') return this.#clientProgress(message);
    // A shared process is told once, by the first session on it.
    if (envelope.method === 'notifications/initialized' && this.#shared?.firstInitialized() === false) return;
    this.#upstream.send([bytes]);
  }

  response(message: ClientMessage): void {
    this.#upstream.respond(message, this);
  }

  cancel(exchange: Exchange, reason: string): void {
    if (exchange.upstreamId === undefined) return;
    // initialize cannot be cancelled (the protocol forbids it): its late answer is merely dropped.
    this.#upstream.abandon(exchange.upstreamId, exchange.method === 'initialize' ? undefined : reason);
    exchange.upstreamId = undefined;
  }

  pause(): void {
    this.#upstream.pause();
  }

  resume(): void {
    this.#upstream.resume();
  }

  async close(options: { readonly force: boolean }): Promise<void> {
    this.#shared?.leave(this, this.#upstream);
    this.#upstream.leave(this);
    if (this.isPrivate) await this.#upstream.stop(options);
  }

  serverRequest(request: ServerRequest): void {
    this.#host.placeRequest(request.parts);
  }

  requestCancelled(_id: number, parts: readonly Buffer[]): void {
    // It follows the request that it takes back, and is kept as long.
    this.#host.placeRequest(parts);
  }

  fromServer(message: ClientMessage): void {
    const isLog = message.envelope.method === 'notifications/message';
    if (isLog && this.#shared?.levels.hears(this, levelOf(message)) === false) return;
    this.#host.placeNotification([message.bytes], isLog);
  }

  ended(error: BerthError): void {
    this.#host.laneEnded(error);
  }

  #forward(exchange: Exchange, message: ClientMessage): void {
    exchange.upstreamId = this.#upstream.call(message, exchange);
  }

  #initialize(exchange: Exchange, message: ClientMessage): void {
    if (this.#shared) {
      this.#shared.initialize(this.#upstream, exchange, message, (version) => {
        if (version === undefined) this.#refused();
        else this.#host.protocolVersion = version;
      });
      return;
    }
    exchange.onAnswer = (line, envelope) => {
      if (envelope.kind === 'result')
        this.#host.protocolVersion = readInitializeResult(line, envelope).protocolVersion;
      else this.#refused();
      // This answer is kept while the session is idle: as a slice it would hold a whole pool of Node's for a minute.
      const edit = { start: envelope.idStart, end: envelope.idEnd, text: exchange.round.rawId };
      return [ownMemory(applyEdits(line, [edit]))];
    };
    this.#forward(exchange, message);
  }

  /** A server that refuses the handshake has no session; the client gets its answer first. */
  #refused(): void {
    const error = new BerthError('unknown-session', 'the server refused initialize');
    queueMicrotask(() => this.#host.laneEnded(error));
  }

  #resources(shared: SharedState, exchange: Exchange, message: ClientMessage): void {
    const uri = uriOf(message);
    const subscribes = uri !== undefined && exchange.method === 'resources/subscribe';
    if (subscribes && !shared.subscribe(this, uri)) return exchange.failed(tooManySubscriptions());
    if (uri !== undefined && exchange.method === 'resources/unsubscribe' && !shared.unsubscribe(this, uri)) {
      exchange.finish([resultMessage(exchange.round.rawId, '{}')]);
      return;
    }
    this.#forward(exchange, message);
  }

  #setLevel({ levels }: SharedState, exchange: Exchange, message: ClientMessage): void {
    const level = levelOf(message);
    // What is no level is for the server to refuse.
    if (level < 0) return this.#forward(exchange, message);
    const told = levels.want(this, level);
    if (told === undefined) return exchange.finish([resultMessage(exchange.round.rawId, '{}')]);
    exchange.onAnswer = (_line, { kind }) => {
      if (kind === 'error') levels.refused();
      return undefined;
    };
    if (told === level) this.#forward(exchange, message);
    else exchange.upstreamId = this.#upstream.request('logging/setLevel', setLevelParams(told), exchange);
  }

  /** Progress of a request that the server made: its own token is restored. */
  #clientProgress({ bytes, envelope }: ClientMessage): void {
    if (envelope.tokenStart < 0) return;
    const token = this.#upstream.tokenOf(
      Number(bytes.toString('latin1', envelope.tokenStart, envelope.tokenEnd)),
      this,
    );
    if (token === undefined) return;
    this.#upstream.send(
      applyEdits(bytes, [{ start: envelope.tokenStart, end: envelope.tokenEnd, text: token }]),
    );
  }
}

/** Whose task it is nobody could tell, so a shared process has none for its clients. */
function refuseTasks(exchange: Exchange): void {
  exchange.unsuccessful = true;
  const message = `${exchange.method} is not offered on a process that several sessions share`;
  exchange.finish([errorMessage(exchange.round.rawId, { code: -32601, message })]);
}

function tooManySubscriptions(): BerthError {
  return new BerthError('limit-reached', 'this session has as many subscriptions as it may have', {
    hint: 'Unsubscribe from resources that are no longer needed, or raise limits.subscriptions.',
  });
}
