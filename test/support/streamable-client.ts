/** Raw Streamable HTTP client: every POST and GET stream is visible by name. */
import { type OpenResponse, open } from './http-client.ts';
import { bearer, type ClientOptions, McpClient } from './mcp-client.ts';

const JSON_TYPES = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

export class StreamableClient extends McpClient {
  readonly url: string;
  session: string | undefined;
  #posts = 0;
  #gets = 0;
  readonly #streams = new Set<OpenResponse>();

  /** `url` is the address of the MCP endpoint itself. */
  constructor(url: string, options: ClientOptions = {}) {
    super(options);
    this.url = url;
  }

  headers(): Record<string, string> {
    if (this.session === undefined) return bearer(this.options.key);
    return {
      ...bearer(this.options.key),
      'mcp-session-id': this.session,
      'mcp-protocol-version': this.protocolVersion,
    };
  }

  /** One POST whose response the caller reads. */
  post(body: string | Buffer, headers: Record<string, string> = {}): Promise<OpenResponse> {
    return open(this.url, {
      method: 'POST',
      headers: { ...JSON_TYPES, ...this.headers(), ...headers },
      body,
    });
  }

  async send(text: string): Promise<number> {
    const name = `post-${++this.#posts}`;
    this.inbox.tell(`${name} to ${this.url}: ${text.slice(0, 300)}`);
    const response = await this.post(text);
    this.inbox.tell(`${name}: ${response.status} ${response.headers['content-type']}`);
    const session = response.headers['mcp-session-id'];
    if (typeof session === 'string') this.session = session;
    if (response.isEvents) void this.#pump(response, name);
    else await this.#whole(response, name);
    return response.status;
  }

  /** Opens the standalone stream, or resumes any stream after an event; resolves with the response, whose events go to the inbox. */
  async get(lastEventId?: string): Promise<OpenResponse> {
    const resume = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const headers = { accept: 'text/event-stream', ...this.headers(), ...resume };
    const response = await open(this.url, { headers });
    if (response.isEvents) void this.#pump(response, `get-${++this.#gets}`);
    return response;
  }

  async delete(): Promise<number> {
    const response = await open(this.url, { method: 'DELETE', headers: this.headers() });
    await response.body();
    return response.status;
  }

  /** Drops every stream that is open. */
  cut(): void {
    for (const stream of this.#streams) stream.close();
  }

  async close(): Promise<void> {
    this.cut();
    if (this.session !== undefined) await this.delete().catch(() => 0);
  }

  async #pump(response: OpenResponse, name: string): Promise<void> {
    this.#streams.add(response);
    for await (const event of response.events()) {
      if (event.data !== '') this.inbox.push(event.data, name, event.id);
    }
    this.inbox.tell(`${name}: ended`);
    this.#streams.delete(response);
  }

  async #whole(response: OpenResponse, name: string): Promise<void> {
    const text = await response.text();
    if (text.startsWith('['))
      for (const part of JSON.parse(text) as unknown[]) this.inbox.push(JSON.stringify(part), name);
    else if (text.startsWith('{')) this.inbox.push(text, name);
  }
}
