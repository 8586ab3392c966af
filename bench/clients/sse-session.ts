/** Load client of HTTP+SSE (2024-11-05): one event stream, POSTs over a small pool of keep-alive connections. */
import { HttpConnection } from './http-connection.ts';
import { exchange } from './http-session.ts';
import { awaitAnswer, Pending } from './pending.ts';
import { type BenchSession, type CallBody, INITIALIZE, INITIALIZED, nextId, type Target } from './session.ts';

const EMPTY = Buffer.alloc(0);
const BLANK_LINE = Buffer.from('\n\n');
const DATA = Buffer.from('data: ');
const LINE_FEED = 10;
const TIMEOUT_MS = 30_000;

/** Splits an event stream and hands out the data of each event (one data line per event, as every contestant sends it). */
export class EventSplitter {
  readonly #emit: (data: Buffer) => void;
  #parts: Buffer[] = [];
  #last = 0;

  constructor(emit: (data: Buffer) => void) {
    this.#emit = emit;
  }

  push(chunk: Buffer): void {
    let from = 0;
    // A blank line may be cut between two chunks.
    if (this.#last === LINE_FEED && chunk[0] === LINE_FEED) {
      this.#finish(EMPTY);
      from = 1;
    }
    for (let end = chunk.indexOf(BLANK_LINE, from); end !== -1; end = chunk.indexOf(BLANK_LINE, from)) {
      this.#finish(chunk.subarray(from, end));
      from = end + 2;
    }
    if (from < chunk.length) {
      this.#parts.push(from === 0 ? chunk : chunk.subarray(from));
      this.#last = chunk[chunk.length - 1] ?? 0;
    } else this.#last = 0;
  }

  #finish(piece: Buffer): void {
    this.#parts.push(piece);
    const event = this.#parts.length === 1 ? piece : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#last = 0;
    const at = event.indexOf(DATA);
    const end = event[event.length - 1] === LINE_FEED ? event.length - 1 : event.length;
    if (at !== -1) this.#emit(event.subarray(at + DATA.length, end));
  }
}

export class SseSession implements BenchSession {
  readonly #target: Target;
  readonly #stream: HttpConnection;
  readonly #idle: HttpConnection[] = [];
  readonly #all: HttpConnection[] = [];
  readonly #pending = new Pending();
  #headers = '';
  #endpoint: PromiseWithResolvers<string> | undefined;

  constructor(target: Target) {
    this.#target = target;
    this.#stream = new HttpConnection(target.port);
  }

  async open(): Promise<void> {
    const path = await this.#connect();
    this.#headers = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${this.#target.port}\r\nContent-Type: application/json\r\n`;
    await awaitAnswer((done) => this.call(nextId(), INITIALIZE, done), TIMEOUT_MS);
    const head = `${this.#headers}Content-Length: ${INITIALIZED.length}\r\n\r\n${INITIALIZED}`;
    await awaitAnswer((done) => this.#post({ head, tail: EMPTY }, done), TIMEOUT_MS);
  }

  call(id: number, body: CallBody, done: (answer: Buffer | Error) => void): void {
    this.#pending.add(id, body, done);
    const start = `${this.#headers}Content-Length: ${body.length}\r\n\r\n${body.before}${id}`;
    const request = body.large
      ? { head: start, tail: body.afterBytes }
      : { head: start + body.after, tail: EMPTY };
    this.#post(request, (reply) => {
      if (reply instanceof Error) this.#pending.reject(id, reply);
    });
  }

  pause(): void {
    this.#stream.pause();
  }

  get localPorts(): number[] {
    return [this.#stream, ...this.#all].flatMap((connection) => connection.localPort ?? []);
  }

  async close(): Promise<void> {
    this.#stream.close();
    for (const connection of this.#all) connection.close();
  }

  #connect(): Promise<string> {
    const endpoint = Promise.withResolvers<string>();
    this.#endpoint = endpoint;
    const timer = setTimeout(() => endpoint.reject(new Error('no endpoint event')), TIMEOUT_MS);
    const events = new EventSplitter((data) => this.#event(data));
    const fail = (error: Error): void => {
      endpoint.reject(error);
      this.#pending.fail(error);
    };
    const head = `GET ${this.#target.path} HTTP/1.1\r\nHost: 127.0.0.1:${this.#target.port}\r\nAccept: text/event-stream\r\n\r\n`;
    this.#stream.send(head, EMPTY, {
      head: (status) => (status === 200 ? undefined : fail(new Error(`event stream: status ${status}`))),
      data: (chunk) => events.push(chunk),
      end: () => fail(new Error('event stream ended')),
      fail,
    });
    return endpoint.promise.finally(() => clearTimeout(timer));
  }

  #event(data: Buffer): void {
    if (this.#endpoint === undefined) return void this.#pending.settle(data);
    const url = new URL(data.toString().split('\n')[0] ?? '', `http://127.0.0.1:${this.#target.port}`);
    this.#endpoint.resolve(url.pathname + url.search);
    this.#endpoint = undefined;
  }

  #connection(): HttpConnection {
    const connection = new HttpConnection(this.#target.port);
    this.#all.push(connection);
    return connection;
  }

  #post(request: { head: string; tail: Buffer }, done: (reply: Buffer | Error) => void): void {
    const connection = this.#idle.pop() ?? this.#connection();
    exchange(connection, request, (reply) => {
      if (reply instanceof Error) return done(reply);
      this.#idle.push(connection);
      done(
        reply.status < 300
          ? reply.body
          : new Error(`status ${reply.status}: ${reply.body.toString('utf8', 0, 200)}`),
      );
    });
  }
}
