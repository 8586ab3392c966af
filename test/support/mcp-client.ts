/** What the three raw clients have in common: they write texts and put what comes into one inbox. */
import { Inbox, type Received } from './inbox.ts';

export interface ClientOptions {
  readonly protocolVersion?: string;
  readonly capabilities?: Record<string, unknown>;
  /** Sent as a bearer token. */
  readonly key?: string;
}

export function bearer(key: string | undefined): Record<string, string> {
  return key === undefined ? {} : { authorization: `Bearer ${key}` };
}

/** The text of a request with its params last, as the trap server's echo wants it. */
export function requestText(rawId: string, method: string, params: unknown = {}): string {
  const raw = typeof params === 'string' ? params : JSON.stringify(params);
  return `{"jsonrpc":"2.0","id":${rawId},"method":${JSON.stringify(method)},"params":${raw}}`;
}

export abstract class McpClient {
  readonly inbox = new Inbox();
  readonly options: ClientOptions;
  #lastId = 0;

  constructor(options: ClientOptions = {}) {
    this.options = options;
  }

  /** Sends one text; resolves with the HTTP status once it is known (WebSocket: 0). */
  abstract send(text: string): Promise<number>;
  abstract close(): Promise<void>;

  get protocolVersion(): string {
    return this.options.protocolVersion ?? '2025-11-25';
  }

  /** The handshake; resolves with the answer to initialize. */
  async initialize(): Promise<Received> {
    const { capabilities = {} } = this.options;
    const clientInfo = { name: 'berth-test', version: '1.0.0' };
    const params = { protocolVersion: this.protocolVersion, capabilities, clientInfo };
    await this.send(requestText('"init"', 'initialize', params));
    // a refusal that comes before the body is read cannot name the id
    const answer = await this.inbox.take('answer to initialize', ({ message: { id, error } }) => {
      return id === 'init' || (error !== undefined && (id === null || id === undefined));
    });
    if (answer.message.error === undefined) await this.notify('notifications/initialized');
    return answer;
  }

  notify(method: string, params?: unknown): Promise<number> {
    return this.send(JSON.stringify({ jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) }));
  }

  /** Answers a server's request. */
  respond(id: unknown, result: unknown): Promise<number> {
    return this.send(JSON.stringify({ jsonrpc: '2.0', id, result }));
  }

  /** Sends a request with an id given as its bytes and waits for the answer. */
  async request(rawId: string, method: string, params: unknown = {}): Promise<Received> {
    const answer = this.inbox.answer(rawId);
    await Promise.race([answer, this.send(requestText(rawId, method, params))]);
    return answer;
  }

  /** Calls a tool under a fresh id. */
  tool(name: string, args: unknown = {}, extra: Record<string, unknown> = {}): Promise<Received> {
    return this.request(`"call-${++this.#lastId}"`, 'tools/call', { name, arguments: args, ...extra });
  }

  /** Calls a tool and gives the text of its answer. */
  async toolText(name: string, args: unknown = {}): Promise<string> {
    const { message, text } = await this.tool(name, args);
    const content = message.result?.content as { text: string }[] | undefined;
    const first = content?.[0];
    if (!first) throw new Error(`no text in ${text.slice(0, 300)}`);
    return first.text;
  }
}
