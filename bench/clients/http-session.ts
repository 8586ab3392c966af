/** Load client of Streamable HTTP: one keep-alive connection per request in flight. */
import { HttpConnection } from './http-connection.ts';
import {
  answerFault,
  type BenchSession,
  type CallBody,
  INITIALIZE,
  INITIALIZED,
  nextId,
  PROTOCOL_VERSION,
  requestHead,
  type Target,
} from './session.ts';

const EMPTY = Buffer.alloc(0);
const TIMEOUT_MS = 30_000;

/** The statuses and bytes of one response. */
interface Reply {
  readonly status: number;
  readonly headers: string;
  readonly body: Buffer;
}

/** Sends one request and collects its whole response; `done` gets an error when the connection fails. */
export function exchange(
  connection: HttpConnection,
  request: { head: string; tail: Buffer },
  done: (reply: Reply | Error) => void,
): void {
  let status = 0;
  let headers = '';
  const chunks: Buffer[] = [];
  connection.send(request.head, request.tail, {
    head(code, text) {
      status = code;
      headers = text;
    },
    data: (chunk) => void chunks.push(chunk),
    end: () =>
      done({ status, headers, body: chunks.length === 1 ? (chunks[0] ?? EMPTY) : Buffer.concat(chunks) }),
    fail: done,
  });
}

export class HttpSession implements BenchSession {
  readonly #target: Target;
  readonly #initialize: CallBody;
  readonly #idle: HttpConnection[] = [];
  readonly #all: HttpConnection[] = [];
  #headers = '';
  #session = '';
  #stream: HttpConnection | undefined;

  constructor(target: Target, initialize: CallBody = INITIALIZE) {
    this.#target = target;
    this.#initialize = initialize;
    this.#headers = this.#postHeaders('');
  }

  async open(): Promise<void> {
    const id = nextId();
    const first = await this.#post(`${this.#initialize.before}${id}${this.#initialize.after}`);
    const fault =
      first.status === 200
        ? answerFault(first.body, id, this.#initialize)
        : new Error(`initialize: status ${first.status}`);
    if (fault !== undefined) throw fault;
    this.#session = /\r\nmcp-session-id: *([^\r]+)/i.exec(first.headers)?.[1] ?? '';
    this.#headers = this.#postHeaders(
      `Mcp-Session-Id: ${this.#session}\r\nMCP-Protocol-Version: ${PROTOCOL_VERSION}\r\n`,
    );
    const second = await this.#post(INITIALIZED);
    if (second.status !== 202 && second.status !== 200)
      throw new Error(`initialized: status ${second.status}`);
  }

  /** Opens the standalone stream; resolves with the status (anything but 200 means that there is none). */
  async openStream(): Promise<number> {
    const connection = this.#take();
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const head = `${requestHead('GET', this.#target)}Accept: text/event-stream\r\nMcp-Session-Id: ${this.#session}\r\nMCP-Protocol-Version: ${PROTOCOL_VERSION}\r\n\r\n`;
    connection.send(head, EMPTY, {
      head: resolve,
      data: () => undefined,
      end: () => undefined,
      fail: reject,
    });
    const status = await promise;
    if (status === 200) this.#stream = connection;
    return status;
  }

  call(id: number, body: CallBody, done: (answer: Buffer | Error) => void): void {
    const start = `${this.#headers}Content-Length: ${body.length}\r\n\r\n${body.before}${id}`;
    const request = body.large
      ? { head: start, tail: body.afterBytes }
      : { head: start + body.after, tail: EMPTY };
    const connection = this.#take();
    exchange(connection, request, (reply) => {
      if (reply instanceof Error) return done(reply);
      this.#idle.push(connection);
      if (reply.status !== 200)
        return done(new Error(`status ${reply.status}: ${reply.body.toString('utf8', 0, 200)}`));
      done(answerFault(reply.body, id, body) ?? reply.body);
    });
  }

  pause(): void {
    for (const connection of this.#all) connection.pause();
  }

  get localPorts(): number[] {
    return this.#all.flatMap((connection) => connection.localPort ?? []);
  }

  async close(): Promise<void> {
    this.#stream?.close();
    const head = `${requestHead('DELETE', this.#target)}Mcp-Session-Id: ${this.#session}\r\nMCP-Protocol-Version: ${PROTOCOL_VERSION}\r\n\r\n`;
    const connection = new HttpConnection(this.#target.port, this.#target.address);
    this.#all.push(connection);
    await new Promise<void>((resolve) => {
      setTimeout(resolve, 2000).unref();
      exchange(connection, { head, tail: EMPTY }, () => resolve());
    });
    for (const each of this.#all) each.close();
  }

  #take(): HttpConnection {
    const free = this.#idle.pop();
    if (free !== undefined) return free;
    const connection = new HttpConnection(this.#target.port, this.#target.address);
    this.#all.push(connection);
    return connection;
  }

  #postHeaders(extra: string): string {
    return `${requestHead('POST', this.#target)}Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n${extra}`;
  }

  #post(text: string): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const timer = setTimeout(() => reject(new Error('no answer to a handshake message')), TIMEOUT_MS);
    const connection = this.#take();
    exchange(
      connection,
      { head: `${this.#headers}Content-Length: ${text.length}\r\n\r\n${text}`, tail: EMPTY },
      (reply) => {
        clearTimeout(timer);
        if (reply instanceof Error) return reject(reply);
        this.#idle.push(connection);
        resolve(reply);
      },
    );
    return promise;
  }
}
