/** Load client of Streamable HTTP in revision 2026-07-28: no session, an envelope and headers on every request. */
import { HttpConnection } from './http-connection.ts';
import { exchange } from './http-session.ts';
import {
  answerFault,
  type BenchSession,
  type CallBody,
  nextId,
  requestBody,
  type Target,
} from './session.ts';

export const MODERN_VERSION = '2026-07-28';
const EMPTY = Buffer.alloc(0);
const ANSWER_MS = 30_000;

/** The members of an envelope, JSON text. */
export function envelope(capabilities: string): string {
  return `"_meta":{"io.modelcontextprotocol/protocolVersion":"${MODERN_VERSION}","io.modelcontextprotocol/clientCapabilities":${capabilities}}`;
}

/** The request that a modern client may begin with. */
export function discoverBody(capabilities: string): CallBody {
  return requestBody('server/discover', `{${envelope(capabilities)}}`);
}

export class ModernSession implements BenchSession {
  readonly #target: Target;
  readonly #capabilities: string;
  readonly #idle: HttpConnection[] = [];
  readonly #all: HttpConnection[] = [];

  constructor(target: Target, capabilities: string) {
    this.#target = target;
    this.#capabilities = capabilities;
  }

  /** There is nothing to open; a first request starts whatever must be started. */
  async open(): Promise<void> {
    const body = discoverBody(this.#capabilities);
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const timer = setTimeout(() => reject(new Error('no answer to server/discover')), ANSWER_MS);
    this.#send(nextId(), body, { method: 'server/discover' }, (answer) =>
      answer instanceof Error ? reject(answer) : resolve(answer),
    );
    await promise.finally(() => clearTimeout(timer));
  }

  call(id: number, body: CallBody, done: (answer: Buffer | Error) => void): void {
    this.#send(id, body, { method: 'tools/call', name: 'echo' }, done);
  }

  pause(): void {
    for (const connection of this.#all) connection.pause();
  }

  get localPorts(): number[] {
    return this.#all.flatMap((connection) => connection.localPort ?? []);
  }

  async close(): Promise<void> {
    for (const each of this.#all) each.close();
  }

  #send(
    id: number,
    body: CallBody,
    headers: { readonly method: string; readonly name?: string },
    done: (answer: Buffer | Error) => void,
  ): void {
    const { path, port } = this.#target;
    const name = headers.name === undefined ? '' : `Mcp-Name: ${headers.name}\r\n`;
    const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nMCP-Protocol-Version: ${MODERN_VERSION}\r\nMcp-Method: ${headers.method}\r\n${name}Content-Length: ${body.length}\r\n\r\n${body.before}${id}`;
    const request = body.large ? { head, tail: body.afterBytes } : { head: head + body.after, tail: EMPTY };
    const connection = this.#idle.pop() ?? this.#connect();
    exchange(connection, request, (reply) => {
      if (reply instanceof Error) return done(reply);
      this.#idle.push(connection);
      if (reply.status !== 200)
        return done(new Error(`status ${reply.status}: ${reply.body.toString('utf8', 0, 200)}`));
      done(answerFault(reply.body, id, body) ?? reply.body);
    });
  }

  #connect(): HttpConnection {
    const connection = new HttpConnection(this.#target.port);
    this.#all.push(connection);
    return connection;
  }
}
