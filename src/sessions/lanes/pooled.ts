/**
 * The pooled lane: clients without a session on processes that Berth itself has shaken hands with. What needs a session
 * (subscriptions, log levels, server requests, list changes) is not offered and refused.
 */
import { BerthError, toBerthError } from '../../errors.ts';
import type { Envelope } from '../../jsonrpc/envelope.ts';
import type { Exchange } from '../exchange.ts';
import { type ClientMessage, errorMessage, resultMessage } from '../message.ts';
import type { Upstream, UpstreamCall } from '../upstream.ts';
import { type HandshakeTime, limitHandshake } from './handshake-time.ts';
import {
  type InitializeResult,
  LEGACY_REVISIONS,
  ownInitializeParams,
  pooledCapabilities,
  readInitializeParams,
  readInitializeResult,
} from './initialize.ts';
import type { Lane, LaneHost } from './lane.ts';

export interface PooledOptions extends HandshakeTime {
  readonly host: LaneHost;
  /** Starts a process. Its server requests are to be refused. */
  readonly open: () => Upstream;
  /** A fresh process for every call, ended after it; otherwise one process serves all calls of the conversation. */
  readonly perCall: boolean;
}

/** A process and the handshake on it. */
interface Pooled {
  readonly upstream: Upstream;
  readonly ready: Promise<InitializeResult>;
}

const NOT_OFFERED = new Set(['logging/setLevel', 'resources/subscribe', 'resources/unsubscribe']);

export class PooledLane implements Lane {
  readonly #options: PooledOptions;
  readonly #live = new Set<Upstream>();
  readonly #serving = new Map<Exchange, Upstream>();
  #common: Pooled | undefined;
  #closed = false;

  constructor(options: PooledOptions) {
    this.#options = options;
  }

  readonly isPrivate = false;

  get upstreams(): Iterable<Upstream> {
    return this.#live;
  }

  /** A common process that has ended is replaced with the next call; one that does not read takes no more. */
  get refusal(): BerthError | undefined {
    const upstream = this.#common?.upstream;
    return upstream?.failure ? undefined : upstream?.refusal;
  }

  whenWritable(then: () => void): void {
    then();
  }

  request(exchange: Exchange, message: ClientMessage): void {
    const { method } = exchange;
    const id = exchange.round.rawId;
    if (method === 'ping') exchange.finish([resultMessage(id, '{}')]);
    else if (NOT_OFFERED.has(method) || method.startsWith('tasks/')) {
      exchange.finish([
        errorMessage(id, {
          code: -32601,
          message: `${method} needs a session, which this server does not keep`,
        }),
      ]);
    } else void this.#run(exchange, message);
  }

  /** Notifications of clients without a session mean nothing to the processes that serve them. */
  notification(): void {}

  response(): void {}

  cancel(exchange: Exchange, reason: string): void {
    const upstream = this.#serving.get(exchange);
    if (upstream && exchange.upstreamId !== undefined) upstream.abandon(exchange.upstreamId, reason);
    this.#release(exchange);
  }

  pause(): void {}

  resume(): void {}

  async close(options: { readonly force: boolean }): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#live].map((upstream) => upstream.stop(options)));
  }

  async #run(exchange: Exchange, message: ClientMessage): Promise<void> {
    const { upstream, ready } = this.#acquire();
    this.#serving.set(exchange, upstream);
    try {
      const result = await ready;
      if (exchange.state === 'over') return;
      if (exchange.method === 'initialize') this.#answerInitialize(exchange, message, result);
      else exchange.upstreamId = upstream.call(message, this.#released(exchange));
    } catch (error) {
      exchange.failed(toBerthError(error));
      this.#release(exchange);
    }
  }

  #answerInitialize(exchange: Exchange, message: ClientMessage, result: InitializeResult): void {
    const asked = readInitializeParams(message).protocolVersion;
    const known = LEGACY_REVISIONS.some((revision) => revision === asked);
    const protocolVersion = known && asked !== undefined ? asked : result.protocolVersion;
    const answer = { ...result, protocolVersion, capabilities: pooledCapabilities(result.capabilities) };
    exchange.finish([resultMessage(exchange.round.rawId, JSON.stringify(answer))]);
    this.#release(exchange);
  }

  #acquire(): Pooled {
    if (this.#common && !this.#common.upstream.failure) return this.#common;
    if (this.#common) this.#live.delete(this.#common.upstream);
    const upstream = this.#options.open();
    this.#live.add(upstream);
    const pooled = { upstream, ready: handshake(upstream, this.#options) };
    pooled.ready.catch(() => {
      // The next call tries a fresh process; this one has refused to serve.
      if (this.#common === pooled) this.#common = undefined;
      this.#live.delete(upstream);
      void upstream.stop();
    });
    if (!this.#options.perCall) this.#common = pooled;
    if (this.#closed) void upstream.stop();
    return pooled;
  }

  /** The exchange, with its process ended after the answer where it had one of its own. */
  #released(exchange: Exchange): UpstreamCall {
    return {
      rawToken: exchange.rawToken,
      answered: (line, envelope) => {
        exchange.answered(line, envelope);
        this.#release(exchange);
      },
      progressed: (parts) => exchange.progressed(parts),
      failed: (error) => {
        exchange.failed(error);
        this.#release(exchange);
      },
    };
  }

  #release(exchange: Exchange): void {
    const upstream = this.#serving.get(exchange);
    this.#serving.delete(exchange);
    if (!upstream || !this.#options.perCall) return;
    this.#live.delete(upstream);
    void upstream.stop();
  }
}

/** Berth's own handshake on a fresh process. */
function handshake(upstream: Upstream, time: HandshakeTime): Promise<InitializeResult> {
  return new Promise((resolve, reject) => {
    const inTime = limitHandshake(upstream, time, reject);
    upstream.request('initialize', ownInitializeParams(LEGACY_REVISIONS[0]), {
      rawToken: undefined,
      answered: (line: Buffer, envelope: Envelope) => {
        inTime();
        if (envelope.kind === 'error') {
          reject(
            new BerthError('start-failed', 'the server refused initialize', {
              phase: 'handshake',
              hint: line.toString('utf8').slice(0, 500),
            }),
          );
          return;
        }
        upstream.send([Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}')]);
        resolve(readInitializeResult(line, envelope));
      },
      progressed: () => {},
      failed: (error) => {
        inTime();
        reject(error);
      },
    });
  });
}
