/**
 * What one session is subscribed to. The modern era has no change of a running subscription: a new one is asked for, and
 * when it is acknowledged the old one is cancelled. One that breaks is asked for again, and what may have been missed is reported.
 */
import type { Cancel, Clock } from '../../../clock.ts';
import type { ClientMessage } from '../../message.ts';
import type { Upstream } from '../../upstream.ts';
import { type ChangedList, listChanged, plainNotification, resourceUpdated } from './notification.ts';
import { ACKNOWLEDGED, type Filter, Subscription, type SubscriptionOwner } from './subscription.ts';

/** A client's `resources/subscribe` or `resources/unsubscribe`. */
export interface Change {
  readonly uri: string;
  readonly subscribes: boolean;
  /** `error`: why not, as the JSON text of an error. */
  readonly done: (error?: string) => void;
}

export interface SubscriptionsOptions {
  readonly upstream: Upstream;
  readonly clock: Clock;
  /** Resources that may be subscribed to: all go with every new subscription. */
  readonly most: number;
  /** Members of `_meta`, as JSON text without braces. */
  readonly envelope: () => string;
  readonly deliver: (parts: readonly Buffer[]) => void;
}

/** Milliseconds before a broken subscription is asked for again: the first time, and at most. One that has lived as long is a good one. */
const FIRST_RETRY = 1_000;
const LONGEST_RETRY = 60_000;
/** Characters of all URIs that are subscribed to, and of those whose changes wait. */
const MOST_URI_LENGTH = 256 * 1024;
const METHOD_NOT_FOUND = -32601;

export class Subscriptions implements SubscriptionOwner {
  readonly #options: SubscriptionsOptions;
  #lists: readonly ChangedList[] = [];
  #uris: ReadonlySet<string> = new Set();
  #current: Subscription | undefined;
  #currentSince = 0;
  #next: Subscription | undefined;
  /** Changes that the next subscription brings, what was wanted before them, and those that wait for the one after it. */
  #underWay: readonly Change[] = [];
  #before: ReadonlySet<string> = new Set();
  #waiting: Change[] = [];
  #retry: Cancel | undefined;
  #retries = 0;
  /** A subscription broke: changes may have been missed. */
  #gap = false;
  #closed = false;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /** Lists whose changes are reported from now on. */
  open(lists: readonly ChangedList[]): void {
    this.#lists = lists;
    if (lists.length > 0) this.#renew();
  }

  /** Changes the set of resources; `done` is called when the server has taken it. */
  change(change: Change): void {
    if (lengthOf(this.#waiting) + change.uri.length > MOST_URI_LENGTH) return change.done(TOO_MANY);
    this.#waiting.push(change);
    this.#renew();
  }

  /** Takes a notification that names a subscription; false when it is none of these. */
  take(message: ClientMessage): boolean {
    const subscription = [this.#next, this.#current].find((one) => one?.owns(message));
    if (!subscription) return false;
    if (message.envelope.method === ACKNOWLEDGED) subscription.acknowledge(message);
    else if (subscription.isAcknowledged) this.#options.deliver(plainNotification(message));
    return true;
  }

  /** Ends everything. Idempotent. */
  close(reason: string): void {
    this.#closed = true;
    this.#retry?.();
    for (const subscription of [this.#next, this.#current]) subscription?.close(reason);
    this.#next = undefined;
    this.#current = undefined;
    this.#waiting = [];
    this.#underWay = [];
  }

  acknowledged(subscription: Subscription, honoured: Filter): void {
    if (subscription !== this.#next) return;
    this.#drop();
    this.#current = subscription;
    this.#currentSince = this.#options.clock.now();
    this.#next = undefined;
    this.#settle(honoured.uris);
    if (this.#gap) this.#report(honoured);
    this.#gap = false;
    if (this.#waiting.length > 0) this.#renew();
  }

  ended(subscription: Subscription, error?: string): void {
    if (this.#closed) return;
    if (subscription === this.#current) this.#broke();
    else if (subscription === this.#next) this.#revert(error);
    if (this.#next) return;
    if (this.#waiting.length > 0) this.#renew();
    else if (!this.#isCovered() && !isHopeless(error)) this.#retryLater();
  }

  /** Asks for what is wanted now, unless that is under way already. */
  #renew(): void {
    if (this.#closed || this.#next) return;
    this.#retry?.();
    this.#retry = undefined;
    this.#underWay = this.#waiting;
    this.#waiting = [];
    this.#before = this.#uris;
    this.#uris = this.#apply();
    if (!this.#wants) this.#drop();
    if (this.#wants && !this.#isCovered()) this.#ask();
    else this.#settle();
  }

  #ask(): void {
    const { upstream, clock, envelope } = this.#options;
    const options = { upstream, clock, envelope: envelope(), owner: this };
    this.#next = new Subscription({ lists: this.#lists, uris: this.#uris }, options);
    this.#next.start();
  }

  #broke(): void {
    this.#current = undefined;
    this.#gap = true;
    if (this.#options.clock.now() - this.#currentSince >= LONGEST_RETRY) this.#retries = 0;
  }

  /** The subscription that was to bring the changes under way did not come. */
  #revert(
    error = JSON.stringify({ code: -32603, message: 'the server did not take the subscription' }),
  ): void {
    this.#next = undefined;
    this.#uris = this.#before;
    for (const { done } of this.#takeUnderWay()) done(error);
  }

  #retryLater(): void {
    this.#retry?.();
    const wait = Math.min(FIRST_RETRY * 2 ** this.#retries++, LONGEST_RETRY);
    this.#retry = this.#options.clock.after(wait, () => this.#renew());
  }

  /** The present subscription is of no more use. */
  #drop(): void {
    this.#current?.close('replaced');
    this.#current = undefined;
  }

  /** Everything may have changed meanwhile. */
  #report({ lists, uris }: Filter): void {
    for (const list of lists) this.#options.deliver([listChanged(list)]);
    for (const uri of uris) if (this.#uris.has(uri)) this.#options.deliver([resourceUpdated(uri)]);
  }

  /** Tells whoever waited for the changes under way; what the server left out of `honoured` it has refused. */
  #settle(honoured?: ReadonlySet<string>): void {
    const wanted = new Set(this.#uris);
    for (const { uri, subscribes, done } of this.#takeUnderWay()) {
      const refused = subscribes && honoured !== undefined && this.#uris.has(uri) && !honoured.has(uri);
      if (refused) wanted.delete(uri);
      done(refused ? notHonoured(uri) : undefined);
    }
    this.#uris = wanted;
  }

  #takeUnderWay(): readonly Change[] {
    const changes = this.#underWay;
    this.#underWay = [];
    return changes;
  }

  get #wants(): boolean {
    return this.#lists.length > 0 || this.#uris.size > 0;
  }

  /** Nothing is wanted, or exactly what the present subscription was asked for. */
  #isCovered(): boolean {
    if (!this.#current) return !this.#wants;
    const { lists, uris } = this.#current.filter;
    return (
      lists === this.#lists && uris.size === this.#uris.size && [...uris].every((uri) => this.#uris.has(uri))
    );
  }

  /** The set of resources with the changes under way; those that are too many are refused. */
  #apply(): ReadonlySet<string> {
    if (this.#underWay.length === 0) return this.#uris;
    const uris = new Set(this.#uris);
    let length = 0;
    for (const uri of uris) length += uri.length;
    this.#underWay = this.#underWay.filter(({ uri, subscribes, done }) => {
      if (!subscribes) uris.delete(uri);
      else if (uris.size >= this.#options.most || length + uri.length > MOST_URI_LENGTH) {
        done(TOO_MANY);
        return false;
      } else uris.add(uri);
      length += subscribes ? uri.length : 0;
      return true;
    });
    return uris;
  }
}

function lengthOf(changes: readonly Change[]): number {
  return changes.reduce((length, { uri }) => length + uri.length, 0);
}

const TOO_MANY = JSON.stringify({
  code: -32000,
  message: 'this session is subscribed to too many resources',
});

function notHonoured(uri: string): string {
  const message = 'the server offers no subscription to this resource';
  return JSON.stringify({ code: -32602, message, data: { uri } });
}

/** The server does not know subscriptions at all. */
function isHopeless(error: string | undefined): boolean {
  if (error === undefined) return false;
  return (JSON.parse(error) as { readonly code?: unknown } | null)?.code === METHOD_NOT_FOUND;
}
