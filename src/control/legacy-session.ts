/** What a gateway keeps of one legacy session: a transport, and a server of the gateway's own behind it. */
import { type JSONRPCMessage, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import type { Clock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import type { OpenListens } from './open-listens.ts';
import { markRequestIds, type TakeForeign } from './own-request-ids.ts';

/** What a client said as it opened its session. */
export interface Hello {
  readonly protocolVersion: string;
  readonly capabilities: object;
}

/** A body that was read already. */
export interface ReadBody {
  readonly parsedBody?: unknown;
}

/** A server behind a transport. */
export interface Connected {
  /**
   * Its client has an event stream, until what this returns is called. `again`: there may have been one before, and nothing is known of
   * what has changed since.
   */
  listens?(again: boolean): () => void;
}

/** Puts a server behind the transport. Closing the transport closes the server. */
export type Connect = (transport: WebStandardStreamableHTTPServerTransport) => Promise<Connected>;

export interface LegacySessionOptions {
  readonly owner: string;
  readonly newId: () => string;
  /** It was opened elsewhere, or here some time ago: its client may have had an event stream. */
  readonly hasListened: boolean;
  readonly clock: Clock;
  readonly streams: OpenListens | undefined;
  /** It has its id. */
  readonly onOpened: (id: string) => void;
  /** Its client has ended it; its answer waits for this. */
  readonly onEnded: (id: string) => Promise<void>;
  /** Nothing is kept of it any more. */
  readonly onGone: (id: string | undefined) => void;
  /** What its client has sent here and another gateway may wait for. */
  readonly elsewhere: (id: string, message: JSONRPCMessage) => void;
}

export class LegacySession {
  lastUsed: number;
  /** Requests and event streams that are being answered. */
  busy = 0;
  readonly #options: LegacySessionOptions;
  readonly #transport: WebStandardStreamableHTTPServerTransport;
  #connected: Connected = {};
  #take: TakeForeign = () => false;
  #hasListened: boolean;
  #gone = false;

  constructor(options: LegacySessionOptions) {
    this.#options = options;
    this.#hasListened = options.hasListened;
    this.lastUsed = options.clock.now();
    this.#transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: options.newId,
      onsessioninitialized: options.onOpened,
      onsessionclosed: options.onEnded,
    });
    this.#transport.onclose = () => {
      this.#gone = true;
      options.onGone(this.id);
    };
  }

  get owner(): string {
    return this.#options.owner;
  }

  get id(): string | undefined {
    return this.#transport.sessionId;
  }

  /** To be called once, before anything else. */
  async connect(connect: Connect): Promise<void> {
    this.#connected = await connect(this.#transport);
    this.#take = markRequestIds(this.#transport, (message) => {
      if (this.id !== undefined) this.#options.elsewhere(this.id, message);
    });
    // Ended while its server was made, which the transport does not hear of.
    if (this.#gone) await this.#transport.close();
  }

  /** Says again what the client said as it opened the session, so that its server knows it. */
  async introduce({ id, url, hello }: { readonly id: string; readonly url: string; readonly hello: Hello }) {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': id,
    };
    const say = async (message: object): Promise<void> => {
      const request = new Request(url, { method: 'POST', headers, body: JSON.stringify(message) });
      await (await this.#handle(request)).text();
    };
    const clientInfo = { name: 'client', version: '0' };
    await say({ jsonrpc: '2.0', id: 0, method: 'initialize', params: { ...hello, clientInfo } });
    await say({ jsonrpc: '2.0', method: 'notifications/initialized' });
  }

  /** Nothing of the session should be given up before its answer is over. Rejects with `unknown-session` for one that has ended. */
  async answer(request: Request, body: ReadBody = {}): Promise<Response> {
    this.#begin();
    try {
      const response = await this.#handle(request, body);
      if (!isEventStream(response)) return response;
      const over = request.method === 'GET' ? this.#listened() : () => {};
      this.#begin();
      return watched(response, () => {
        over();
        this.#end();
      });
    } finally {
      this.#end();
    }
  }

  /** What its client has sent to another gateway; false for what is not for this one. */
  take(message: JSONRPCMessage): boolean {
    return this.#take(message);
  }

  /** Nothing is kept of it any more, and no request is answered. */
  async close(): Promise<void> {
    this.#gone = true;
    await this.#transport.close();
  }

  #begin(): void {
    this.lastUsed = this.#options.clock.now();
    this.busy++;
  }

  #end(): void {
    this.lastUsed = this.#options.clock.now();
    this.busy--;
  }

  /** A transport that was closed takes a request, and nobody answers it. */
  async #handle(request: Request, body: ReadBody = {}): Promise<Response> {
    const response = this.#gone ? undefined : await this.#transport.handleRequest(request, body);
    // The response to the request by which its client ends it is one.
    if (response && (!this.#gone || request.method === 'DELETE')) return response;
    await response?.body?.cancel();
    throw unknownSession();
  }

  /** Its client has an event stream until what this returns is called; it ends when the gateway goes away. */
  #listened(): () => void {
    const end = (): void => this.#transport.closeStandaloneSSEStream();
    const closed = this.#options.streams?.add({ busy: false, end });
    const over = this.#connected.listens?.(this.#hasListened);
    this.#hasListened = true;
    return () => {
      closed?.();
      over?.();
    };
  }
}

export function unknownSession(): BerthError {
  return new BerthError('unknown-session', 'unknown session');
}

function isEventStream({ body, headers }: Response): boolean {
  return body !== null && headers.get('content-type') === 'text/event-stream';
}

/** The same response; calls back once its body is over, or nobody reads it any more. */
function watched({ body, status, headers }: Response, over: () => void): Response {
  if (!body) throw new Error('a response without a body');
  return new Response(body.pipeThrough(new TransformStream({ flush: over, cancel: over })), {
    status,
    headers,
  });
}
