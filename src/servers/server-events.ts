/**
 * What becomes of servers, in order, for everybody who watches: one bounded log, in which each event has a place. Who reads slowly
 * holds nobody up and costs nothing: it finds out that its place has gone, and lists the servers anew.
 */
import { randomBytes } from 'node:crypto';
import { BerthError } from '../errors.ts';
import type { ServerView } from './server-view.ts';
import type { Servers } from './servers.ts';

export interface ServerEvent {
  /** Place in the log, for who comes back; only this gateway understands it. */
  readonly id: string;
  readonly type: 'added' | 'changed' | 'removed';
  /** The server as it is now; of a removed one as it was. */
  readonly server: ServerView;
  /** The event as JSON. */
  readonly text: string;
}

export interface ReadOptions {
  /** Events after this place; from now on without it. */
  readonly after?: string | undefined;
  readonly signal: AbortSignal;
}

export interface ServerEventsLimits {
  readonly events: number;
  /** Characters of JSON. */
  readonly size: number;
}

const LIMITS: ServerEventsLimits = { events: 1_000, size: 8 * 1024 * 1024 };
const PLACE = /^([A-Za-z0-9_-]{8})-(\d{1,15})$/;

export class ServerEvents {
  /** Of this log: places of an earlier one, or of another gateway, are not its own. */
  readonly #log = randomBytes(6).toString('base64url');
  readonly #servers: Pick<Servers, 'peek' | 'watch'>;
  readonly #limits: ServerEventsLimits;
  readonly #unwatch: () => void;
  readonly #events: ServerEvent[] = [];
  /** Number of the first event that is kept. */
  #first = 1;
  #size = 0;
  /** As each server was told last, without what changes all the time. */
  readonly #told = new Map<string, { readonly essence: string; readonly server: ServerView }>();
  readonly #dirty = new Set<string>();
  readonly #looking = new Set<string>();
  /** Of readers that have read everything. */
  readonly #waiting = new Set<() => void>();

  constructor(servers: Pick<Servers, 'peek' | 'watch'>, limits: ServerEventsLimits = LIMITS) {
    this.#servers = servers;
    this.#limits = limits;
    this.#unwatch = servers.watch((name) => this.#touched(name));
  }

  /** Of the newest event: a list that is read after this has everything up to here. */
  get position(): string {
    return this.#place(this.#first + this.#events.length - 1);
  }

  /** Throws `bad-input` for what is no place, and `position-expired` for one that is no longer kept, while reading, too. */
  read({ after, signal }: ReadOptions): AsyncGenerator<ServerEvent, void> {
    const start = after === undefined ? this.#first + this.#events.length : this.#numberOf(after) + 1;
    this.#check(start);
    return this.#from(start, signal);
  }

  /** Idempotent. */
  close(): void {
    this.#unwatch();
  }

  async *#from(start: number, signal: AbortSignal): AsyncGenerator<ServerEvent, void> {
    for (let next = start; !signal.aborted; ) {
      this.#check(next);
      const event = this.#events[next - this.#first];
      if (event === undefined) await this.#more(signal);
      else {
        next++;
        yield event;
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
    if (number >= this.#first && number <= this.#first + this.#events.length) return;
    throw new BerthError('position-expired', 'what came after this place is no longer known');
  }

  #numberOf(place: string): number {
    const [, log, number] = PLACE.exec(place) ?? [];
    if (number === undefined) throw badPlace();
    return log === this.#log ? Number(number) : Number.NEGATIVE_INFINITY;
  }

  #place(number: number): string {
    return `${this.#log}-${number}`;
  }

  /** Looks are not queued: one at a time for each server, and one more when it was touched meanwhile. */
  #touched(name: string): void {
    this.#dirty.add(name);
    if (!this.#looking.has(name)) void this.#look(name);
  }

  async #look(name: string): Promise<void> {
    this.#looking.add(name);
    while (this.#dirty.delete(name)) {
      try {
        this.#tell(name, await this.#servers.peek(name));
      } catch {
        // What cannot be seen just now is told of with its next change.
      }
    }
    this.#looking.delete(name);
  }

  #tell(name: string, server: ServerView | undefined): void {
    const before = this.#told.get(name);
    if (before && before.server.id !== server?.id) {
      this.#told.delete(name);
      this.#add('removed', before.server);
    }
    if (!server) return;
    const essence = essenceOf(server);
    if (this.#told.get(name)?.essence === essence) return;
    const type = this.#told.has(name) ? 'changed' : 'added';
    this.#told.set(name, { essence, server });
    this.#add(type, server);
  }

  #add(type: ServerEvent['type'], server: ServerView): void {
    const id = this.#place(this.#first + this.#events.length);
    const text = JSON.stringify({ id, type, at: new Date().toISOString(), server });
    this.#events.push({ id, type, server, text });
    this.#size += text.length;
    while (this.#isTooMuch()) {
      this.#size -= this.#events.shift()?.text.length ?? 0;
      this.#first++;
    }
    for (const wake of [...this.#waiting]) wake();
  }

  #isTooMuch(): boolean {
    const { length } = this.#events;
    return length > this.#limits.events || (length > 1 && this.#size > this.#limits.size);
  }
}

/** What traffic alone changes is no event. */
function essenceOf({ status, ...server }: ServerView): string {
  const { sessions: _sessions, processes: _processes, lastActivity: _lastActivity, ...rest } = status;
  const { lastCheck: _lastCheck, ...lasting } = rest;
  return JSON.stringify({ ...server, status: lasting });
}

function badPlace(): BerthError {
  const detail = 'must be the id of an event, or the position of a list';
  return new BerthError('bad-input', `Last-Event-ID ${detail}`, {
    fields: [{ pointer: 'Last-Event-ID', detail }],
  });
}
