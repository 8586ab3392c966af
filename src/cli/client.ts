/** The API as functions; every command goes through here. */
import { readLines } from '../client/lines.ts';
import type { ErrorCode, StartPhase } from '../errors.ts';
import { BerthError, ERROR_TABLE } from '../errors.ts';
import { parseExact } from '../exact-json.ts';

export interface ClientOptions {
  /** Base of the gateway, for example `http://127.0.0.1:8053`. */
  readonly url: string;
  readonly key?: string;
  readonly fetch: typeof fetch;
}

/** The members of a server that the command line shows; the rest is passed on as it is. */
export interface ServerAnswer {
  readonly name: string;
  readonly id: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Absent for a server that Berth did not make. */
  readonly spec?: { readonly template?: string };
  readonly status: {
    readonly state: string;
    readonly message: string;
    readonly sessions: number;
    readonly era?: string;
    readonly eras?: readonly string[];
    readonly tools?: readonly string[];
    readonly package?: { readonly ecosystem: string; readonly name: string; readonly version: string };
    readonly remote?: { readonly url: string };
    readonly failure?: FailureAnswer;
    readonly endpoints: readonly { readonly transport: string; readonly url: string }[];
  };
}

export interface FailureAnswer {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly phase?: StartPhase;
  readonly exitCode?: number | null;
  readonly stderr?: readonly string[];
}

export type EventAnswer = { readonly at: number } & (
  | {
      readonly type: 'phase';
      readonly phase: StartPhase;
      readonly state: 'started' | 'done';
      readonly ms?: number;
      readonly text?: string;
    }
  | { readonly type: 'progress'; readonly phase: StartPhase; readonly text: string }
  | { readonly type: 'running' | 'stopped' }
  | { readonly type: 'failed'; readonly failure: FailureAnswer }
);

export type WatchAnswer =
  | {
      readonly type: 'added' | 'changed' | 'removed';
      /** ISO 8601, UTC. */
      readonly at: string;
      readonly server: ServerAnswer;
    }
  | WatchFailure;

/** The last of a stream that could not go on. */
interface WatchFailure {
  readonly type: 'failed';
  readonly problem: ProblemAnswer;
}

export interface LogLineAnswer {
  readonly at: number;
  readonly pid: number;
  readonly text: string;
  readonly source?: 'gateway' | 'event';
  readonly level?: string;
}

/** A line of the gateway's own log. */
export interface LogEntryAnswer {
  readonly at: number;
  readonly level: string;
  readonly message: string;
  readonly server?: string;
  readonly requestId?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Which part of a log is wanted. */
export interface LogQuery {
  readonly tail: number;
  readonly follow: boolean;
  readonly signal?: AbortSignal;
}

export interface SessionAnswer {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly transport?: string;
  readonly principal?: string;
  readonly protocolVersion?: string;
  readonly lastActivity: string;
  readonly callsInFlight: number;
  readonly queuedBytes: number;
  readonly bufferedBytes: number;
  readonly lostNotifications: number;
  readonly processes: readonly { readonly pid: number }[];
}

interface UsageCounts {
  readonly sessions: number;
  readonly calls: number;
  readonly failedCalls: number;
  readonly bytesToServer: number;
  readonly bytesFromServer: number;
}

export interface UsageAnswer {
  readonly days: readonly (UsageCounts & { readonly day: string })[];
  readonly sum: UsageCounts;
}

/** What `berth --version` shows of the gateway. */
export interface HealthAnswer {
  readonly status: string;
  readonly version: string;
  readonly runtime: string;
}

interface Call {
  /** A status of 400 or more that is an answer all the same. */
  readonly also?: number;
  readonly method?: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  readonly accept?: string;
}

/** A problem document of the gateway. */
export interface ProblemAnswer extends Omit<FailureAnswer, 'message'> {
  readonly detail: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

/** Every call rejects with the gateway's own error, or with `unreachable`. */
export class ApiClient {
  readonly url: string;
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.url = options.url.replace(/\/+$/, '');
  }

  async create(spec: unknown): Promise<ServerAnswer> {
    return await this.json('/servers', { method: 'POST', body: spec });
  }

  /** `filter`: query parameters of the list. */
  async list(filter: readonly (readonly [string, string])[] = []): Promise<ServerAnswer[]> {
    const query = new URLSearchParams(
      filter.map(([name, value]): [string, string] => [name, value]),
    ).toString();
    return await this.pages(query === '' ? '/servers' : `/servers?${query}`, 'servers');
  }

  async get(name: string): Promise<ServerAnswer> {
    return await this.json(serverPath(name));
  }

  async start(name: string): Promise<ServerAnswer> {
    return await this.json(`${serverPath(name)}/start`, { method: 'POST' });
  }

  async stop(name: string, force: boolean): Promise<ServerAnswer> {
    return await this.json(`${serverPath(name)}/stop?force=${force}`, { method: 'POST' });
  }

  async remove(name: string, force: boolean): Promise<void> {
    await this.#send(`${serverPath(name)}?force=${force}`, { method: 'DELETE' });
  }

  async sessions(name: string): Promise<SessionAnswer[]> {
    return await this.pages(`${serverPath(name)}/sessions`, 'sessions');
  }

  async endSession(name: string, session: string): Promise<void> {
    await this.#send(`${serverPath(name)}/sessions/${encodeURIComponent(session)}`, { method: 'DELETE' });
  }

  /** Resolves with how many there were. */
  async endSessions(name: string): Promise<number> {
    const answer = await this.json<{ ended: number }>(`${serverPath(name)}/sessions`, { method: 'DELETE' });
    return answer.ended;
  }

  async usage(name: string, days: number): Promise<UsageAnswer> {
    return await this.json(`${serverPath(name)}/usage?days=${days}`);
  }

  /** What happens during the newest start, up to its end. */
  async *events(name: string, signal?: AbortSignal): AsyncGenerator<EventAnswer, void> {
    yield* this.lines<EventAnswer>(`${serverPath(name)}/events`, signal ? { signal } : {});
  }

  /** What becomes of servers from now on, until the signal. */
  async *watch(signal: AbortSignal): AsyncGenerator<WatchAnswer, void> {
    yield* this.lines<WatchAnswer>('/events', { signal });
  }

  /** The newest lines; with `follow` all further ones, until the signal. `also`: what is merged with them. */
  async *logs(
    name: string,
    { tail, follow, signal, also = [] }: LogQuery & { readonly also?: readonly string[] },
  ): AsyncGenerator<LogLineAnswer, void> {
    const merged = also.map((source) => `&also=${source}`).join('');
    const path = `${serverPath(name)}/logs?tail=${tail}${merged}`;
    if (follow) yield* this.lines<LogLineAnswer>(`${path}&follow=true`, signal ? { signal } : {});
    else yield* (await this.json<{ lines: LogLineAnswer[] }>(path)).lines;
  }

  /** The gateway's own log. */
  async *gatewayLog({
    tail,
    follow,
    signal,
    ...filter
  }: LogQuery & { readonly level?: string; readonly server?: string }): AsyncGenerator<LogEntryAnswer, void> {
    const path = `/logs?${new URLSearchParams({ tail: String(tail), ...filter })}`;
    if (!follow) return yield* (await this.json<{ entries: LogEntryAnswer[] }>(path)).entries;
    for await (const item of this.lines<LogEntryAnswer | WatchFailure>(
      `${path}&follow=true`,
      signal ? { signal } : {},
    )) {
      if ('problem' in item) throw toProblemError(item.problem);
      yield item;
    }
  }

  /** How the installation is, also when it is not well. */
  async health(signal: AbortSignal): Promise<HealthAnswer> {
    return await this.json('/health', { also: 503, signal });
  }

  /** A whole list, page by page; `member` is what the page calls it. */
  async pages<T>(path: string, member: string): Promise<T[]> {
    const all: T[] = [];
    for (;;) {
      const query = `${path.includes('?') ? '&' : '?'}limit=1000&offset=${all.length}`;
      const page = await this.json<Record<string, unknown>>(`${path}${query}`);
      const items = page[member] as T[];
      all.push(...items);
      if (all.length >= Number(page.total) || items.length === 0) return all;
    }
  }

  /** Any request of the API whose answer does not matter. */
  async send(path: string, call: Call): Promise<void> {
    await this.#send(path, call);
  }

  /** Any request of the API that is answered with JSON. */
  async json<T>(path: string, call: Call = {}): Promise<T> {
    const response = await this.#send(path, call);
    return (await response.json().catch((cause: unknown) => {
      throw noGateway(this.url, cause);
    })) as T;
  }

  /** Any request of the API that is answered with JSON lines; ends without an error when the signal does. */
  async *lines<T>(path: string, call: Call = {}): AsyncGenerator<T, void> {
    const response = await this.#send(path, { ...call, accept: 'application/x-ndjson' });
    try {
      for await (const value of readLines(response.body ?? [], parseExact)) yield value as T;
    } catch (cause) {
      if (call.signal?.aborted) return;
      throw new BerthError('unreachable', `the connection to ${this.url} broke`, { cause });
    }
  }

  async #send(
    path: string,
    { also, method = 'GET', body, signal, accept = 'application/json' }: Call,
  ): Promise<Response> {
    const headers: Record<string, string> = { Accept: accept, 'X-Berth-Request': '1' };
    if (this.#options.key !== undefined) headers.Authorization = `Bearer ${this.#options.key}`;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const response = await this.#options
      .fetch(`${this.url}/api/v1${path}`, {
        method,
        headers,
        // A key must not follow a redirect to somewhere else.
        redirect: 'error',
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal && { signal }),
      })
      .catch((cause: unknown) => {
        throw new BerthError('unreachable', `there is no gateway at ${this.url}`, { cause });
      });
    if (!response.ok && response.status !== also)
      throw toError(await response.json().catch(() => undefined), response, this.url);
    return response;
  }
}

function serverPath(name: string): string {
  return `/servers/${encodeURIComponent(name)}`;
}

function toError(problem: unknown, response: Response, url: string): BerthError {
  const isProblem =
    typeof problem === 'object' && problem !== null && 'code' in problem && 'detail' in problem;
  if (!isProblem) return noGateway(url, `status ${response.status}`);
  return toProblemError(problem as ProblemAnswer);
}

/** The error that a problem document was made of. */
export function toProblemError({ detail, errors, ...rest }: ProblemAnswer): BerthError {
  return failureError({ ...rest, message: detail }, errors);
}

/** The error that a failure of the gateway was. */
export function failureError(
  failure: FailureAnswer,
  fields?: readonly { pointer: string; detail: string }[],
): BerthError {
  const code = Object.hasOwn(ERROR_TABLE, failure.code) ? (failure.code as ErrorCode) : 'internal';
  const { hint, phase, exitCode, stderr, message } = failure;
  return new BerthError(code, message, {
    ...(hint !== undefined && { hint }),
    ...(phase !== undefined && { phase }),
    ...(exitCode !== undefined && { exitCode }),
    ...(stderr !== undefined && { stderr }),
    ...(fields !== undefined && { fields }),
  });
}

function noGateway(url: string, cause: unknown): BerthError {
  return new BerthError('unreachable', `what answers at ${url} is no Berth gateway`, { cause });
}
