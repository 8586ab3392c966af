/** A supervisor whose servers are in-memory channels and whose time moves by hand: every rule of the sessions without a process. */
import { ManualClock } from '../../src/clock.ts';
import type { BerthError } from '../../src/errors.ts';
import { scanMessage } from '../../src/jsonrpc/envelope.ts';
import type { Conversation, ConversationTarget, OpenOptions } from '../../src/sessions/conversation.ts';
import type { ClientMessage } from '../../src/sessions/message.ts';
import type { Attachment, ReaderEnd, StreamEvent, StreamReader } from '../../src/sessions/reader.ts';
import type { Era } from '../../src/supervisor/handshake-report.ts';
import {
  DEFAULT_LIMITS,
  type Isolation,
  type ServerDefinition,
  type ServerLimits,
} from '../../src/supervisor/server-definition.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { type MemoryProcess, memoryProcess } from '../support/memory-process.ts';

/** Lets everything that is under way between the ends of in-memory channels arrive. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setImmediate(resolve));
}

export interface Line {
  readonly id?: unknown;
  readonly method?: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever stands there
  readonly params?: any;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever stands there
  readonly result?: any;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever stands there
  readonly error?: any;
}

/** The server's side of one process: what it got, and saying things. What `answers` names is answered by itself. */
export class ServerSide {
  readonly process: MemoryProcess;
  readonly texts: string[] = [];
  readonly lines: Line[] = [];
  closed = false;

  constructor(process: MemoryProcess, answers: ServerAnswers) {
    this.process = process;
    process.server.onClose(() => {
      this.closed = true;
    });
    process.server.receive((bytes) => {
      const text = bytes.toString('utf8');
      const line = JSON.parse(text) as Line;
      this.texts.push(text);
      this.lines.push(line);
      const result = line.method === undefined ? undefined : answers[line.method]?.(line);
      if (result !== undefined)
        this.say(`{"jsonrpc":"2.0","id":${JSON.stringify(line.id)},${JSON.stringify(result).slice(1)}`);
    });
  }

  say(text: string | object): void {
    this.process.server.send(text);
  }

  /** What came of a method, oldest first. */
  of(method: string): Line[] {
    return this.lines.filter((line) => line.method === method);
  }

  /** Our id of the newest call of a method. */
  id(method: string): unknown {
    return this.of(method).at(-1)?.id;
  }

  answer(id: unknown, result: unknown = {}): void {
    this.say({ jsonrpc: '2.0', id, result });
  }

  notify(method: string, params: unknown): void {
    this.say({ jsonrpc: '2.0', method, params });
  }
}

/** By method: `{result}` or `{error}`; undefined leaves the client waiting. */
export type ServerAnswers = Readonly<Record<string, (line: Line) => object | undefined>>;

export const ORDINARY = {
  initialize: ({ params }: Line) => ({
    result: {
      protocolVersion: params.protocolVersion,
      capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, logging: {}, tasks: {} },
      serverInfo: { name: 'memory', version: '1' },
    },
  }),
} satisfies ServerAnswers;

export class TestReader implements StreamReader {
  stream: number | undefined;
  error: BerthError | undefined;
  readonly events: StreamEvent[] = [];
  readonly ends: ReaderEnd[] = [];
  attachment: Attachment | undefined;
  readonly #acknowledges: boolean;

  /** One that acknowledges reads everything at once; the other is a client that does not read. */
  constructor(acknowledges = true) {
    this.#acknowledges = acknowledges;
  }

  accepted(stream: number): void {
    this.stream = stream;
  }

  refused(error: BerthError): void {
    this.error = error;
  }

  event(event: StreamEvent): void {
    this.events.push(event);
    if (this.#acknowledges) queueMicrotask(() => this.acknowledge(event));
  }

  end(reason: ReaderEnd): void {
    this.ends.push(reason);
  }

  acknowledge(event: StreamEvent | undefined): void {
    if (event) this.attachment?.credit(event.bytes, event.seq);
  }

  get texts(): string[] {
    return this.events.map(({ parts }) => Buffer.concat(parts as Buffer[]).toString('utf8'));
  }

  get lines(): Line[] {
    return this.texts.map((text) => JSON.parse(text) as Line);
  }

  get seqs(): number[] {
    return this.events.map(({ seq }) => seq);
  }
}

export function message(text: string): ClientMessage {
  const bytes = Buffer.from(text);
  const { envelope, fault } = scanMessage(bytes);
  if (fault) throw new Error(`${fault.text}: ${text}`);
  return { bytes, envelope };
}

/** The text of a request; `params` is raw JSON. */
export function request(rawId: string, method = 'tools/call', params = '{}'): string {
  return `{"jsonrpc":"2.0","id":${rawId},"method":"${method}","params":${params}}`;
}

let lastKey = 0;

/** A client's end of one conversation. */
export class TestClient {
  readonly conversation: Conversation;
  readonly #open: OpenOptions | undefined;

  constructor(conversation: Conversation, open: OpenOptions | undefined) {
    this.conversation = conversation;
    this.#open = open;
  }

  call(texts: string | readonly string[], options: { reader?: TestReader; key?: string } = {}): TestReader {
    const { reader = new TestReader(), key = `key-${++lastKey}` } = options;
    const batch = typeof texts !== 'string';
    const messages = (batch ? texts : [texts]).map(message);
    const opens = messages[0]?.envelope.method === 'initialize' ? this.#open : undefined;
    reader.attachment = this.conversation.call({ key, messages, batch }, reader, opens);
    return reader;
  }

  note(text: string, key = `key-${++lastKey}`): Promise<BerthError | undefined> {
    return new Promise((resolve) => this.conversation.note(key, message(text), resolve));
  }

  cancel(rawId: string): Promise<BerthError | undefined> {
    return this.note(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${rawId}}}`);
  }

  attach(stream = 0, after?: number, reader = new TestReader()): TestReader {
    const position = after === undefined ? { stream } : { stream, after };
    const opens = this.#open?.delivery === 'single' ? this.#open : undefined;
    reader.attachment = this.conversation.attach(position, reader, opens);
    return reader;
  }

  end(): Promise<BerthError | undefined> {
    return new Promise((resolve) => this.conversation.end(resolve));
  }

  /** The handshake; gives the reader of the answer. */
  async initialize(version = '2025-11-25', capabilities = '{}'): Promise<TestReader> {
    const params = `{"protocolVersion":"${version}","capabilities":${capabilities},"clientInfo":{"name":"t","version":"1"}}`;
    const reader = this.call(request('"init"', 'initialize', params));
    await settle();
    await this.note('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    await settle();
    return reader;
  }
}

export interface HarnessOptions {
  readonly isolation?: Isolation;
  readonly sessions?: 'minted' | 'none';
  readonly processes?: number;
  readonly limits?: Partial<ServerLimits>;
  readonly eras?: readonly Era[];
  readonly answers?: ServerAnswers;
  readonly stderr?: readonly string[];
  /** Makes processes wait: what `acquire` gives is awaited first. */
  readonly gate?: Promise<unknown>;
}

export class Harness {
  readonly clock = new ManualClock();
  readonly servers: ServerSide[] = [];
  readonly supervisor: Supervisor;
  readonly definition: ServerDefinition;
  #nonces = 0;

  constructor(options: HarnessOptions = {}) {
    const { answers = ORDINARY, stderr = [], gate } = options;
    const acquire = async (): Promise<MemoryProcess> => {
      await gate;
      const process = memoryProcess({ pid: 4_000_000 + this.servers.length, stderr });
      this.servers.push(new ServerSide(process, answers));
      return process;
    };
    this.supervisor = new Supervisor({
      source: () => ({ acquire, close: () => Promise.resolve() }),
      clock: this.clock,
    });
    this.definition = {
      id: 'the-server',
      name: 'memory',
      launch: { file: '/bin/true', args: [], env: {}, cwd: '/' },
      isolation: options.isolation ?? 'session',
      sessions: options.sessions ?? 'minted',
      ...(options.eras && { eras: options.eras }),
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      ...(options.processes !== undefined && { processes: options.processes }),
      secrets: [],
    };
    this.supervisor.define(this.definition);
  }

  /** The first (mostly: the only) process. */
  get server(): ServerSide {
    const [first] = this.servers;
    if (!first) throw new Error('no process was started');
    return first;
  }

  /** A client without the handshake. */
  client(target: Partial<ConversationTarget> = {}, open: OpenOptions = { delivery: 'streams' }): TestClient {
    const kind = target.kind ?? 'session';
    const key = target.key ?? (kind === 'session' ? `nonce-${++this.#nonces}` : '');
    const whole = { server: this.definition.id, principal: 'alice', ...target, kind, key };
    return new TestClient(this.supervisor.conversation(whole), kind === 'session' ? open : undefined);
  }

  /** A client behind its handshake. */
  async session(
    options: { principal?: string; version?: string; capabilities?: string; single?: boolean } = {},
  ): Promise<TestClient> {
    const { principal = 'alice', version, capabilities, single } = options;
    const client = this.client({ principal }, { delivery: single ? 'single' : 'streams' });
    await client.initialize(version, capabilities);
    return client;
  }

  close(): Promise<void> {
    return this.supervisor.close({ force: true });
  }
}
