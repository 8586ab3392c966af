/** Modern clients of the matrix: every round of a call is made here, with the answers that it asks for. */
import { envelope } from '../support/conformance-fixture.ts';
import { open } from '../support/http-client.ts';
import type { Message } from '../support/inbox.ts';
import { requestText } from '../support/mcp-client.ts';
import {
  type ModernCall,
  type ModernClient,
  ModernHttpClient,
  type ModernOptions,
  ModernWsClient,
  modernHeaders,
} from '../support/modern-client.ts';
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

export type ModernTransport = 'streamable-http' | 'websocket';

const LISTS = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };
const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';
const MOST_ROUNDS = 10;

/** A modern client over either of its transports. */
export class ModernMatrixClient implements MatrixClient {
  readonly era = 'modern';
  readonly inner: ModernClient;
  readonly opening: Message;
  #lastToken = 0;

  private constructor(inner: ModernClient, opening: Message) {
    this.inner = inner;
    this.opening = opening;
  }

  /** Connects to a server's base address and asks what it is. */
  static async connect(
    base: string,
    transport: ModernTransport,
    options: ModernOptions = {},
  ): Promise<ModernMatrixClient> {
    const declared = { capabilities: EVERYTHING, ...options };
    const inner =
      transport === 'websocket'
        ? await ModernWsClient.connect(`${base}/ws`, declared)
        : new ModernHttpClient(`${base}/mcp`, declared);
    return new ModernMatrixClient(inner, await inner.request('server/discover'));
  }

  async call(method: string, params: Record<string, unknown> = {}, options: CallOptions = {}): Promise<Call> {
    const [notified, asked]: [Message[], Question[]] = [[], []];
    let sent = params;
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const call = this.#start(method, sent, options);
      const { message: answer } = await call.answer();
      notified.push(...takeNotifications(call));
      if (answer.result?.resultType !== 'input_required') return { answer, notified, asked };
      const { inputRequests = {}, requestState } = answer.result;
      const questions = Object.entries(inputRequests as Record<string, Question>);
      asked.push(...questions.map(([, question]) => question));
      const inputResponses = Object.fromEntries(
        questions.map(([key, question]) => [key, answerTo(question)]),
      );
      sent = { ...params, inputResponses, ...(requestState !== undefined && { requestState }) };
    }
    throw new Error(`${method} asked more than ${MOST_ROUNDS} times`);
  }

  async batch(method: string): Promise<Message[]> {
    const { inner } = this;
    const params = { _meta: envelope() };
    const text = `[${BATCH_IDS.map((id) => requestText(JSON.stringify(id), method, params)).join(',')}]`;
    if (inner instanceof ModernWsClient) {
      await inner.inner.send(text);
      return [(await inner.inner.inbox.answer('null')).message];
    }
    const headers = modernHeaders(method, params);
    const response = await open((inner as ModernHttpClient).url, { method: 'POST', headers, body: text });
    return [JSON.parse(await response.text()) as Message];
  }

  async begin(tool: string, options: CallOptions = {}): Promise<Running> {
    const params = { name: tool, arguments: {} };
    const call = this.#start('tools/call', params, { ...options, progress: true });
    const { eventId } = await call.inbox.method('notifications/progress');
    const { inner } = this;
    return {
      text: call.text,
      eventId,
      cancel: () => call.leave(),
      vanish: async () => {
        if (inner instanceof ModernWsClient) inner.inner.socket.terminate();
        else await call.leave();
      },
    };
  }

  /** Each call says it for itself. */
  async setLevel(): Promise<undefined> {}

  async watch(uri?: string): Promise<Watch> {
    const notifications = { ...LISTS, ...(uri !== undefined && { resourceSubscriptions: [uri] }) };
    const call = this.inner.start('subscriptions/listen', { notifications });
    const { message } = await call.inbox.method(ACKNOWLEDGED);
    const honoured = (message.params?.notifications ?? {}) as { resourceSubscriptions?: unknown };
    if (uri !== undefined && honoured.resourceSubscriptions === undefined) throw new Refused(-32601);
    return {
      next: async (method) => (await call.inbox.method(method)).message,
      get waiting() {
        return call.inbox.waiting.map((received) => received.message);
      },
      close: () => call.leave(),
    };
  }

  async notify(method: string): Promise<void> {
    await this.inner.notify(method);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  #start(method: string, params: Record<string, unknown>, options: CallOptions): ModernCall {
    const { progress = false, level, headers, revision } = options;
    const meta = {
      ...options.meta,
      ...(revision !== undefined && { 'io.modelcontextprotocol/protocolVersion': revision }),
      ...(progress && { progressToken: `t${++this.#lastToken}` }),
      ...(level !== undefined && { 'io.modelcontextprotocol/logLevel': level }),
    };
    return this.inner.start(method, params, {
      meta,
      headers: { ...headers, ...(revision !== undefined && { 'mcp-protocol-version': revision }) },
    });
  }
}

/** Notifications of the call that came so far; those of subscriptions on the same connection stay. */
function takeNotifications({ inbox }: ModernCall): Message[] {
  return inbox
    .drain(
      ({ message }) =>
        message.method === 'notifications/progress' || message.method === 'notifications/message',
    )
    .map(({ message }) => message);
}
