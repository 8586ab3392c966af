/** The plainest HTTP client: exact status, headers and bytes, nothing followed, nothing retried. */
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { readEvents, type SseEvent } from './sse-reader.ts';

export interface Send {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** A response whose head has come and whose body has not been read. */
export class OpenResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly #request: ClientRequest;
  readonly #message: IncomingMessage;

  constructor(request: ClientRequest, message: IncomingMessage) {
    this.#request = request;
    this.#message = message;
    this.status = message.statusCode ?? 0;
    this.headers = message.headers;
  }

  get isEvents(): boolean {
    return (this.headers['content-type'] ?? '').startsWith('text/event-stream');
  }

  async body(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.#message) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }

  async text(): Promise<string> {
    return (await this.body()).toString('utf8');
  }

  /** Server-sent events until the stream ends; a cut connection ends it too. */
  events(): AsyncGenerator<SseEvent> {
    return readEvents(this.#message);
  }

  /** Resolves when the connection is gone, whoever ended it; reads nothing. */
  gone(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#message.socket.destroyed) resolve();
      else this.#message.socket.once('close', () => resolve());
    });
  }

  /** Drops the connection. */
  close(): void {
    this.#request.on('error', () => {});
    this.#request.destroy();
  }
}

/** Sends one request on a connection of its own and resolves with the head of the response. */
export function open(url: string, send: Send = {}): Promise<OpenResponse> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = send;
    const outgoing = request(url, { method, headers, agent: false });
    outgoing.on('response', (message) => {
      message.on('error', () => {});
      resolve(new OpenResponse(outgoing, message));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
