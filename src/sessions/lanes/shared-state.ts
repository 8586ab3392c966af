/** What the sessions on one shared process have in common: its one handshake and its subscriptions (data-path.md 5.3). */
import type { BerthError } from '../../errors.ts';
import { applyEdits } from '../../jsonrpc/edit.ts';
import { type Envelope, readString } from '../../jsonrpc/envelope.ts';
import type { Exchange } from '../exchange.ts';
import { type ClientMessage, resultMessage } from '../message.ts';
import type { Upstream, UpstreamCall, UpstreamMember } from '../upstream.ts';
import {
  askedRevision,
  ownInitializeParams,
  readInitializeResult,
  sharedCapabilities,
} from './initialize.ts';
import { SubscriptionQuota } from './subscription-quota.ts';

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

export class SharedState {
  readonly #isolation: 'principal' | 'shared';
  readonly #waiting: Waiting[] = [];
  readonly #subscribers = new Map<string, Set<UpstreamMember>>();
  readonly #quota: SubscriptionQuota;
  #handshake: Handshake | undefined;
  #asked = false;
  #initialized = false;

  /** `subscriptions`: URIs of one session. */
  constructor(isolation: 'principal' | 'shared', subscriptions: number) {
    this.#isolation = isolation;
    this.#quota = new SubscriptionQuota(subscriptions);
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
    const call: UpstreamCall = {
      rawToken: undefined,
      answered: (line, envelope) => this.#answered(line, envelope),
      progressed: () => {},
      failed: (error) => this.#failed(error),
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

  /** Takes a session's subscriptions back. */
  leave(member: UpstreamMember, upstream: Upstream): void {
    for (const [uri, subscribers] of this.#subscribers) {
      if (!subscribers.has(member) || !this.unsubscribe(member, uri)) continue;
      upstream.request('resources/unsubscribe', JSON.stringify({ uri }), {
        rawToken: undefined,
        answered() {},
        progressed() {},
        failed() {},
      });
    }
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
    return this.#subscribers.get(readString(bytes, envelope.uriStart, envelope.uriEnd)) ?? [];
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
