/** A link to a supervisor in another program, over any byte stream: re-made with backoff, with nothing lost and nothing run twice. */
import type { Duplex } from 'node:stream';
import { type Clock, systemClock } from '../clock.ts';
import { BerthError, toBerthError } from '../errors.ts';
import type { Conversation, ConversationTarget } from '../sessions/conversation.ts';
import { LinkConnection } from './connection.ts';
import { LINK_VERSION } from './hello.ts';
import type { Link } from './link.ts';
import { LinkCount } from './link-count.ts';
import { Asking, type LinkQuestion } from './question.ts';
import type { RecordHandler, RecordStream } from './record-stream.ts';
import { type ConversationLink, RemoteConversation } from './remote-conversation.ts';

/** Milliseconds before the first new attempt; each further one waits twice as long. */
const FIRST_RETRY = 50;
const LONGEST_RETRY = 2_000;
/** Of the time that a supervisor takes to start so far, the part after which it is tried again. */
const STARTING_SHARE = 20;
/** Milliseconds that something waits for the link before it is refused. */
export const WAIT_LIMIT = 60_000;
/** Milliseconds after which a conversation with nothing in hand gives its stream back. */
const IDLE_STREAM = 60_000;
const SWEEP_EVERY = 5_000;
/** Milliseconds after the end of a connection for which a supervisor that said that it ends is taken to have no successor. */
const LEFT_FOR = 5_000;

export interface SocketLinkOptions {
  /**
   * Opens a new byte stream to the supervisor. What it reads must come in turns of its own, never within a write:
   * Node's HTTP/2 aborts the program otherwise.
   */
  readonly connect: (signal: AbortSignal) => Promise<Duplex>;
  /** Names this run of the gateway; the same for all its links. */
  readonly instance: string;
  /** The supervisor is being started: that it cannot be reached is no failure, and it is tried again soon. */
  readonly starting?: () => boolean;
  /** Connects at the first use, and gives the connection back when nothing has been in hand for a minute. */
  readonly lazy?: boolean;
  readonly clock?: Clock;
  /** The link came up, or broke (with the reason, where there is one). */
  readonly onState?: (up: boolean, error?: BerthError) => void;
  /** A record could not be read, or a reader threw: a fault of one of the programs. */
  readonly onFault?: (error: BerthError) => void;
  readonly count?: LinkCount;
  /** Link version to speak, for tests of neighbouring ones. */
  readonly version?: number;
}

/** Grows over all links of this program, so that a supervisor can tell an older connection from a newer one. */
let lastEpoch = 0;

/** Starts connecting at once. */
export function createSocketLink(options: SocketLinkOptions): Link {
  const link = new SocketLink(options);
  link.start();
  return link;
}

class SocketLink implements Link, ConversationLink {
  readonly #options: SocketLinkOptions;
  readonly #clock: Clock;
  readonly #count: LinkCount;
  readonly #conversations = new Map<string, RemoteConversation>();
  /** Those that must be told when a connection comes or goes. */
  readonly #inUse = new Set<RemoteConversation>();
  /** Questions that wait for a connection. */
  readonly #waiting = new Set<Asking>();
  readonly #closing = new AbortController();
  #connection: LinkConnection | undefined;
  /** The supervisor's run, as it last said. */
  #peer: string | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopSweep: () => void = () => {};
  /** Ends the wait of a lazy link for its next use. */
  #wake: () => void = asleepNoMore;
  #lastUse: number;
  /** Clock reading until which the supervisor begins nothing new. */
  #leftUntil = Number.NEGATIVE_INFINITY;

  constructor(options: SocketLinkOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#count = options.count ?? new LinkCount();
    this.#count.links++;
    this.#lastUse = this.#clock.now();
  }

  get now(): number {
    return this.#clock.now();
  }

  get refusal(): BerthError | undefined {
    return this.#closing.signal.aborted ? unreachable() : undefined;
  }

  get isLeft(): boolean {
    return this.#leftUntil !== Number.NEGATIVE_INFINITY && this.now < this.#leftUntil;
  }

  start(): void {
    this.#stopSweep = this.#clock.every(SWEEP_EVERY, () => this.#sweep());
    this.#running = this.#run();
  }

  conversation(target: ConversationTarget): Conversation {
    const name = nameOf(target);
    const known = this.#conversations.get(name);
    if (known) return known;
    const made = new RemoteConversation(this, target);
    this.#conversations.set(name, made);
    return made;
  }

  ask(question: LinkQuestion): Promise<unknown> {
    const asking = new Asking(question, this.#clock, () => this.#waiting.delete(asking));
    if (this.refusal) asking.refused(this.refusal);
    else if (this.#connection) void this.#connection.ask(asking);
    else this.#waiting.add(asking);
    this.#lastUse = this.now;
    this.#wake();
    return asking.answer;
  }

  async close({ gone } = { gone: false }): Promise<void> {
    if (!this.#closing.signal.aborted) {
      this.#closing.abort();
      this.#count.links--;
      this.#wake();
      this.#stopSweep();
      for (const conversation of [...this.#inUse]) conversation.close(unreachable(), gone);
      for (const asking of [...this.#waiting]) asking.refused(unreachable());
      this.#inUse.clear();
      this.#conversations.clear();
    }
    await this.#connection?.close();
    await this.#running;
  }

  open(handler: RecordHandler): RecordStream | undefined {
    return this.#connection?.open(handler);
  }

  using(conversation: RemoteConversation): void {
    this.#inUse.add(conversation);
    this.#lastUse = this.now;
    this.#wake();
  }

  settled(): void {
    for (const { idleSince } of this.#inUse) if (idleSince === undefined) return;
    for (const conversation of this.#inUse) conversation.release();
    void this.#connection?.close();
  }

  broken(): void {
    this.#connection?.destroy();
  }

  failed(error: BerthError): void {
    this.#options.onFault?.(error);
  }

  async #run(): Promise<void> {
    let wait = FIRST_RETRY;
    /** Since when it has been tried in vain. */
    let since: number | undefined;
    while (!this.#closing.signal.aborted) {
      if (this.#options.lazy) await this.#wanted();
      if (this.#closing.signal.aborted) return;
      since ??= this.now;
      let reason: BerthError | undefined;
      try {
        const connection = await this.#connect();
        wait = FIRST_RETRY;
        since = undefined;
        this.#up(connection);
        await connection.ended;
        if (!connection.closing) this.#count.breaks++;
      } catch (error) {
        reason = toBerthError(error);
      }
      if (since !== undefined && this.#options.starting?.()) {
        const pause = (this.now - since) / STARTING_SHARE;
        await this.#pause(Math.min(Math.max(pause, FIRST_RETRY), LONGEST_RETRY));
        continue;
      }
      if (reason && !this.#closing.signal.aborted) this.#count.breaks++;
      since = undefined;
      this.#down(reason);
      await this.#pause(wait);
      wait = Math.min(wait * 2, LONGEST_RETRY);
    }
  }

  /** Resolves at once unless there is nothing to connect for. */
  async #wanted(): Promise<void> {
    if (this.#inUse.size + this.#waiting.size > 0 || this.#closing.signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    // To resolve a promise again costs much more than a call: every use of the link would pay for it.
    this.#wake = asleepNoMore;
  }

  async #connect(): Promise<LinkConnection> {
    const { connect, instance, version = LINK_VERSION } = this.#options;
    const { signal } = this.#closing;
    const stream = await connect(signal);
    const hello = { instance, epoch: ++lastEpoch, version };
    const connection = new LinkConnection({
      stream,
      hello,
      clock: this.#clock,
      onRoundTrip: (ms) => this.#count.roundTrips.observe(ms / 1_000),
      onLeaving: () => this.#left(connection),
    });
    const drop = (): void => connection.destroy();
    signal.addEventListener('abort', drop);
    if (signal.aborted) drop();
    try {
      await connection.ready;
      return connection;
    } finally {
      signal.removeEventListener('abort', drop);
    }
  }

  /** What was not asked for yet goes elsewhere; what was is answered, and then the supervisor is left. */
  #left(connection: LinkConnection): void {
    if (connection !== this.#connection) return;
    this.#leftUntil = Number.POSITIVE_INFINITY;
    this.settled();
  }

  #up(connection: LinkConnection): void {
    if (this.#closing.signal.aborted) return connection.destroy();
    this.#leftUntil = Number.NEGATIVE_INFINITY;
    this.#connection = connection;
    this.#count.up++;
    this.#count.connects++;
    const isAnother =
      this.#peer !== undefined && connection.run !== undefined && this.#peer !== connection.run;
    this.#peer = connection.run;
    for (const conversation of [...this.#inUse]) conversation.connected(isAnother);
    for (const asking of this.#waiting) void connection.ask(asking);
    this.#waiting.clear();
    this.#options.onState?.(true);
    // It may have said so together with its hello.
    if (connection.leaving) this.#left(connection);
  }

  #down(reason: BerthError | undefined): void {
    const wasUp = this.#connection !== undefined;
    this.#connection = undefined;
    if (wasUp) this.#count.up--;
    if (this.#leftUntil === Number.POSITIVE_INFINITY) this.#leftUntil = this.now + LEFT_FOR;
    for (const conversation of this.#inUse) conversation.disconnected();
    if (wasUp || reason) this.#options.onState?.(false, reason);
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = (): void => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.#clock.after(ms, done);
      signal.addEventListener('abort', done);
    });
  }

  #sweep(): void {
    const now = this.now;
    for (const conversation of [...this.#inUse]) conversation.expire(now - WAIT_LIMIT, unreachable());
    for (const [name, conversation] of this.#conversations) {
      const { idleSince } = conversation;
      if (idleSince === undefined || now - idleSince < IDLE_STREAM) continue;
      this.#conversations.delete(name);
    }
    for (const conversation of this.#inUse) {
      const { idleSince } = conversation;
      if (idleSince === undefined || now - idleSince < IDLE_STREAM) continue;
      conversation.release();
      this.#inUse.delete(conversation);
    }
    if (this.#options.lazy && this.#inUse.size === 0 && now - this.#lastUse >= IDLE_STREAM)
      void this.#connection?.close();
  }
}

function asleepNoMore(): void {}

function unreachable(): BerthError {
  return new BerthError('busy', 'the server cannot be reached just now');
}

/** Lengths in front of what may hold anything: two targets never share a name. */
function nameOf({ server, kind, key, principal }: ConversationTarget): string {
  return `${kind} ${server.length} ${server} ${key.length} ${key} ${principal}`;
}
