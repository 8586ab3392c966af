/** Sends requests to the API server: pooled, bounded in time, repeated where that is safe. */
import type { IncomingMessage } from 'node:http';
import { type Clock, pause } from '../clock.ts';
import { BerthError } from '../errors.ts';
import type { ClusterAccess } from './access.ts';
import { apiStatusOf, readApiStatus, refusalError } from './api-status.ts';
import { ConnectionFault, HttpPool, readBody } from './http-pool.ts';

/** Milliseconds for one attempt. */
export const REQUEST_LIMIT = 30_000;
/** Attempts in all. */
export const MOST_ATTEMPTS = 5;
/** Requests that somebody waits for: what they wait for may be a connection, or the time of the next attempt. */
export const MOST_IN_HAND = 1_000;
const FIRST_WAIT = 250;
/** Of one request, over all its attempts. */
const LONGEST_WAIT = 30_000;
/** Requests that are under way at once; streams do not count. */
const MOST_SOCKETS = 16;
const MOST_BODY = 64 * 1024 * 1024;
/** Milliseconds of faults without an answer between them after which the API server is away: requests fail at once, not after all their attempts. */
export const AWAY_AFTER = 2_000;
/** Milliseconds for a connection to one that is away; one that is only slow takes it much sooner. */
const CONNECT_LIMIT = 1_500;

export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  /** Completes "cannot …". */
  readonly doing: string;
  readonly body?: unknown;
  readonly contentType?: string;
  /** Hears what the API server warns of in an answer that is a success. */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** May be sent again though nobody knows what became of the first. */
  readonly repeatable: boolean;
}

export interface TransportOptions {
  readonly access: ClusterAccess;
  readonly clock: Clock;
  /** 0 to 1, spreads waits. */
  readonly random: () => number;
}

export class ApiTransport {
  readonly #options: TransportOptions;
  readonly #pool = new HttpPool(MOST_SOCKETS);
  readonly #streams = new HttpPool();
  readonly #closing = new AbortController();
  #inHand = 0;
  /** Clock readings: the last answer; since when nothing was heard that was waited for, and the newest fault since. */
  #heardAt = Number.NEGATIVE_INFINITY;
  #silentSince: number | undefined;
  #lastFault = Number.NEGATIVE_INFINITY;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** The JSON of the answer. Rejects with BerthError, or with the signal's reason. */
  async send(call: ApiCall, signal: AbortSignal): Promise<unknown> {
    if (this.#inHand >= MOST_IN_HAND) throw tooMany(call);
    this.#inHand++;
    try {
      return await this.#repeated(call, signal);
    } finally {
      this.#inHand--;
    }
  }

  async #repeated(call: ApiCall, signal: AbortSignal): Promise<unknown> {
    for (let attempt = 1, waited = 0; ; attempt++) {
      try {
        return await this.#limited(call, signal, async (stop) =>
          parse(await readBody(await this.#open(this.#pool, call, stop), MOST_BODY)),
        );
      } catch (error) {
        const wait = signal.aborted ? undefined : this.#waitBefore(call, error, attempt);
        if (wait === undefined || waited + wait > LONGEST_WAIT) throw error;
        waited += wait;
        await pause(wait, this.#options.clock, signal);
      }
    }
  }

  /** An answer whose body has no end; only its head is bounded in time. Ends with the signal. */
  async stream(call: ApiCall, signal: AbortSignal): Promise<IncomingMessage> {
    const answer = await this.#limited(call, signal, (stop) => this.#open(this.#streams, call, stop));
    const end = (): void => void answer.destroy();
    signal.addEventListener('abort', end);
    answer.once('close', () => signal.removeEventListener('abort', end));
    return answer;
  }

  /** Ends what is under way, with `busy`. Idempotent. */
  close(): void {
    this.#closing.abort(new BerthError('busy', 'the connection to the cluster is closed'));
    this.#pool.close();
    this.#streams.close();
  }

  /** Runs `act` with a signal that follows `signal`, our own end and the time limit. */
  async #limited<T>(
    { doing }: ApiCall,
    signal: AbortSignal,
    act: (stop: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const began = this.#options.clock.now();
    const limit = new AbortController();
    const cancel = this.#options.clock.after(REQUEST_LIMIT, () =>
      limit.abort(unreachable(doing, `no answer within ${REQUEST_LIMIT / 1_000} s`)),
    );
    const stop = AbortSignal.any([signal, limit.signal, this.#closing.signal]);
    try {
      stop.throwIfAborted();
      return await act(stop);
    } catch (error) {
      // What somebody has called off says nothing of the API server.
      if (!signal.aborted && (limit.signal.aborted || (error instanceof ConnectionFault && !error.stale)))
        this.#noteSilence(began);
      stop.throwIfAborted();
      throw error instanceof ConnectionFault ? unreachable(doing, error.message, error) : error;
    } finally {
      cancel();
    }
  }

  /** Faults for as long, and no answer between them: one that is slow has its time. */
  get #isAway(): boolean {
    return this.#silentSince !== undefined && this.#lastFault - this.#silentSince >= AWAY_AFTER;
  }

  #noteSilence(began: number): void {
    if (this.#closing.signal.aborted) return;
    this.#silentSince ??= Math.max(began, this.#heardAt);
    this.#lastFault = this.#options.clock.now();
    if (this.#isAway) this.#pool.dropIdle();
  }

  async #open(pool: HttpPool, call: ApiCall, signal: AbortSignal): Promise<IncomingMessage> {
    const { access } = this.#options;
    const credentials = await access.credentials();
    signal.throwIfAborted();
    const { method, path, body, contentType = 'application/json' } = call;
    const headers = { ...credentials.headers, accept: 'application/json', 'user-agent': 'berth' };
    // Looks have their whole time: where connections take long, theirs are the first that come through.
    const connectWithin = this.#isAway && call.method !== 'GET' ? CONNECT_LIMIT : undefined;
    const request = { method, url: access.baseUrl + path, signal, connectWithin };
    const answer = await (body === undefined
      ? pool.request({ ...request, headers }, credentials)
      : pool.request(
          { ...request, headers: { ...headers, 'content-type': contentType }, body: JSON.stringify(body) },
          credentials,
        ));
    this.#heardAt = this.#options.clock.now();
    this.#silentSince = undefined;
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) {
      if (call.onWarning) for (const text of warningsOf(answer)) call.onWarning(text);
      return answer;
    }
    const text = await readBody(answer, MOST_BODY);
    throw refusalError(call.doing, readApiStatus({ status, headers: answer.headers, body: text }));
  }

  /** Milliseconds until the next attempt; undefined when there is none. */
  #waitBefore({ repeatable }: ApiCall, error: unknown, attempt: number): number | undefined {
    if (attempt >= MOST_ATTEMPTS) return undefined;
    const status = apiStatusOf(error);
    if (status?.code === 401) return this.#refreshed(attempt);
    const fault = faultOf(error);
    // Refused before anything was done: safe for every request.
    const untouched = status?.code === 429;
    if (fault !== undefined && !fault.stale && this.#isAway) return undefined;
    const broken = fault !== undefined || (status !== undefined && status.code >= 500);
    if (!untouched && !(repeatable && broken)) return undefined;
    if (fault?.stale) return 0;
    return this.#wait(status?.retryAfter, attempt);
  }

  #wait(asked: number | undefined, attempt: number): number {
    const spread = this.#options.random();
    const wait = asked === undefined ? FIRST_WAIT * 2 ** attempt * spread : asked + FIRST_WAIT * spread;
    return Math.min(wait, LONGEST_WAIT);
  }

  #refreshed(attempt: number): number | undefined {
    this.#options.access.refresh();
    return attempt === 1 ? 0 : undefined;
  }
}

function faultOf(error: unknown): ConnectionFault | undefined {
  const cause = error instanceof BerthError ? error.details.cause : undefined;
  return cause instanceof ConnectionFault ? cause : undefined;
}

/** One header for each, as RFC 7234 writes them: a code, an agent and a quoted text. */
function warningsOf({ headersDistinct }: IncomingMessage): string[] {
  return (headersDistinct.warning ?? []).flatMap((line) => {
    const [, text] = /^299 \S+ "((?:[^"\\]|\\.)*)"/.exec(line) ?? [];
    return text === undefined ? [] : [text.replace(/\\(.)/g, '$1')];
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConnectionFault(new Error('the answer is no JSON', { cause: error }));
  }
}

function tooMany({ doing }: ApiCall): BerthError {
  return new BerthError(
    'busy',
    `cannot ${doing}: ${MOST_IN_HAND} requests to the API server are in hand already`,
    { hint: 'The API server is slow just now, or is asked too much: try again shortly.' },
  );
}

function unreachable(doing: string, why: string, cause?: unknown): BerthError {
  return new BerthError('busy', `cannot ${doing}: ${why}`, {
    cause,
    hint: 'The API server cannot be reached: see whether the cluster runs and the network lets us through.',
  });
}
