/** The calls of one principal that wait for its clients to answer, found again by what their `requestState` names. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../clock.ts';
import { BerthError } from '../../../errors.ts';
import type { ModernRequest } from './serving.ts';

/** Milliseconds that a call waits for its client (as long as a call may take without a sign of life). */
export const PARK_TIME = 15 * 60_000;
/** Calls of one principal that may wait at one time, and the bytes that they may hold. */
export const MOST_PARKED = 256;
const MOST_PARKED_BYTES = 16 * 1024 * 1024;
const NAME_BYTES = 18;

/** A call that can wait. */
export interface ParkedCall {
  /** A further request of the client goes on with it. */
  resume(request: ModernRequest): void;
  /** Bytes that it holds while it waits. */
  readonly bytes: number;
  /** Nobody came back in time, or the principal's calls end: it is given up. */
  expire(reason: string): void;
}

interface Entry {
  readonly call: ParkedCall;
  /** Clock reading. */
  readonly until: number;
}

export class ParkedCalls {
  readonly #clock: Clock;
  readonly #calls = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#calls.size;
  }

  get(name: string): ParkedCall | undefined {
    return this.#calls.get(name)?.call;
  }

  /** A name for a call that begins to wait; throws `limit-reached` when too many do. */
  add(call: ParkedCall): string {
    if (this.#calls.size >= MOST_PARKED) throw this.#full();
    this.admit(call);
    const name = randomBytes(NAME_BYTES).toString('base64url');
    this.keep(name, call, PARK_TIME);
    return name;
  }

  /** Throws `limit-reached` when what `call` holds now is too much beside all the others. */
  admit(call: ParkedCall): void {
    let { bytes } = call;
    for (const entry of this.#calls.values()) if (entry.call !== call) bytes += entry.call.bytes;
    if (bytes > MOST_PARKED_BYTES) throw this.#full();
  }

  #full(): BerthError {
    return new BerthError('limit-reached', `${this.#calls.size} calls wait for answers of their clients`);
  }

  /** The call of that name stays for `ms` milliseconds from now. */
  keep(name: string, call: ParkedCall, ms: number): void {
    this.#calls.delete(name);
    this.#calls.set(name, { call, until: this.#clock.now() + ms });
  }

  /** Ends what waited for too long. `now` is a clock reading. */
  sweep(now: number): void {
    for (const [name, { call, until }] of this.#calls) {
      if (until > now) continue;
      this.#calls.delete(name);
      call.expire('the client did not come back');
    }
  }

  close(): void {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const { call } of calls) call.expire('the server was stopped');
  }
}
