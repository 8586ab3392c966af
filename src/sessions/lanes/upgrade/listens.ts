/** `subscriptions/listen` on a legacy server: Berth keeps the subscriptions and hands out what the server says unasked. */
import { completedListen } from '../../completed-listen.ts';
import type { Exchange, Taker } from '../../exchange.ts';
import { type ClientMessage, uriOf } from '../../message.ts';
import type { LaneHost } from '../lane.ts';
import { isPartOf } from '../sub-resource.ts';
import { type LegacyServer, offers } from './legacy-server.ts';
import {
  acknowledgement,
  changeNotification,
  type ListenFilter,
  readFilter,
  stamped,
} from './subscription.ts';

/** Asks the server for (or to end) its updates of one resource; calls back with whether it does. */
export type Subscriber = (uri: string, wanted: boolean, done: (honoured: boolean) => void) => void;

const CHANGES: readonly (readonly [flag: keyof ListenFilter & `${string}Changed`, group: string])[] = [
  ['toolsListChanged', 'tools'],
  ['promptsListChanged', 'prompts'],
  ['resourcesListChanged', 'resources'],
];

interface Listen {
  /** What of it is honoured. */
  readonly filter: ListenFilter;
  acknowledged: boolean;
  /** The present process was asked for its resources. */
  subscribed: boolean;
}

export class Listens implements Taker {
  readonly #subscribe: Subscriber;
  readonly #open = new Map<Exchange, Listen>();

  constructor(subscribe: Subscriber) {
    this.#subscribe = subscribe;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Takes a listen: acknowledged with what the server can do, then open until one side ends it. */
  open({ exchange, message, host }: ListenRequest, server: LegacyServer): void {
    const asked = readFilter(message);
    host.untimed(exchange);
    exchange.taker = this;
    const filter: ListenFilter = { ...asked, resourceSubscriptions: [] };
    for (const [flag, group] of CHANGES) filter[flag] &&= offers(server, group, 'listChanged');
    const uris = offers(server, 'resources', 'subscribe') ? [...new Set(asked.resourceSubscriptions)] : [];
    let left = uris.length;
    const listen: Listen = { filter, acknowledged: false, subscribed: true };
    this.#open.set(exchange, listen);
    const acknowledge = (): void => {
      if (!this.#open.has(exchange)) return this.#unsubscribe(listen);
      listen.acknowledged = true;
      exchange.notified([acknowledgement(exchange.round.rawId, filter)]);
    };
    if (left === 0) return acknowledge();
    for (const uri of uris)
      this.#subscribe(uri, true, (honoured) => {
        if (honoured) filter.resourceSubscriptions.push(uri);
        if (--left === 0) acknowledge();
      });
  }

  /** The client ends it. */
  cancel(exchange: Exchange): void {
    const listen = this.#open.get(exchange);
    this.#open.delete(exchange);
    if (listen?.acknowledged) this.#unsubscribe(listen);
  }

  /** A list has changed: `tools`, `prompts` or `resources`. */
  changed(message: ClientMessage): void {
    const group = message.envelope.method.split('/')[1];
    const flag = CHANGES.find(([, name]) => name === group)?.[0];
    if (flag === undefined) return;
    for (const [exchange, { filter, acknowledged }] of this.#open)
      if (acknowledged && filter[flag]) exchange.notified(stamped(message, exchange.round.rawId));
  }

  updated(message: ClientMessage): void {
    const uri = uriOf(message);
    for (const [exchange, { filter, acknowledged }] of this.#open)
      if (
        acknowledged &&
        uri !== undefined &&
        filter.resourceSubscriptions.some((whole) => isPartOf(uri, whole))
      )
        exchange.notified(stamped(message, exchange.round.rawId));
  }

  /** The process is another one: it is asked for the same again, and whatever was listened to may have changed meanwhile. */
  restarted(): void {
    for (const [exchange, listen] of this.#open) {
      // One that came after the new process was started has missed nothing.
      if (listen.subscribed) continue;
      listen.subscribed = true;
      const { filter } = listen;
      const id = exchange.round.rawId;
      for (const [flag, group] of CHANGES)
        if (filter[flag]) exchange.notified([changeNotification(id, `notifications/${group}/list_changed`)]);
      for (const uri of filter.resourceSubscriptions) {
        this.#subscribe(uri, true, () => {});
        exchange.notified([changeNotification(id, 'notifications/resources/updated', uri)]);
      }
    }
  }

  /** The process is gone, and its subscriptions with it. */
  unsubscribed(): void {
    for (const listen of this.#open.values()) listen.subscribed = false;
  }

  /** The server side ends them all. */
  complete(): void {
    const open = [...this.#open.keys()];
    this.#open.clear();
    for (const exchange of open) exchange.finish([completedListen(exchange.round.rawId)]);
  }

  #unsubscribe({ filter, subscribed }: Listen): void {
    if (!subscribed) return;
    for (const uri of filter.resourceSubscriptions) this.#subscribe(uri, false, () => {});
  }
}

interface ListenRequest {
  readonly exchange: Exchange;
  readonly message: ClientMessage;
  readonly host: LaneHost;
}
