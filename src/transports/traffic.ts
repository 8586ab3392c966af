/** What is counted of clients' traffic: a few additions on its way, read off when somebody asks. */
import { Histogram, HTTP_BOUNDS } from '../histogram.ts';

const METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PUT', 'PATCH']);

/** Requests of one method to one endpoint. */
export class EndpointCount {
  inProgress = 0;
  /** Of those that are over, by status. */
  readonly statuses = new Map<number, number>();
  /** Seconds from the head of the request to the end of its response. */
  readonly durations = new Histogram(HTTP_BOUNDS);

  over(status: number, ms: number): void {
    this.inProgress--;
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    this.durations.observe(ms / 1_000);
  }
}

export class Traffic {
  readonly #endpoints = new Map<string, Map<string, EndpointCount>>();
  readonly #connections = new Map<string, number>();
  readonly websockets = { active: 0, received: 0, sent: 0 };

  /** A request has come, at this reading of the clock in milliseconds. */
  begin(endpoint: string, method: string, now: number): Visit {
    const known = METHODS.has(method) ? method : 'other';
    return new Visit(this.#connections, {
      endpoint,
      method: known,
      now,
      count: this.#countOf(endpoint, known),
    });
  }

  /** By endpoint and method. */
  get endpoints(): ReadonlyMap<string, ReadonlyMap<string, EndpointCount>> {
    return this.#endpoints;
  }

  /** Open requests, streams and WebSocket connections by the name of the server; none for servers without. */
  get connections(): ReadonlyMap<string, number> {
    return this.#connections;
  }

  #countOf(endpoint: string, method: string): EndpointCount {
    let methods = this.#endpoints.get(endpoint);
    if (!methods) {
      methods = new Map();
      this.#endpoints.set(endpoint, methods);
    }
    let count = methods.get(method);
    if (!count) {
      count = new EndpointCount();
      methods.set(method, count);
    }
    return count;
  }
}

/** One request, from its head to the end of its response. */
export class Visit {
  readonly endpoint: string;
  readonly method: string;
  readonly startedAt: number;
  readonly #connections: Map<string, number>;
  readonly #count: EndpointCount;
  #server: string | undefined;
  /** Of an upgrade, which has no response that would know. */
  status = 400;

  constructor(
    connections: Map<string, number>,
    of: {
      readonly endpoint: string;
      readonly method: string;
      readonly now: number;
      readonly count: EndpointCount;
    },
  ) {
    this.endpoint = of.endpoint;
    this.method = of.method;
    this.startedAt = of.now;
    this.#count = of.count;
    this.#connections = connections;
    of.count.inProgress++;
  }

  /** Name of the server that it was let in to. */
  get server(): string | undefined {
    return this.#server;
  }

  /** It is let in to a server that exists: only such names are counted by. */
  enter(server: string): void {
    if (this.#server !== undefined) return;
    this.#server = server;
    this.#connections.set(server, (this.#connections.get(server) ?? 0) + 1);
  }

  /** Its response is over, or the client is gone. */
  over(status: number, now: number): void {
    this.#count.over(status, now - this.startedAt);
    const server = this.#server;
    if (server === undefined) return;
    const others = (this.#connections.get(server) ?? 1) - 1;
    if (others > 0) this.#connections.set(server, others);
    else this.#connections.delete(server);
  }
}
