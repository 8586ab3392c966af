/** Raw clients of revision 2026-07-28, over Streamable HTTP and over WebSocket, made to look alike. */
import { WebSocket } from 'ws';
import { encodeHeaderValue } from '../../src/jsonrpc/header-value.ts';
import { envelope } from './conformance-fixture.ts';
import { type OpenResponse, open } from './http-client.ts';
import { Inbox, type Message, type Received } from './inbox.ts';
import { bearer, requestText } from './mcp-client.ts';
import { WsClient } from './ws-client.ts';

export interface ModernOptions {
  readonly capabilities?: Record<string, unknown>;
  readonly key?: string;
}

export interface Sending {
  /** Members of `_meta` beside the envelope. */
  readonly meta?: Record<string, unknown>;
  /** HTTP only: headers beside those that follow from the request. */
  readonly headers?: Record<string, string>;
}

/** A request while it is under way. */
export interface ModernCall {
  /** What came for it and was not taken; over WebSocket also what came for others. */
  readonly inbox: Inbox;
  /** The request as it was sent. */
  readonly text: string;
  /** `patience` in milliseconds where a busy machine needs more than the usual. */
  answer(patience?: number): Promise<Received>;
  /** HTTP status, once the head of the response is there; WebSocket: 0. */
  status(): Promise<number>;
  /** Gives the call up in the way of the transport. */
  leave(): Promise<void>;
}

export abstract class ModernClient {
  readonly options: ModernOptions;
  #lastId = 0;

  constructor(options: ModernOptions = {}) {
    this.options = options;
  }

  /** Sends a request under a fresh id. */
  start(method: string, params: Record<string, unknown> = {}, sending: Sending = {}): ModernCall {
    const _meta = envelope(this.options.capabilities, sending.meta);
    return this.send(String(++this.#lastId), method, { params: { ...params, _meta }, sending });
  }

  /** Sends a request and waits for its answer. */
  async request(method: string, params?: Record<string, unknown>, sending?: Sending): Promise<Message> {
    return (await this.start(method, params, sending).answer()).message;
  }

  /** Calls a tool; `more` are members beside its name and arguments. */
  tool(name: string, more: Record<string, unknown> = {}, sending?: Sending): Promise<Message> {
    return this.request('tools/call', { name, arguments: {}, ...more }, sending);
  }

  /** Sends a notification; resolves with the HTTP status (WebSocket: 0). */
  abstract notify(method: string, params?: Record<string, unknown>): Promise<number>;
  abstract close(): Promise<void>;
  protected abstract send(rawId: string, method: string, body: Body): ModernCall;
}

interface Body {
  readonly params: Record<string, unknown>;
  readonly sending: Sending;
}

const TYPES = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

/** The headers that repeat what a request says. */
export function modernHeaders(method: string, params: Record<string, unknown>): Record<string, string> {
  const named = [params.name, params.uri, params.taskId].find((value) => typeof value === 'string');
  return {
    ...TYPES,
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(typeof named === 'string' && { 'mcp-name': encodeHeaderValue(named) }),
  };
}

/** Each request is a POST of its own. */
export class ModernHttpClient extends ModernClient {
  readonly url: string;
  readonly #open = new Set<OpenResponse>();

  /** `url` is the address of the MCP endpoint itself. */
  constructor(url: string, options: ModernOptions = {}) {
    super(options);
    this.url = url;
  }

  async notify(method: string, params: Record<string, unknown> = {}): Promise<number> {
    const headers = { ...modernHeaders(method, params), ...bearer(this.options.key) };
    const _meta = envelope(this.options.capabilities);
    const body = JSON.stringify({ jsonrpc: '2.0', method, params: { ...params, _meta } });
    const response = await open(this.url, { method: 'POST', headers, body });
    await response.body();
    return response.status;
  }

  async close(): Promise<void> {
    for (const response of this.#open) response.close();
  }

  protected send(rawId: string, method: string, { params, sending }: Body): ModernCall {
    const text = requestText(rawId, method, params);
    const headers = { ...modernHeaders(method, params), ...bearer(this.options.key), ...sending.headers };
    const posted = open(this.url, { method: 'POST', headers, body: text });
    const inbox = new Inbox();
    inbox.tell(`POST ${this.url}: ${text.slice(0, 300)}`);
    posted.then(
      (response) => this.#read(response, inbox),
      (error: unknown) => inbox.end(String(error)),
    );
    return {
      inbox,
      text,
      answer: (patience) => inbox.answer(rawId, patience),
      status: async () => (await posted).status,
      leave: async () => (await posted).close(),
    };
  }

  async #read(response: OpenResponse, inbox: Inbox): Promise<void> {
    this.#open.add(response);
    inbox.tell(`its response: ${response.status} ${response.headers['content-type']}`);
    if (!response.isEvents) inbox.push(await response.text(), 'json');
    else for await (const { data, id } of response.events()) if (data !== '') inbox.push(data, 'events', id);
    this.#open.delete(response);
    inbox.end('the response has ended');
  }
}

/** All requests share one connection. */
export class ModernWsClient extends ModernClient {
  readonly inner: WsClient;

  private constructor(inner: WsClient, options: ModernOptions) {
    super(options);
    this.inner = inner;
  }

  /** `url` may be http. */
  static async connect(url: string, options: ModernOptions = {}): Promise<ModernWsClient> {
    const { key } = options;
    return new ModernWsClient(await WsClient.connect(url, key === undefined ? {} : { key }), options);
  }

  notify(method: string, params: Record<string, unknown> = {}): Promise<number> {
    return this.inner.notify(method, { ...params, _meta: envelope(this.options.capabilities) });
  }

  async close(): Promise<void> {
    if (this.inner.socket.readyState !== WebSocket.CLOSED) await this.inner.close();
  }

  protected send(rawId: string, method: string, { params }: Body): ModernCall {
    const { inner } = this;
    const text = requestText(rawId, method, params);
    void inner.send(text);
    return {
      text,
      inbox: inner.inbox,
      answer: (patience) => inner.inbox.answer(rawId, patience),
      status: () => Promise.resolve(0),
      leave: async () => {
        await inner.notify('notifications/cancelled', { requestId: JSON.parse(rawId) });
      },
    };
  }
}
