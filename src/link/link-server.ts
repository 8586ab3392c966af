/** The supervisor's end of links: any number of gateways, each with one connection that counts. */
import { randomUUID } from 'node:crypto';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import { type Cancel, type Clock, systemClock } from '../clock.ts';
import { BerthError, toBerthError } from '../errors.ts';
import { acceptCarrier, PATH } from './carrier.ts';
import { refusedRecord } from './error-record.ts';
import { type Hello, helloRecord, LINK_VERSION, negotiate, readHello } from './hello.ts';
import type { ConversationHost } from './in-process.ts';
import { type LinkQuestion, readQuestion } from './question.ts';
import { type LinkRecord, RECORD } from './record.ts';
import { bareRecord, jsonRecord } from './record-bodies.ts';
import { RecordStream } from './record-stream.ts';
import { ServedConversation } from './served-conversation.ts';

/** Milliseconds that a connection may take to say hello. */
const HELLO_LIMIT = 10_000;
/** Milliseconds in which what was written before the end has to leave. */
const END_LIMIT = 1_000;
/** Milliseconds that gateways have to read what they were told last and to go. One that is too old to go by itself takes them all. */
const LEAVE_LIMIT = 3_000;

export interface LinkServerOptions {
  readonly clock?: Clock;
  /** Answers questions beside the conversations, with what JSON can hold; what it throws refuses them. */
  readonly answer?: (question: LinkQuestion) => unknown;
  /** Link version to speak, for tests of neighbouring ones. */
  readonly version?: number;
}

export interface LinkServer {
  /** Serves a gateway on `stream` until it ends; then its readers are detached and sessions live on. */
  serve(stream: Duplex): void;
  /** Gateways that have said hello. */
  readonly gateways: number;
  /** From now on nothing new begins here, and gateways are told so: what they ask for yet is refused with `resting`. Idempotent. */
  leave(): void;
  /**
   * Ends all connections, after what is queued for them. After {@link leave} gateways have a while to go by themselves: what is on its
   * way from them is answered meanwhile. Idempotent.
   */
  close(): Promise<void>;
}

export function createLinkServer(host: ConversationHost, options: LinkServerOptions = {}): LinkServer {
  const { clock = systemClock, version = LINK_VERSION, answer = refuseQuestions } = options;
  const run = randomUUID();
  const connections = new Set<GatewayConnection>();
  const byInstance = new Map<string, GatewayConnection>();
  let closed: Promise<void> | undefined;
  let leaving = false;
  const isLeaving = (): boolean => leaving;
  let gone = (): void => {};

  /** False for a connection that a newer one of the same gateway has made obsolete. */
  const admit = (connection: GatewayConnection, hello: Hello): boolean => {
    const known = byInstance.get(hello.instance);
    if (known && known.epoch >= hello.epoch) return false;
    known?.fence();
    byInstance.set(hello.instance, connection);
    return true;
  };
  const serve = (stream: Duplex): void => {
    const connection = new GatewayConnection(stream, { host, clock, version, run, answer, admit, isLeaving });
    connections.add(connection);
    connection.onClose = () => {
      connections.delete(connection);
      if (byInstance.get(connection.instance) === connection) byInstance.delete(connection.instance);
      if (connections.size === 0) gone();
    };
  };
  const close = async (): Promise<void> => {
    if (leaving && connections.size > 0) {
      await new Promise<void>((resolve) => {
        const cancel = clock.after(LEAVE_LIMIT, resolve);
        gone = () => {
          cancel();
          resolve();
        };
      });
    }
    await Promise.all([...connections].map((connection) => connection.close()));
  };
  return {
    serve: (stream) => (closed ? void stream.destroy() : serve(stream)),
    get gateways() {
      return byInstance.size;
    },
    leave: () => {
      if (leaving) return;
      leaving = true;
      for (const connection of connections) connection.leave();
    },
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

interface ConnectionOptions {
  readonly host: ConversationHost;
  readonly clock: Clock;
  readonly version: number;
  readonly run: string;
  readonly answer: (question: LinkQuestion) => unknown;
  readonly admit: (connection: GatewayConnection, hello: Hello) => boolean;
  /** Nothing new begins any more. */
  readonly isLeaving: () => boolean;
}

class GatewayConnection {
  readonly #options: ConnectionOptions;
  readonly #stream: Duplex;
  readonly #session: ServerHttp2Session;
  readonly #conversations = new Set<ServedConversation>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #cancelLimit: Cancel;
  #hello: RecordStream | undefined;
  #admitted = false;
  instance = '';
  epoch = -1;
  onClose: () => void = () => {};

  constructor(stream: Duplex, options: ConnectionOptions) {
    this.#options = options;
    this.#stream = stream;
    this.#session = acceptCarrier(stream);
    this.#cancelLimit = options.clock.after(HELLO_LIMIT, () => this.fence());
    this.#session.on('stream', (opened, headers) => this.#opened(opened, headers[':path']));
    this.#session.once('close', () => {
      this.fence();
      this.onClose();
      this.#closed.resolve();
    });
  }

  /** From now on nothing of this connection counts; its readers are detached. Idempotent. */
  fence(): void {
    this.#cancelLimit();
    for (const conversation of [...this.#conversations]) conversation.cut();
    this.#session.destroy();
    // A session that is closing waits for its carrier to end; one that is dead never would.
    this.#stream.destroy();
  }

  leave(): void {
    if (this.#admitted) this.#hello?.send(bareRecord(RECORD.leaving, 0));
  }

  async close(): Promise<void> {
    for (const conversation of this.#conversations) conversation.end();
    this.#hello?.end();
    if (!this.#session.destroyed) this.#session.close();
    const cancel = this.#options.clock.after(END_LIMIT, () => this.fence());
    await this.#closed.promise;
    cancel();
  }

  #opened(stream: ServerHttp2Stream, path: string | undefined): void {
    stream.respond({ ':status': 200 });
    if (path === PATH.hello && this.#hello === undefined) {
      const records = { record: (record: LinkRecord) => this.#greet(record), closed: () => {} };
      this.#hello = new RecordStream(stream, records);
    } else if (path === PATH.conversation && this.#admitted) this.#converse(stream);
    else stream.end();
  }

  #converse(stream: ServerHttp2Stream): void {
    const { host, isLeaving } = this.#options;
    const closed = (): void => void this.#conversations.delete(conversation);
    const conversation: ServedConversation = new ServedConversation(stream, { host, isLeaving, closed });
    this.#conversations.add(conversation);
  }

  #greet(record: LinkRecord): void {
    const { type, body } = record;
    if (type === RECORD.ask && this.#admitted) return void this.#answer(record);
    if (type !== RECORD.hello || this.#admitted) return;
    this.#cancelLimit();
    try {
      const hello = readHello(body);
      const version = negotiate(this.#options.version, hello.version);
      if (!this.#options.admit(this, hello)) return this.fence();
      this.instance = hello.instance;
      this.epoch = hello.epoch;
      this.#admitted = true;
      this.#hello?.send(helloRecord({ ...hello, version, run: this.#options.run }));
      if (this.#options.isLeaving()) this.leave();
    } catch (error) {
      this.#hello?.send(refusedRecord(0, toBerthError(error)));
      this.#hello?.end();
    }
  }

  async #answer({ ref, body }: LinkRecord): Promise<void> {
    try {
      const value = await this.#options.answer(readQuestion(body));
      this.#hello?.send(jsonRecord(RECORD.answer, ref, value));
    } catch (error) {
      this.#hello?.send(refusedRecord(ref, toBerthError(error)));
    }
  }
}

function refuseQuestions(): never {
  throw new BerthError('not-allowed', 'this supervisor answers no questions');
}
