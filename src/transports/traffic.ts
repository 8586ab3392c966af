/** What is counted of clients' traffic: a few additions on its way, read off when somebody asks. */
import { Histogram, HTTP_BOUNDS } from '../histogram.ts';

const OK = 200;
const METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PUT', 'PATCH']);

/** Requests of one method to one endpoint. */
export class EndpointCount {
  inProgress = 0;
  /** Of those that are over, by status; most are 200, and counted beside. */
  readonly #statuses = new Map<number, number>();
  #ok = 0;
  /** Seconds from the head of the request to the end of its response. */
  readonly durations = new Histogram(HTTP_BOUNDS);

  over(status: number, ms: number): void {
    this.inProgress--;
    if (status === OK) this.#ok++;
    else this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    this.durations.observe(ms / 1_000);
  }

  get statuses(): (readonly [status: number, requests: number])[] {
    return this.#ok > 0 ? [[OK, this.#ok], ...this.#statuses] : [...this.#statuses];
  }
}

export class Traffic {
  readonly #endpoints = new Map<string, Map<string, EndpointCount>>();
  readonly #connections = new Map<string, ConnectionCount>();
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
  get connections(): [server: string, open: number][] {
    // Where nobody is, the count is dropped here: a server that comes and goes must not leave one behind.
    for (const [server, { open }] of this.#connections) if (open === 0) this.#connections.delete(server);
    return Array.from(this.#connections, ([server, { open }]) => [server, open]);
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

interface ConnectionCount {
  open: number;
}

/** One request, from its head to the end of its response. */
export class Visit {
  readonly endpoint: string;
  readonly method: string;
  readonly startedAt: number;
  readonly #connections: Map<string, ConnectionCount>;
  #connection: ConnectionCount | undefined;
  readonly #count: EndpointCount;
  #server: string | undefined;
  /** Of an upgrade, which has no response that would know. */
  status = 400;

  constructor(
    connections: Map<string, ConnectionCount>,
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
    let connection = this.#connections.get(server);
    if (!connection) {
      connection = { open: 0 };
      this.#connections.set(server, connection);
    }
    connection.open++;
    this.#connection = connection;
  }

  /** Its response is over, or the client is gone. */
  over(status: number, now: number): void {
    this.#count.over(status, now - this.startedAt);
    if (this.#connection) this.#connection.open--;
  }
}
