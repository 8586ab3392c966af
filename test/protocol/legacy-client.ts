/** Legacy clients of the matrix: the raw clients of each transport, with a session or without. */
import { open } from '../support/http-client.ts';
import type { Message, Received } from '../support/inbox.ts';
import { type McpClient, requestText } from '../support/mcp-client.ts';
import { SseClient } from '../support/sse-client.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { connect, type Transport } from '../support/transports.ts';
import { WsClient } from '../support/ws-client.ts';
import {
  answerTo,
  BATCH_IDS,
  type Call,
  type CallOptions,
  EVERYTHING,
  type MatrixClient,
  type Question,
  Refused,
  type Running,
  type Watch,
} from './matrix-client.ts';

export interface LegacyOptions {
  readonly transport: Transport;
  readonly protocolVersion?: string;
  readonly capabilities?: Record<string, unknown>;
}

const NEWEST = '2025-11-25';

/** A legacy client over any of the three transports. */
export class LegacyMatrixClient implements MatrixClient {
  readonly era = 'legacy';
  readonly inner: McpClient;
  readonly opening: Message;
  /** It has a stream for what no call of it brings; if not, the HTTP status that says so. */
  readonly #listens: number;
  /** Notifications that nobody has taken. */
  readonly #heard: Message[] = [];
  #lastId = 0;

  private constructor(inner: McpClient, opening: Message, listens: number) {
    this.inner = inner;
    this.opening = opening;
    this.#listens = listens;
  }

  /** Connects to a server's base address, shakes hands, and listens where the transport has a stream for that. */
  static async connect(base: string, options: LegacyOptions): Promise<LegacyMatrixClient> {
    const { transport, capabilities = EVERYTHING, protocolVersion = NEWEST } = options;
    const inner = await connect(transport, base, { capabilities, protocolVersion });
    const { message } = await inner.initialize();
    if (message.error) throw new Refused(message.error.code, message.error.message);
    const listens = inner instanceof StreamableClient ? (await inner.get()).status : 200;
    return new LegacyMatrixClient(inner, message, listens);
  }

  async call(method: string, params: Record<string, unknown> = {}, options: CallOptions = {}): Promise<Call> {
    return this.#over(this.#send(method, params, options));
  }

  async batch(method: string): Promise<Message[]> {
    const texts = BATCH_IDS.map((id) => requestText(JSON.stringify(id), method));
    const refused = await this.#refusedBatch(`[${texts.join(',')}]`);
    if (refused) return [refused];
    const isAnswer = ({ message: { id, method: named } }: Received): boolean =>
      named === undefined && (id === null || BATCH_IDS.includes(String(id)));
    const first = await this.inner.inbox.take('an answer to the batch', isAnswer);
    if (first.message.id === null) return [first.message];
    const second = await this.inner.inbox.take('the other answer to the batch', isAnswer);
    return [first.message, second.message];
  }

  async begin(tool: string): Promise<Running> {
    const id = `m${++this.#lastId}`;
    const params = { name: tool, arguments: {}, _meta: { progressToken: id } };
    const text = requestText(JSON.stringify(id), 'tools/call', params);
    void this.inner.send(text);
    const { eventId } = await this.inner.inbox.method('notifications/progress');
    return {
      text,
      eventId,
      cancel: async () => {
        await this.inner.notify('notifications/cancelled', { requestId: id });
      },
      vanish: () => vanish(this.inner),
    };
  }

  async setLevel(level: string): Promise<Message> {
    return (await this.call('logging/setLevel', { level })).answer;
  }

  async watch(uri?: string): Promise<Watch> {
    if (uri !== undefined) {
      const { answer } = await this.call('resources/subscribe', { uri });
      if (answer.error) throw new Refused(answer.error.code, answer.error.message);
    }
    if (this.#listens !== 200) throw new Refused(this.#listens);
    this.#heard.length = 0;
    return {
      next: (method) => this.heard(method),
      waiting: this.#heard,
      close: async () => {
        if (uri !== undefined) await this.call('resources/unsubscribe', { uri });
      },
    };
  }

  /** The next notification of a method that nobody has taken. */
  async heard(method: string): Promise<Message> {
    const at = this.#heard.findIndex((message) => message.method === method);
    const [found] = at < 0 ? [] : this.#heard.splice(at, 1);
    return found ?? (await this.inner.inbox.method(method)).message;
  }

  async notify(method: string): Promise<void> {
    await this.inner.notify(method);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  /** Sends it; over SSE a refusal is the answer to the POST. */
  async #refusedBatch(body: string): Promise<Message | undefined> {
    if (!(this.inner instanceof SseClient)) void this.inner.send(body);
    else {
      const headers = { 'content-type': 'application/json' };
      const response = await open(this.inner.endpoint, { method: 'POST', headers, body });
      const text = await response.text();
      if (response.status >= 400) return JSON.parse(text) as Message;
    }
    return undefined;
  }

  #send(method: string, params: Record<string, unknown>, { progress, meta }: CallOptions): string {
    const id = `m${++this.#lastId}`;
    const _meta = { ...meta, ...(progress && { progressToken: id }) };
    void this.inner.send(requestText(JSON.stringify(id), method, { ...params, _meta }));
    return id;
  }

  /** Takes what comes until a call is over, and answers what is asked meanwhile. */
  async #over(id: string): Promise<Call> {
    const [notified, asked]: [Message[], Question[]] = [[], []];
    const concerns = ({ message }: Received): boolean =>
      message.method !== undefined || message.id === id || message.id === null;
    for (;;) {
      const { message } = await this.inner.inbox.take(`the answer to ${id}`, concerns);
      if (message.method === undefined) return { answer: message, notified, asked };
      if (message.id !== undefined) asked.push(await this.#answer(message));
      else {
        notified.push(message);
        this.#heard.push(message);
      }
    }
  }

  async #answer({ id, method = '', params = {} }: Message): Promise<Question> {
    const question = { method, params };
    await this.inner.respond(id, answerTo(question));
    return question;
  }
}

/** The connections are cut; nothing else is said. */
async function vanish(client: McpClient): Promise<void> {
  if (client instanceof WsClient) client.socket.terminate();
  else if (client instanceof SseClient) client.stream.close();
  else if (client instanceof StreamableClient) client.cut();
}
