/** What becomes of servers, in order, for everybody who watches; who finds that its place has gone lists the servers anew. */
import { BoundedLog, type LogItem, type ReadOptions } from '../log/bounded-log.ts';
import type { ServerView } from './server-view.ts';
import type { Servers } from './servers.ts';

/** Its text is the event as JSON. */
export interface ServerEvent extends LogItem {
  readonly type: 'added' | 'changed' | 'removed';
  /** The server as it is now; of a removed one as it was. */
  readonly server: ServerView;
}

export interface ServerEventsLimits {
  readonly events: number;
  /** Characters of JSON. */
  readonly size: number;
}

const LIMITS: ServerEventsLimits = { events: 1_000, size: 8 * 1024 * 1024 };

export class ServerEvents {
  readonly #servers: Pick<Servers, 'peek' | 'watch'>;
  readonly #unwatch: () => void;
  readonly #log: BoundedLog<ServerEvent>;
  /** As each server was told last, without what changes all the time. */
  readonly #told = new Map<string, { readonly essence: string; readonly server: ServerView }>();
  readonly #dirty = new Set<string>();
  readonly #looking = new Set<string>();

  constructor(servers: Pick<Servers, 'peek' | 'watch'>, limits: ServerEventsLimits = LIMITS) {
    this.#servers = servers;
    this.#log = new BoundedLog({ items: limits.events, size: limits.size });
    this.#unwatch = servers.watch((name) => this.#touched(name));
  }

  /** Of the newest event: a list that is read after this has everything up to here. */
  get position(): string {
    return this.#log.position;
  }

  /** Throws `bad-input` for what is no place, and `position-expired` for one that is no longer kept, while reading, too. */
  read(options: ReadOptions): AsyncGenerator<ServerEvent, void> {
    return this.#log.read(options);
  }

  /** Idempotent. */
  close(): void {
    this.#unwatch();
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
    this.#log.add((id) => {
      const text = JSON.stringify({ id, type, at: new Date().toISOString(), server });
      return { id, type, server, text };
    });
  }
}

/** What traffic alone changes is no event. */
function essenceOf({ status, ...server }: ServerView): string {
  const { sessions: _sessions, processes: _processes, lastActivity: _lastActivity, ...rest } = status;
  const { lastCheck: _lastCheck, ...lasting } = rest;
  return JSON.stringify({ ...server, status: lasting });
}
