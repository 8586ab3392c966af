/** One leader among several programs, by a Lease: it stops leading in time even when the API server, or its clock, is off. */
import { type Cancel, type Clock, pause, systemClock } from '../clock.ts';
import { type BerthError, toBerthError } from '../errors.ts';
import type { ApiClient } from './api-client.ts';
import { freeLease, heldLease, type Lease, LeaseObservation } from './lease-record.ts';
import { LEASES, type ObjectMeta, type ObjectName } from './resources.ts';

/** Milliseconds after the last renewal that a leader stops leading: well before others may take the lease. */
export const RENEW_DEADLINE = 10_000;
/** Milliseconds between attempts to take or renew it; up to a fifth more, so that candidates come one by one. */
export const RETRY = 2_000;
const ATTEMPT_LIMIT = 5_000;

export interface LeaderElectionOptions {
  readonly client: Pick<ApiClient, 'get' | 'create' | 'replace'>;
  /** What else stands here is metadata of a lease that is made. */
  readonly lease: ObjectName & Pick<ObjectMeta, 'ownerReferences'>;
  /** Different for each run of each program. */
  readonly identity: string;
  readonly onLead: () => void;
  /** From now on nothing may be done as the leader; `close` frees the lease once this has resolved. */
  readonly onLose: () => void | Promise<void>;
  readonly onFault?: (error: BerthError) => void;
  readonly clock?: Clock;
  /** 0 to 1, spreads attempts. */
  readonly random?: () => number;
}

export interface LeaderElection {
  /** Judged anew each time: a program that was stopped for a while finds out before its timers do. */
  readonly leading: boolean;
  /** Who leads, as far as is known. */
  readonly leader: string | undefined;
  /** Stops leading, and lets the next one lead at once. Idempotent. */
  close(): Promise<void>;
}

/** Takes part at once, and goes on until it is closed. */
export function createLeaderElection(options: LeaderElectionOptions): LeaderElection {
  return new Candidate(options);
}

class Candidate implements LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #observation: LeaseObservation;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #lease: Lease | undefined;
  #leading = false;
  #until = 0;
  #cancelDeadline: Cancel = () => {};
  #closed: Promise<void> | undefined;

  constructor(options: LeaderElectionOptions) {
    const { clock = systemClock, random = Math.random } = options;
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#observation = new LeaseObservation(clock);
    this.#running = this.#run();
  }

  get leading(): boolean {
    return this.#leading && this.#clock.now() < this.#until;
  }

  get leader(): string | undefined {
    return this.#lease?.spec?.holderIdentity || undefined;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const led = this.leading;
    this.#closing.abort(new Error('the election is closed'));
    await this.#running;
    await this.#lose();
    if (led) await this.#free();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#attempt();
      // Called off only when it is closed, and then the loop ends.
      await pause(RETRY * (1 + this.#random() / 5), this.#clock, signal).catch(() => {});
    }
  }

  async #attempt(): Promise<void> {
    const { signal } = this.#closing;
    try {
      await this.#limited((limit) => (this.#leading ? this.#renew(limit) : this.#take(limit)));
    } catch (error) {
      // Somebody else was faster: that is what an election is.
      if (!signal.aborted && toBerthError(error).code !== 'conflict') this.#report(error);
    }
  }

  /** Without a look first: our own last write is what stands there, or the server says that it is not. */
  async #renew(signal: AbortSignal): Promise<void> {
    try {
      await this.#write(signal);
    } catch (error) {
      if (toBerthError(error).code !== 'conflict' && toBerthError(error).code !== 'not-found') throw error;
      await this.#take(signal);
    }
  }

  async #take(signal: AbortSignal): Promise<void> {
    const { client, lease, identity } = this.#options;
    const found = await client.get<Lease>(LEASES, lease, { signal });
    this.#lease = found;
    if (found) this.#observation.see(found);
    const ours = found?.spec?.holderIdentity === identity;
    if (!found || ours || this.#observation.isFree(found)) await this.#write(signal);
    else await this.#lose();
  }

  async #write(signal: AbortSignal): Promise<void> {
    const { client, lease, identity } = this.#options;
    const began = this.#clock.now();
    const wanted = heldLease(lease, identity, this.#lease);
    this.#lease = this.#lease
      ? await client.replace<Lease>(LEASES, wanted, { signal })
      : await client.create<Lease>(LEASES, wanted, { signal });
    this.#observation.see(this.#lease);
    this.#lead(began + RENEW_DEADLINE);
  }

  /** An answer that came too late makes no leader; the next attempt will. */
  #lead(until: number): void {
    const left = until - this.#clock.now();
    if (left <= 0 || this.#closing.signal.aborted) return;
    this.#until = until;
    this.#cancelDeadline();
    this.#cancelDeadline = this.#clock.after(left, () => void this.#lose());
    if (this.#leading) return;
    this.#leading = true;
    try {
      this.#options.onLead();
    } catch (error) {
      this.#report(error);
    }
  }

  async #lose(): Promise<void> {
    this.#cancelDeadline();
    if (!this.#leading) return;
    this.#leading = false;
    try {
      await this.#options.onLose();
    } catch (error) {
      this.#report(error);
    }
  }

  /** Looks first: a renewal that was called off may have been written. */
  async #free(): Promise<void> {
    const { client, lease, identity } = this.#options;
    try {
      await this.#within(new AbortController().signal, async (signal) => {
        const held = await client.get<Lease>(LEASES, lease, { signal });
        if (held?.spec?.holderIdentity === identity)
          await client.replace<Lease>(LEASES, freeLease(held), { signal });
      });
    } catch (error) {
      this.#report(error);
    }
  }

  #limited<T>(act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#within(this.#closing.signal, act);
  }

  async #within<T>(signal: AbortSignal, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limit = new AbortController();
    const late = new Error(`no answer about the lease within ${ATTEMPT_LIMIT / 1_000} s`);
    const cancel = this.#clock.after(ATTEMPT_LIMIT, () => limit.abort(late));
    try {
      return await act(AbortSignal.any([signal, limit.signal]));
    } finally {
      cancel();
    }
  }

  #report(error: unknown): void {
    this.#options.onFault?.(toBerthError(error));
  }
}
