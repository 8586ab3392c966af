/** Requests to the client that wait for its answers, under ids of ours; each stands on the stream of the call on whose account it is asked. */
import { idKey } from '../../../jsonrpc/id.ts';
import type { Exchange } from '../../exchange.ts';
import { type ClientMessage, rawId } from '../../message.ts';
import type { LaneHost } from '../lane.ts';

interface Open {
  readonly exchange: Exchange;
  readonly answered: (message: ClientMessage, id: number) => void;
}

export class Questions {
  readonly #host: LaneHost;
  readonly #open = new Map<string, Open>();
  #next = 1;

  constructor(host: LaneHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Asks what `write` makes of the id, and returns that id. */
  ask(exchange: Exchange, write: (id: number) => readonly Buffer[], answered: Open['answered']): number {
    const id = this.#next++;
    this.#open.set(String(id), { exchange, answered });
    this.#host.placeRequest(write(id), exchange);
    return id;
  }

  /** The client's answer; one that nobody waits for is dropped. */
  answer(message: ClientMessage): void {
    const key = idKey(rawId(message));
    const open = this.#open.get(key);
    this.#open.delete(key);
    open?.answered(message, Number(key));
  }

  /** Takes a question back where it was put. */
  withdraw(id: number, reason: string): void {
    const key = String(id);
    const open = this.#open.get(key);
    if (!open) return;
    this.#open.delete(key);
    const params = JSON.stringify({ requestId: id, reason });
    const text = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`;
    this.#host.placeRequest([Buffer.from(text)], open.exchange);
  }
}
