/** A server on the loopback address that answers each path as it is told, and keeps what it was asked. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  /** Path and query, decoded. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export type Answer = (asked: Asked, response: ServerResponse) => void;

export class AnsweringServer {
  readonly asked: Asked[] = [];
  readonly #answers: { readonly path: RegExp; readonly answer: Answer }[] = [];
  readonly #server = createServer((request, response) => {
    const asked = { path: decodeURIComponent(request.url ?? '/'), headers: request.headers };
    this.asked.push(asked);
    const found = this.#answers.find(({ path }) => path.test(asked.path));
    if (found) found.answer(asked, response);
    else json({ error: 'not found' }, 404)(asked, response);
  });
  readonly host: string;

  /** Another name of this machine is another host. */
  constructor(host: '127.0.0.1' | 'localhost' = '127.0.0.1') {
    this.host = host;
  }

  get url(): string {
    return `http://${this.host}:${(this.#server.address() as AddressInfo).port}/`;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, this.host, resolve));
    return this;
  }

  /** The newest rule counts. */
  on(path: RegExp, answer: Answer): this {
    this.#answers.unshift({ path, answer });
    return this;
  }

  /** How often a path was asked for. */
  count(path: RegExp): number {
    return this.asked.filter((one) => path.test(one.path)).length;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }
}

export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Answer {
  return (_asked, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
  };
}

export function text(body: string, type: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return (_asked, response) => {
    response.writeHead(200, { 'content-type': type, ...headers }).end(body);
  };
}
