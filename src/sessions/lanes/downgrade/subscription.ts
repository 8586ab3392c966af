/** One `subscriptions/listen` on a modern server: asked for, acknowledged, and some time over. */
import type { Cancel, Clock } from '../../../clock.ts';
import type { BerthError } from '../../../errors.ts';
import type { ClientMessage } from '../../message.ts';
import type { Upstream, UpstreamCall } from '../../upstream.ts';
import { errorText } from './error.ts';
import { CHANGED_LISTS, type ChangedList } from './notification.ts';

/** What a subscription reports. */
export interface Filter {
  readonly lists: readonly ChangedList[];
  readonly uris: ReadonlySet<string>;
}

export interface SubscriptionOwner {
  /** The server reports what `honoured` says from now on. */
  acknowledged(subscription: Subscription, honoured: Filter): void;
  /** Nothing more comes. `error`: the server's own words, as JSON text. */
  ended(subscription: Subscription, error?: string): void;
}

export interface SubscriptionOptions {
  readonly upstream: Upstream;
  readonly clock: Clock;
  /** Members of `_meta`, as JSON text without braces. */
  readonly envelope: string;
  readonly owner: SubscriptionOwner;
}

/** A subscription begins with it. */
export const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';

/** Milliseconds in which a server has to acknowledge. */
const ACK_WAIT = 30_000;
const LISTS = Object.keys(CHANGED_LISTS) as ChangedList[];

export class Subscription implements UpstreamCall {
  readonly rawToken = undefined;
  readonly filter: Filter;
  readonly #options: SubscriptionOptions;
  #id: number | undefined;
  #late: Cancel | undefined;
  #state: 'asked' | 'acknowledged' | 'over' = 'asked';

  constructor(filter: Filter, options: SubscriptionOptions) {
    this.filter = filter;
    this.#options = options;
  }

  get isAcknowledged(): boolean {
    return this.#state === 'acknowledged';
  }

  start(): void {
    const { upstream, clock, envelope } = this.#options;
    const params = `{"_meta":{${envelope}},"notifications":${filterText(this.filter)}}`;
    this.#late = clock.after(ACK_WAIT, () => {
      this.close('not acknowledged in time');
      this.#options.owner.ended(this);
    });
    this.#id = upstream.request('subscriptions/listen', params, this);
  }

  /** Whether a notification names this subscription. */
  owns({ bytes, envelope }: ClientMessage): boolean {
    if (this.#id === undefined || envelope.subscriptionStart < 0) return false;
    return (
      bytes.toString('latin1', envelope.subscriptionStart, envelope.subscriptionEnd) === String(this.#id)
    );
  }

  /** Takes the acknowledgement. */
  acknowledge(message: ClientMessage): void {
    if (this.#state !== 'asked') return;
    this.#state = 'acknowledged';
    this.#late?.();
    this.#options.owner.acknowledged(this, readHonoured(message));
  }

  answered(line: Buffer): void {
    this.#end(errorText(line));
  }

  progressed(): void {}

  failed(_error: BerthError): void {
    this.#end();
  }

  cancelled(): void {
    this.#end();
  }

  /** Ends it from this side; its owner is not told. Idempotent. */
  close(reason: string): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#late?.();
    if (this.#id !== undefined) this.#options.upstream.abandon(this.#id, reason);
  }

  #end(error?: string): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#late?.();
    this.#options.owner.ended(this, error);
  }
}

/** The filter as `subscriptions/listen` wants it. */
function filterText({ lists, uris }: Filter): string {
  return JSON.stringify({
    ...Object.fromEntries(lists.map((list) => [list, true])),
    ...(uris.size > 0 && { resourceSubscriptions: [...uris] }),
  });
}

function readHonoured({ bytes, envelope }: ClientMessage): Filter {
  const params = JSON.parse(bytes.toString('utf8', envelope.paramsStart, envelope.paramsEnd)) as {
    readonly notifications?: Readonly<Record<string, unknown>> | null;
  };
  const { resourceSubscriptions, ...flags } = params.notifications ?? {};
  const uris: unknown[] = Array.isArray(resourceSubscriptions) ? resourceSubscriptions : [];
  return {
    lists: LISTS.filter((list) => flags[list] === true),
    uris: new Set(uris.filter((uri) => typeof uri === 'string')),
  };
}
