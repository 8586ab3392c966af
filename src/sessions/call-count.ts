/** What is counted of calls: by transport and era, then by method. Whoever counts has found its place before. */
import { CALL_BOUNDS, Histogram } from '../histogram.ts';

/** `api`: Berth's own client, for callers of its API. */
export type ClientTransport = 'streamable-http' | 'sse' | 'websocket' | 'api';
export type ClientEra = 'legacy' | 'modern';
/** `cancelled`: the client did not want its answer any more. */
export type CallOutcome = 'success' | 'error' | 'cancelled';

/** Methods of the protocol that are requests; clients may make up as many others as they like, and all of those are one. */
const METHODS: ReadonlySet<string> = new Set([
  'completion/complete',
  'initialize',
  'logging/setLevel',
  'ping',
  'prompts/get',
  'prompts/list',
  'resources/list',
  'resources/read',
  'resources/subscribe',
  'resources/templates/list',
  'resources/unsubscribe',
  'server/discover',
  'subscriptions/listen',
  'tasks/cancel',
  'tasks/get',
  'tasks/list',
  'tasks/result',
  'tasks/update',
  'tools/call',
  'tools/list',
]);
const OTHER = 'other';

export class MethodCount {
  success = 0;
  error = 0;
  cancelled = 0;
  /** Seconds from the request to the end of its call. */
  readonly durations = new Histogram(CALL_BOUNDS);
}

export class CallCount {
  readonly transport: ClientTransport;
  readonly era: ClientEra;
  readonly #methods = new Map<string, MethodCount>();

  constructor(transport: ClientTransport, era: ClientEra) {
    this.transport = transport;
    this.era = era;
  }

  get methods(): ReadonlyMap<string, MethodCount> {
    return this.#methods;
  }

  /** A call is over, `ms` milliseconds after it came. */
  settled(method: string, outcome: CallOutcome, ms: number): void {
    const count = this.#methods.get(method) ?? this.#count(METHODS.has(method) ? method : OTHER);
    count[outcome]++;
    count.durations.observe(ms / 1_000);
  }

  #count(method: string): MethodCount {
    const count = this.#methods.get(method) ?? new MethodCount();
    this.#methods.set(method, count);
    return count;
  }
}
