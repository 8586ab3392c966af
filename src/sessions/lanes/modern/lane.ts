/** The lane of a principal's modern clients: every request goes to the process that serves it, parked calls are found again. */
import type { Clock } from '../../../clock.ts';
import { toBerthError } from '../../../errors.ts';
import type { ModernCall } from '../../call-request.ts';
import type { Exchange } from '../../exchange.ts';
import type { ClientMessage } from '../../message.ts';
import type { Upstream } from '../../upstream.ts';
import type { Lane, LaneHost } from '../lane.ts';
import { invalidRound } from '../upgrade/input-round.ts';
import { ParkedCalls } from './parked-calls.ts';
import type { ServingProcess } from './serving.ts';

export interface ModernLaneOptions {
  readonly host: LaneHost;
  readonly clock: Clock;
  readonly principal: string;
  /** The process for a request; throws BerthError when there can be none. */
  readonly processFor: (message: ClientMessage) => ServingProcess;
  /** The processes that serve this principal, for those who look on. */
  readonly upstreams: () => Iterable<Upstream>;
  /** The server keeps no state of calls itself: a `requestState` that Berth did not seal is nobody's. */
  readonly sealsState: boolean;
}

export class ModernLane implements Lane {
  readonly #options: ModernLaneOptions;
  readonly #parked: ParkedCalls;

  constructor(options: ModernLaneOptions) {
    this.#options = options;
    this.#parked = new ParkedCalls(options.clock);
  }

  readonly isPrivate = false;
  readonly refusal = undefined;

  get upstreams(): Iterable<Upstream> {
    return this.#options.upstreams();
  }

  get holds(): boolean {
    return this.#parked.size > 0;
  }

  get parkedCalls(): number {
    return this.#parked.size;
  }

  /** Whether a parked call of that name waits here. */
  hasParked(name: string): boolean {
    return this.#parked.get(name) !== undefined;
  }

  whenWritable(then: () => void): void {
    then();
  }

  request(exchange: Exchange, message: ClientMessage, modern: ModernCall = {}): void {
    const { host, principal, processFor, sealsState } = this.#options;
    const request = { exchange, message, modern, host, principal, parked: this.#parked };
    if (modern.resume) {
      const call = this.#parked.get(modern.resume.call);
      if (call) call.resume(request);
      else exchange.failed(invalidRound('it is over, or its process has ended'));
      return;
    }
    if (sealsState && message.envelope.stateStart >= 0)
      return exchange.failed(invalidRound('its requestState is not one of this server'));
    try {
      const process = processFor(message);
      if (process.refusal) exchange.failed(process.refusal);
      else process.request(request);
    } catch (error) {
      exchange.failed(toBerthError(error));
    }
  }

  /** Modern clients cancel by leaving; their notifications mean nothing to a server. */
  notification(): void {}

  response(): void {}

  cancel(exchange: Exchange, reason: string): void {
    exchange.taker?.cancel(exchange, reason);
  }

  pause(): void {}

  resume(): void {}

  sweep(now: number): void {
    this.#parked.sweep(now);
  }

  async close(): Promise<void> {
    this.#parked.close();
  }
}
