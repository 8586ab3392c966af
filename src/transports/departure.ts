/**
 * How a gateway that goes away takes leave of its clients. No request may meet a connection that is just being closed: each answer says
 * that its connection ends with it, and what rests is left alone until nobody has used it for a while.
 */
import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { Server as NetServer } from 'node:net';
import type { Clock } from '../clock.ts';
import type { DataPlaneServer } from './data-plane.ts';

/**
 * Milliseconds in which it still takes what comes: some parts of a cluster, or of a load balancer, hear of it late. Closed at once, a few
 * hundred busy connections lose some tens of requests.
 */
const LATECOMERS = 5_000;
/** Milliseconds in which nobody has connected, asked, or been answered. */
const QUIET = 1_000;
const LOOK_EVERY = 50;

export interface Departing {
  readonly server: HttpServer | HttpsServer;
  readonly clock: Clock;
  readonly dataPlane: Pick<DataPlaneServer, 'leave' | 'streams'>;
  /** Calls, and whatever else may change something, whose answers are not over. */
  readonly inFlight: () => number;
}

export class Departure {
  readonly #of: Departing;
  #begun = false;
  #used = 0;

  constructor(of: Departing) {
    this.#of = of;
  }

  get begun(): boolean {
    return this.#begun;
  }

  /** A client has connected, asked, or been answered. */
  used(): void {
    if (this.#begun) this.#used = this.#of.clock.now();
  }

  /** Resolves when nothing is in flight and nobody does anything any more, after `ms` at the latest. */
  async begin(ms: number): Promise<void> {
    const { server, clock, dataPlane, inFlight } = this.#of;
    const end = clock.now() + ms;
    this.#begun = true;
    this.used();
    // Half of a short time is for what is in flight.
    const shut = clock.now() + Math.min(LATECOMERS, ms / 2);
    let over = false;
    const streams = this.#endStreams(() => !over, end);
    await this.#until(shut, async () => (await connectionsOf(server)) === 0 && this.#isQuiet());
    stopListening(server);
    await this.#until(
      end,
      async () =>
        inFlight() === 0 &&
        dataPlane.streams() === 0 &&
        (this.#isQuiet() || (await connectionsOf(server)) === 0),
    );
    over = true;
    await streams;
  }

  /** Those included that come meanwhile, on connections of before. */
  async #endStreams(goesOn: () => boolean, end: number): Promise<void> {
    const { clock, dataPlane } = this.#of;
    while (goesOn() && clock.now() < end) {
      await dataPlane.leave(end - clock.now());
      await this.#pause();
    }
  }

  #isQuiet(): boolean {
    return this.#of.clock.now() - this.#used >= QUIET;
  }

  async #until(end: number, isSo: () => Promise<boolean>): Promise<void> {
    while (this.#of.clock.now() < end && !(await isSo())) await this.#pause();
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#of.clock.after(LOOK_EVERY, resolve));
  }
}

function connectionsOf(server: NetServer): Promise<number> {
  return new Promise((resolve) => {
    server.getConnections((_error, count) => resolve(count));
  });
}

/** The close of an HTTP server ends connections that rest, too. */
function stopListening(server: NetServer): void {
  NetServer.prototype.close.call(server);
}
