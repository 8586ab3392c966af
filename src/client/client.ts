/**
 * Berth's API for programs: every operation of the OpenAPI document by its `operationId`, with the types of the document. It needs nothing
 * but `fetch`, and is published as `mcp-berth/client`.
 */
import { BerthApiError, toApiError, unreachable } from './api-error.ts';
import { type Operations, PLACES } from './generated/operations.ts';
import type { Problem } from './generated/types.ts';
import { readLines } from './lines.ts';
import { isWorthAnotherTry, pause, waitBefore } from './retry.ts';

export { BerthApiError } from './api-error.ts';
export type * from './generated/types.ts';

export type OperationId = keyof Operations;
/** Operations that can be answered with a stream. */
export type StreamId = {
  [Id in OperationId]: [Operations[Id]['item']] extends [never] ? never : Id;
}[OperationId];

/** Those of them that end with what there is, unless they are told to go on. */
type FollowedId = {
  [Id in StreamId]: 'follow' extends keyof Operations[Id]['query'] ? Id : never;
}[StreamId];

export type Answer<Id extends OperationId> = Operations[Id]['answer'];
/** One thing of a stream; its failure is thrown. */
export type Item<Id extends StreamId> = Exclude<Operations[Id]['item'], { problem: Problem }>;

/** What an operation takes; `params` and `body` where it has them. */
export type Input<Id extends OperationId> = Params<Operations[Id]['params']> &
  Body<Operations[Id]['body']> & {
    readonly query?: Operations[Id]['query'];
    /** Such as `If-Match` or `Idempotency-Key`. */
    readonly headers?: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal;
  };

type Params<T> = keyof T extends never ? unknown : { readonly params: T };
type Body<T> = [T] extends [undefined] ? unknown : { readonly body: T };

/** Nothing has to be given to operations that take nothing. */
type Arguments<Id extends OperationId> =
  Record<never, never> extends Input<Id> ? [input?: Input<Id>] : [input: Input<Id>];

export interface ClientOptions {
  /** Base of the gateway; `http://127.0.0.1:8053` unless given. */
  readonly url?: string;
  /** API key. */
  readonly key?: string;
  readonly fetch?: typeof fetch;
  /** Further tries of what can be sent again without harm, when the gateway is busy or cannot be reached; 2 unless given. */
  readonly retries?: number;
}

/** Milliseconds. */
export interface Patience {
  /** 30,000 unless given. */
  readonly timeout?: number;
  /** Between two looks; 1,000 unless given. */
  readonly interval?: number;
  readonly signal?: AbortSignal;
}

/** What the operations have in common, once their types have been looked at. */
interface Request {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

const DEFAULT_URL = 'http://127.0.0.1:8053';
const LINES = 'application/x-ndjson';
const FOLLOWED: Readonly<Record<FollowedId, true>> = { readLog: true, readGatewayLog: true };

/** Every call rejects with {@link BerthApiError}, or with the reason of its signal. */
export class BerthClient {
  readonly url: string;
  readonly #options: ClientOptions;

  constructor(options: ClientOptions = {}) {
    this.#options = options;
    this.url = (options.url ?? DEFAULT_URL).replace(/\/+$/, '');
  }

  /** Calls an operation: `await berth.call('getServer', { params: { name: 'time' } })`. */
  async call<Id extends OperationId>(id: Id, ...[input]: Arguments<Id>): Promise<Answer<Id>> {
    const response = await this.#send(id, (input ?? {}) as Request, 'application/json');
    if (response.status === 204) return undefined as Answer<Id>;
    return (await response.json().catch((cause: unknown) => {
      throw unreachable(`what answers at ${this.url} is no Berth gateway`, cause);
    })) as Answer<Id>;
  }

  /** Reads a stream, thing by thing, until it ends or the signal aborts; logs are followed: `for await (const event of berth.stream('watchServers'))`. */
  async *stream<Id extends StreamId>(id: Id, ...[input]: Arguments<Id>): AsyncGenerator<Item<Id>, void> {
    const request = (input ?? {}) as Request;
    const query = { ...(id in FOLLOWED && { follow: true }), ...request.query };
    const response = await this.#send(id, { ...request, query }, LINES);
    try {
      for await (const value of readLines(response.body ?? [])) {
        if (isFailure(value)) throw toApiError(value.problem);
        yield value as Item<Id>;
      }
    } catch (cause) {
      if (request.signal?.aborted) return;
      if (cause instanceof BerthApiError) throw cause;
      throw unreachable(`the connection to ${this.url} broke`, cause);
    }
  }

  /** Whether the gateway takes clients. Never rejects, unless with the reason of the signal. */
  async isAvailable(signal?: AbortSignal): Promise<boolean> {
    const { fetch: ask = fetch } = this.#options;
    try {
      const response = await ask(`${this.url}/readyz`, signal ? { signal } : {});
      await response.body?.cancel();
      return response.ok;
    } catch {
      signal?.throwIfAborted();
      return false;
    }
  }

  /** Resolves when {@link isAvailable} holds; rejects with `unreachable` when it does not in time. */
  async waitUntilAvailable({ timeout = 30_000, interval = 1_000, signal }: Patience = {}): Promise<void> {
    const until = performance.now() + timeout;
    while (!(await this.isAvailable(signal))) {
      if (performance.now() + interval > until)
        throw unreachable(`there is no gateway at ${this.url} after ${timeout} ms`);
      await pause(interval, signal);
    }
  }

  async #send(id: OperationId, request: Request, accept: string): Promise<Response> {
    const [method, path] = PLACES[id];
    const { retries = 2 } = this.#options;
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#try(`${path}`, method, request, accept);
      if (outcome instanceof Response && outcome.ok) return outcome;
      const error = outcome instanceof Response ? await this.#toError(outcome) : outcome;
      if (attempt >= retries || !isWorthAnotherTry({ method, headers: request.headers, error })) throw error;
      await pause(waitBefore(attempt, outcome instanceof Response ? outcome : undefined), request.signal);
    }
  }

  async #try(
    path: string,
    method: string,
    { params = {}, query = {}, body, headers, signal }: Request,
    accept: string,
  ): Promise<Response | BerthApiError> {
    const { fetch: ask = fetch, key } = this.#options;
    const place = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
    try {
      return await ask(`${this.url}${place}${queryText(query)}`, {
        method,
        headers: {
          Accept: accept,
          ...(body === undefined ? { 'X-Berth-Request': '1' } : { 'Content-Type': 'application/json' }),
          ...(key !== undefined && { Authorization: `Bearer ${key}` }),
          ...headers,
        },
        // A key must not follow a redirect to somewhere else.
        redirect: 'error',
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal && { signal }),
      });
    } catch (cause) {
      signal?.throwIfAborted();
      return unreachable(`there is no gateway at ${this.url}`, cause);
    }
  }

  async #toError(response: Response): Promise<BerthApiError> {
    const problem: unknown = await response.json().catch(() => undefined);
    const isProblem =
      typeof problem === 'object' && problem !== null && 'code' in problem && 'detail' in problem;
    if (isProblem) return toApiError(problem as Problem);
    return unreachable(`what answers at ${this.url} is no Berth gateway (status ${response.status})`);
  }
}

function queryText(query: Readonly<Record<string, unknown>>): string {
  const text = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== undefined) text.append(name, String(one));
  return text.size === 0 ? '' : `?${text}`;
}

function isFailure(value: unknown): value is { readonly problem: Problem } {
  return typeof value === 'object' && value !== null && 'problem' in value;
}
