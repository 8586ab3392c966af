/** The gateway's end of one connection to a supervisor: set up with a hello, watched with pings, gone for good when it breaks. */
import type { ClientHttp2Session } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Clock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import { openCarrier, PATH } from './carrier.ts';
import { readRefused } from './error-record.ts';
import { type Hello, helloRecord, readHello } from './hello.ts';
import { type Asking, unanswered } from './question.ts';
import { type LinkRecord, RECORD } from './record.ts';
import { jsonRecord } from './record-bodies.ts';
import { type RecordHandler, RecordStream } from './record-stream.ts';

/** Milliseconds from the first byte to the supervisor's hello. */
const HELLO_LIMIT = 10_000;
/** Milliseconds between pings; a peer that has not answered one by the next is gone. */
const PING_EVERY = 15_000;
/** Link version that knows questions. */
const QUESTIONS_FROM = 2;
/** Milliseconds in which what was written before the end has to leave. */
const END_LIMIT = 1_000;

export interface ConnectionOptions {
  readonly stream: Duplex;
  readonly hello: Hello;
  readonly clock: Clock;
  /** Told how long a ping took, in milliseconds. */
  readonly onRoundTrip?: (ms: number) => void;
  /** The supervisor is about to end: it takes nothing new, and waits for this side to go. */
  readonly onLeaving?: () => void;
}

export class LinkConnection {
  readonly #stream: Duplex;
  readonly #session: ClientHttp2Session;
  readonly #clock: Clock;
  readonly #greeted = Promise.withResolvers<number>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #asked = new Map<number, Asking>();
  #lastRef = 0;
  #hello: RecordStream | undefined;
  #run: string | undefined;
  #closing = false;
  #leaving = false;
  #failure: BerthError | undefined;
  #ponged = true;

  readonly #onRoundTrip: ConnectionOptions['onRoundTrip'];
  readonly #onLeaving: ConnectionOptions['onLeaving'];

  constructor({ stream, hello, clock, onRoundTrip, onLeaving }: ConnectionOptions) {
    this.#onRoundTrip = onRoundTrip;
    this.#onLeaving = onLeaving;
    this.#clock = clock;
    this.#stream = stream;
    this.#session = openCarrier(stream);
    this.#greet(hello);
    const stopPings = clock.every(PING_EVERY, () => this.#ping());
    this.#session.once('close', () => {
      stopPings();
      this.#greeted.reject(this.#failure ?? new BerthError('busy', 'the supervisor cannot be reached'));
      for (const asking of this.#asked.values()) asking.refused(unanswered());
      this.#asked.clear();
      this.#ended.resolve();
    });
  }

  /** Resolves with the version that both sides speak; rejects when the peer refuses or cannot be reached. */
  get ready(): Promise<number> {
    return this.#greeted.promise;
  }

  /** It ends because this side wants it to. */
  get closing(): boolean {
    return this.#closing;
  }

  /** The supervisor has said that it is about to end. */
  get leaving(): boolean {
    return this.#leaving;
  }

  /** Names the run of the supervisor; undefined before {@link ready}, and of one that is too old to say it. */
  get run(): string | undefined {
    return this.#run;
  }

  /** Resolves when the connection is gone; never rejects. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** A stream for one conversation; undefined when the connection has just broken. */
  open(handler: RecordHandler): RecordStream | undefined {
    if (this.#session.destroyed || this.#session.closed) return undefined;
    return new RecordStream(this.#request(PATH.conversation), handler);
  }

  /** Sends a question once the hellos are through. A supervisor that is too old for questions refuses it. */
  async ask(asking: Asking): Promise<void> {
    const version = await this.ready.catch(() => 0);
    if (version === 0 || this.#session.destroyed) return asking.refused(unanswered());
    if (version < QUESTIONS_FROM) return asking.refused(tooOld());
    const ref = ++this.#lastRef;
    this.#asked.set(ref, asking);
    this.#hello?.send(jsonRecord(RECORD.ask, ref, asking.question));
  }

  /** Drops the connection at once. */
  destroy(): void {
    this.#session.destroy();
    // A session that is closing waits for its carrier to end; one that is dead never would.
    this.#stream.destroy();
  }

  /** Ends the connection after what is queued. Streams are ended by those who opened them. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#hello?.end();
    if (!this.#session.destroyed) this.#session.close();
    const cancel = this.#clock.after(END_LIMIT, () => this.destroy());
    await this.ended;
    cancel();
  }

  #greet(hello: Hello): void {
    this.#hello = new RecordStream(this.#request(PATH.hello), {
      record: (record) => this.#answered(record),
      closed: () => {
        if (!this.#closing) this.destroy();
      },
    });
    this.#hello.send(helloRecord(hello));
    const cancel = this.#clock.after(HELLO_LIMIT, () => this.destroy());
    // A rejection is for who awaits `ready`; here it only ends the limit.
    this.#greeted.promise.then(cancel, cancel);
  }

  #answered({ type, ref, body }: LinkRecord): void {
    try {
      const asking = this.#asked.get(ref);
      if (asking && this.#asked.delete(ref)) return settle(asking, type, body);
      if (type === RECORD.leaving) return this.#leave();
      if (type === RECORD.refused) throw readRefused(body);
      if (type !== RECORD.hello) return;
      const { version, run } = readHello(body);
      this.#run = run;
      this.#greeted.resolve(version);
    } catch (error) {
      this.#failure = error instanceof BerthError ? error : undefined;
      this.destroy();
    }
  }

  #leave(): void {
    this.#leaving = true;
    this.#onLeaving?.();
  }

  #request(path: string) {
    return this.#session.request({ ':method': 'POST', ':path': path }, { endStream: false });
  }

  #ping(): void {
    if (this.#session.destroyed) return;
    if (!this.#ponged) return this.destroy();
    this.#ponged = false;
    this.#session.ping((error, ms) => {
      this.#ponged = true;
      if (!error) this.#onRoundTrip?.(ms);
    });
  }
}

function settle(asking: Asking, type: number, body: Buffer): void {
  if (type === RECORD.refused) asking.refused(readRefused(body));
  else asking.answered(JSON.parse(body.toString('utf8')));
}

function tooOld(): BerthError {
  return new BerthError('not-allowed', 'the supervisor is too old to be asked', {
    hint: 'Restart the server: its new replicas have the supervisor of this release.',
  });
}
