/** Keeps a channel in a session with its legacy server: opens its standalone stream, and gets another session when it is lost. */
import type { BerthError } from '../errors.ts';
import { EventStream, type StreamEnd } from './event-stream.ts';
import { type Answered, type Asker, ask } from './http-asking.ts';
import { remoteFailure } from './http-failure.ts';
import { POST_HEADERS } from './http-posting.ts';
import { isFinal, isSessionLost } from './http-refusal.ts';
import type { HttpSession } from './http-session.ts';
import type { HttpTraffic, Refusal } from './http-traffic.ts';
import type { Inbound, InboundMessage } from './inbound.ts';
import type { Outgoing } from './outbox.ts';
import type { BodyReceiver } from './response-body.ts';

export interface SessionKeeperOptions {
  readonly session: HttpSession;
  readonly traffic: HttpTraffic;
  readonly inbound: Inbound;
  /** Of the standalone stream. */
  readonly receiver: BodyReceiver;
  /** Gets what the server says meanwhile in answer to the keeper's own requests. */
  readonly other: (message: InboundMessage) => void;
  /** Called when the session is gone and the server gives no other one like it. */
  readonly lost: (cause: BerthError) => void;
}

/** Milliseconds that a server gets to answer the request for its stream: some send nothing before the first event. */
const OPEN_MS = 1_000;
/** Milliseconds after which another session is asked for once more, when nothing else does. */
const AGAIN_MS = 30_000;

export class SessionKeeper {
  readonly asker: Asker;
  readonly #options: SessionKeeperOptions;
  #stream: EventStream | undefined;
  #renewal: Promise<void> | undefined;
  #stopped = false;

  constructor(options: SessionKeeperOptions) {
    this.#options = options;
    this.asker = options;
  }

  /** Session and revision for a message; an `initialize` asks for a new session. */
  headersOf({ envelope }: Outgoing): Record<string, string> {
    return envelope.method === 'initialize' ? {} : this.#options.session.headers();
  }

  /** The id of the session, once none is being opened. */
  async session(): Promise<string | undefined> {
    await this.#renewal?.catch(() => {});
    return this.#options.session.id;
  }

  /** The server has taken a notification. Resolves when what follows from it is done. */
  async taken(message: Outgoing): Promise<void> {
    this.#options.session.remember(message);
    if (message.envelope.method === 'notifications/initialized') await this.#openStream();
  }

  /**
   * True when a refusal said that the session in which the message was sent is gone, and there is another one now. Rejects
   * when there should be and is not.
   */
  async renewed(refusal: Refusal, session: string | undefined): Promise<boolean> {
    if (this.#stopped || !isSessionLost(refusal, session)) return false;
    await this.#renew(session);
    return true;
  }

  /** Ends the session at the server. */
  async leave(): Promise<void> {
    const { session, traffic } = this.#options;
    if (session.id === undefined) return;
    const request = traffic.request({ method: 'DELETE', headers: session.headers() });
    const response = await request.response.catch(() => undefined);
    response?.resume();
  }

  /** No stream and no session is opened any more. */
  stop(): void {
    this.#stopped = true;
    this.#stream?.stop();
  }

  #renew(session: string | undefined): Promise<void> {
    if (this.#options.session.id !== session) return Promise.resolve();
    this.#renewal ??= this.#open().finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  async #open(): Promise<void> {
    const { session, traffic } = this.#options;
    const { handshake } = session;
    if (!handshake) throw this.#lose('the remote server does not know the session');
    this.#stream?.stop();
    const asked = await ask(this.asker, handshake.initialize, POST_HEADERS);
    if ('error' in asked) throw isFinal(asked) ? this.#lose(asked.error.message) : asked.error;
    this.#agree(asked);
    if (handshake.initialized) {
      const headers = { ...POST_HEADERS, ...session.headers() };
      const { response } = traffic.request({ method: 'POST', headers, body: handshake.initialized.bytes });
      (await response).resume();
    }
    await this.#repeatRequests();
    if (handshake.initialized) await this.#openStream();
  }

  #agree({ headers, answer }: Answered): void {
    this.#options.session.opened(headers);
    if (!this.#options.session.agreed(answer))
      throw this.#lose('the remote server does not open the session again as it was');
  }

  /** Log level and subscriptions are the session's; what the server says to them now nobody waits for. */
  async #repeatRequests(): Promise<void> {
    const { session } = this.#options;
    const headers = { ...POST_HEADERS, ...session.headers() };
    await Promise.allSettled(session.requests.map((message) => ask(this.asker, message, headers)));
  }

  #lose(why: string): BerthError {
    const error = remoteFailure(
      `the session with the remote server is lost: ${why}`,
      'Send initialize again; the remote server has forgotten the session, perhaps because it was restarted.',
    );
    this.#options.lost(error);
    return error;
  }

  /** Resolves when the server has it, or does not say so in time: it may ask something on it during the very first call. */
  async #openStream(): Promise<void> {
    if (this.#stopped) return;
    this.#stream?.stop();
    const { session, traffic, receiver } = this.#options;
    const { id } = session;
    const stream = new EventStream({
      traffic,
      headers: () => session.headers(),
      receiver,
      patience: Number.POSITIVE_INFINITY,
    });
    this.#stream = stream;
    void stream.follow({ wait: false }).then((end) => this.#streamEnded(end, stream, id));
    await Promise.race([stream.opened, traffic.wait(OPEN_MS)]);
  }

  /** Servers without such a stream say 405, or anything else; one that had it and has it no more has lost the session. */
  #streamEnded(end: StreamEnd, stream: EventStream, session: string | undefined): void {
    if (stream !== this.#stream || end.kind !== 'refused' || !stream.wasOpen) return;
    this.renewed(end.refusal, session).catch(async () => {
      await this.#options.traffic.wait(AGAIN_MS);
      if (stream === this.#stream) await this.#openStream();
    });
  }
}
