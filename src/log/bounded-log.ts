/**
 * An ordered log with a bound, in which each item has a place, for everybody who reads along. Who reads slowly holds nobody up and costs
 * nothing: it finds out that its place has gone.
 */
import { randomBytes } from 'node:crypto';
import { BerthError } from '../errors.ts';

export interface LogItem {
  /** Place in the log, for who comes back; only this log understands it. */
  readonly id: string;
  readonly text: string;
}

export interface BoundedLogLimits {
  readonly items: number;
  /** Characters of all texts; the newest item is kept however long it is. */
  readonly size: number;
}

export interface ReadOptions {
  /** Items after this place; from now on without it. */
  readonly after?: string | undefined;
  readonly signal: AbortSignal;
}

const PLACE = /^([A-Za-z0-9_-]{8})-(\d{1,15})$/;

export class BoundedLog<T extends LogItem> {
  /** Of this log: places of an earlier one, or of another gateway, are not its own. */
  readonly #name = randomBytes(6).toString('base64url');
  readonly #limits: BoundedLogLimits;
  #items: T[] = [];
  /** Number of the first item that is kept. */
  #first = 1;
  #size = 0;
  /** Of readers that have read everything. */
  readonly #waiting = new Set<() => void>();

  constructor(limits: BoundedLogLimits) {
    this.#limits = limits;
  }

  /** What is kept, oldest first. */
  get items(): readonly T[] {
    return this.#items;
  }

  /** Of the newest item: what is read after this is new. */
  get position(): string {
    return this.#place(this.#end - 1);
  }

  add(make: (id: string) => T): void {
    const item = make(this.#place(this.#end));
    this.#items.push(item);
    this.#size += item.text.length;
    while (this.#isTooMuch()) {
      this.#size -= this.#items.shift()?.text.length ?? 0;
      this.#first++;
    }
    for (const wake of [...this.#waiting]) wake();
  }

  /** Drops what is kept; who has read all of it goes on. */
  clear(): void {
    this.#first = this.#end;
    this.#items = [];
    this.#size = 0;
  }

  /** Throws `bad-input` for what is no place, and `position-expired` for one that is no longer kept, while reading, too. */
  read({ after, signal }: ReadOptions): AsyncGenerator<T, void> {
    const start = after === undefined ? this.#end : this.#numberOf(after) + 1;
    this.#check(start);
    return this.#from(start, signal);
  }

  /** Number of the next item. */
  get #end(): number {
    return this.#first + this.#items.length;
  }

  async *#from(start: number, signal: AbortSignal): AsyncGenerator<T, void> {
    for (let next = start; !signal.aborted; ) {
      this.#check(next);
      const item = this.#items[next - this.#first];
      if (item === undefined) await this.#more(signal);
      else {
        next++;
        yield item;
      }
    }
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  #check(number: number): void {
    if (number >= this.#first && number <= this.#end) return;
    throw new BerthError('position-expired', 'what came after this place is no longer known');
  }

  #numberOf(place: string): number {
    const [, name, number] = PLACE.exec(place) ?? [];
    if (number === undefined) throw badPlace();
    return name === this.#name ? Number(number) : Number.NEGATIVE_INFINITY;
  }

  #place(number: number): string {
    return `${this.#name}-${number}`;
  }

  #isTooMuch(): boolean {
    const { length } = this.#items;
    return length > this.#limits.items || (length > 1 && this.#size > this.#limits.size);
  }
}

function badPlace(): BerthError {
  const detail = 'must be the id of an event, or the position of a list';
  return new BerthError('bad-input', `Last-Event-ID ${detail}`, {
    fields: [{ pointer: 'Last-Event-ID', detail }],
  });
}
