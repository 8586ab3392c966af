/** Raw client of the HTTP+SSE transport of 2024-11-05. */
import { type OpenResponse, open } from './http-client.ts';
import { bearer, type ClientOptions, McpClient } from './mcp-client.ts';

export class SseClient extends McpClient {
  readonly stream: OpenResponse;
  /** Absolute address to post to, as the server announced it. */
  readonly endpoint: string;
  /** Resolves when the event stream has ended. */
  readonly ended: Promise<void>;

  private constructor(stream: OpenResponse, endpoint: string, options: ClientOptions) {
    super(options);
    this.stream = stream;
    this.endpoint = endpoint;
    this.ended = new Promise((resolve) => stream.gone().then(resolve));
  }

  /** `url` is the address of the event stream; rejects with its status when there is no stream. */
  static async connect(url: string, options: ClientOptions = {}): Promise<SseClient> {
    const stream = await open(url, { headers: { accept: 'text/event-stream', ...bearer(options.key) } });
    if (stream.status !== 200) throw new Error(`status ${stream.status}: ${await stream.text()}`);
    const events = stream.events();
    const first = await events.next();
    if (first.done || first.value.event !== 'endpoint')
      throw new Error('the first event is not the endpoint');
    const client = new SseClient(stream, new URL(first.value.data, url).href, options);
    void client.#pump(events);
    return client;
  }

  override get protocolVersion(): string {
    return this.options.protocolVersion ?? '2024-11-05';
  }

  async send(text: string): Promise<number> {
    const headers = { 'content-type': 'application/json', ...bearer(this.options.key) };
    const response = await open(this.endpoint, { method: 'POST', headers, body: text });
    await response.body();
    return response.status;
  }

  async close(): Promise<void> {
    this.stream.close();
    await this.ended;
  }

  async #pump(events: ReturnType<OpenResponse['events']>): Promise<void> {
    for await (const event of events)
      if (event.event === 'message') this.inbox.push(event.data, 'sse', event.id);
    this.inbox.end('the event stream has ended');
  }
}
