/** What the sessions on one shared process have in common: its one handshake, its subscriptions, its log level (data-path.md 5.3). */
import type { BerthError } from '../../errors.ts';
import { applyEdits } from '../../jsonrpc/edit.ts';
import { type Envelope, readString } from '../../jsonrpc/envelope.ts';
import type { Exchange } from '../exchange.ts';
import { type ClientMessage, resultMessage } from '../message.ts';
import type { Upstream, UpstreamCall, UpstreamMember } from '../upstream.ts';
import { type HandshakeTime, limitHandshake } from './handshake-time.ts';
import {
  askedRevision,
  ownInitializeParams,
  readInitializeResult,
  sharedCapabilities,
} from './initialize.ts';
import { SharedLevels } from './shared-levels.ts';
import { isPartOf } from './sub-resource.ts';
import { SubscriptionQuota } from './subscription-quota.ts';
import { setLevelParams } from './upgrade/logging.ts';

interface Waiting {
  readonly exchange: Exchange;
  /** Called with the outcome of the handshake; undefined when it failed. */
  readonly version: (protocolVersion: string | undefined) => void;
}

interface Handshake {
  readonly result: string;
  readonly protocolVersion: string;
}

/** A member whose session can be asked whether it has calls in flight. */
interface BusyMember extends UpstreamMember {
  readonly busy: boolean;
}

/** Waits for an answer that is of no interest. */
const NOBODY: UpstreamCall = { rawToken: undefined, answered() {}, progressed() {}, failed() {} };

export interface SharedStateOptions extends HandshakeTime {
  readonly isolation: 'principal' | 'shared';
  /** URIs of one session. */
  readonly subscriptions: number;
}

export class SharedState {
  readonly #isolation: SharedStateOptions['isolation'];
  readonly #time: HandshakeTime;
  readonly #waiting: Waiting[] = [];
  readonly levels = new SharedLevels();
  readonly #subscribers = new Map<string, Set<UpstreamMember>>();
  readonly #quota: SubscriptionQuota;
  #handshake: Handshake | undefined;
  #asked = false;
  #initialized = false;

  constructor(options: SharedStateOptions) {
    this.#isolation = options.isolation;
    this.#time = options;
    this.#quota = new SubscriptionQuota(options.subscriptions);
  }

  /** The first session's `initialize` reaches the process; everybody gets its answer. */
  initialize(
    upstream: Upstream,
    exchange: Exchange,
    message: ClientMessage,
    version: Waiting['version'],
  ): void {
    this.#waiting.push({ exchange, version });
    if (this.#handshake) return this.#answerAll(this.#handshake);
    if (this.#asked) return;
    this.#asked = true;
    // One client's deadline is not that of those who come after it: a process that says nothing is nobody's.
    const inTime = limitHandshake(upstream, this.#time, (error) => {
      this.#failed(error);
      void upstream.stop();
    });
    const call: UpstreamCall = {
      rawToken: undefined,
      answered: (line, envelope) => {
        inTime();
        this.#answered(line, envelope);
      },
      progressed: () => {},
      failed: (error) => {
        inTime();
        this.#failed(error);
      },
    };
    if (this.#isolation === 'principal') upstream.call(message, call);
    else upstream.request('initialize', ownInitializeParams(askedRevision(message)), call);
  }

  /** True for the first caller only. */
  firstInitialized(): boolean {
    const first = !this.#initialized;
    this.#initialized = true;
    return first;
  }

  /** False when `member` has no room for a further subscription. */
  subscribe(member: UpstreamMember, uri: string): boolean {
    const subscribers = this.#subscribers.get(uri) ?? new Set();
    if (!subscribers.has(member) && !this.#quota.take(member, uri)) return false;
    this.#subscribers.set(uri, subscribers.add(member));
    return true;
  }

  /** True when `member` was the last one: the server has to be told. */
  unsubscribe(member: UpstreamMember, uri: string): boolean {
    const subscribers = this.#subscribers.get(uri);
    if (!subscribers) return true;
    if (subscribers.delete(member)) this.#quota.give(member, uri);
    if (subscribers.size > 0) return false;
    this.#subscribers.delete(uri);
    return true;
  }

  /** Takes a session's subscriptions and its log level back. */
  leave(member: UpstreamMember, upstream: Upstream): void {
    for (const [uri, subscribers] of this.#subscribers)
      if (subscribers.has(member) && this.unsubscribe(member, uri))
        upstream.request('resources/unsubscribe', JSON.stringify({ uri }), NOBODY);
    const level = this.levels.leave(member);
    if (level !== undefined) upstream.request('logging/setLevel', setLevelParams(level), NOBODY);
  }

  /** Who gets what the server says of itself. Nothing is ever guessed between two sessions. */
  choose(
    members: ReadonlySet<UpstreamMember>,
    kind: 'request' | 'notification',
    message: ClientMessage,
  ): Iterable<UpstreamMember> {
    const { bytes, envelope } = message;
    if (members.size === 1) return members;
    if (kind === 'request') return this.#chooseForRequest(members as ReadonlySet<BusyMember>);
    // A log or a task names no session, so it is nobody's while there are several.
    if (envelope.method === 'notifications/message' || envelope.method.startsWith('notifications/tasks/'))
      return [];
    if (envelope.method !== 'notifications/resources/updated') return members;
    if (envelope.uriStart < 0) return [];
    return this.#subscribersOf(readString(bytes, envelope.uriStart, envelope.uriEnd));
  }

  #subscribersOf(uri: string): Set<UpstreamMember> {
    const all = new Set<UpstreamMember>();
    for (const [whole, subscribers] of this.#subscribers)
      if (isPartOf(uri, whole)) for (const member of subscribers) all.add(member);
    return all;
  }

  #chooseForRequest(members: ReadonlySet<BusyMember>): UpstreamMember[] {
    if (this.#isolation === 'shared') return [];
    const busy = [...members].filter((member) => member.busy);
    return busy.length === 1 ? busy : [];
  }

  #answered(line: Buffer, envelope: Envelope): void {
    if (envelope.kind === 'error') {
      this.#asked = false;
      for (const { exchange, version } of this.#waiting.splice(0)) {
        exchange.finish(
          applyEdits(line, [{ start: envelope.idStart, end: envelope.idEnd, text: exchange.round.rawId }]),
        );
        version(undefined);
      }
      return;
    }
    const result = readInitializeResult(line, envelope);
    const shared = { ...result, capabilities: sharedCapabilities(result.capabilities) };
    this.#handshake = { result: JSON.stringify(shared), protocolVersion: result.protocolVersion };
    this.#answerAll(this.#handshake);
  }

  #answerAll({ result, protocolVersion }: Handshake): void {
    for (const { exchange, version } of this.#waiting.splice(0)) {
      version(protocolVersion);
      exchange.finish([resultMessage(exchange.round.rawId, result)]);
    }
  }

  #failed(error: BerthError): void {
    this.#asked = false;
    for (const { exchange, version } of this.#waiting.splice(0)) {
      exchange.failed(error);
      version(undefined);
    }
  }
}
