/** Notices when what a group offers changes: its servers say so, start, stop, or the group itself is changed. */
import { type Clock, systemClock } from '../clock.ts';
import type { AskServer, CallPrincipal } from '../servers/server-calls.ts';
import type { GroupDirectory } from './groups.ts';

export type ChangedList = 'tools' | 'prompts' | 'resources';

export interface GroupWatchOptions {
  readonly groups: GroupDirectory;
  readonly ask: AskServer;
  /** Whether a server can be called. */
  readonly isUp: (server: string) => boolean;
  readonly clock?: Clock;
}

/** Milliseconds between looks at the states of servers; nothing is asked of them. */
const LOOK_EVERY = 1_000;
/** Milliseconds after which a server that has no such stream is asked again; the longest wait for one that ended it. */
const AGAIN_AFTER = 30_000;
export const ALL_LISTS: readonly ChangedList[] = ['tools', 'prompts', 'resources'];
const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';
const CHANGE = /^notifications\/(tools|prompts|resources)\/list_changed$/;

interface Listening {
  readonly up: boolean;
  readonly stop: AbortController;
  /** Clock reading from which it may be listened to again; undefined while it is. */
  again: number | undefined;
  /** Its server has acknowledged it. */
  open: boolean;
  /** A stream before it ended, and nothing is known of what has changed since. */
  readonly missed: boolean;
  /** Milliseconds that are waited after its end. */
  wait: number;
}

const down = (): Listening => ({
  ...{ up: false, stop: new AbortController(), again: undefined, open: false, missed: false, wait: 0 },
});

/** Who listens to which group. */
export interface Watcher {
  readonly group: string;
  readonly caller: CallPrincipal;
  /** What its client can be asked: it decides which process of a server serves it, and tells of changes. */
  readonly capabilities?: Readonly<Record<string, unknown>> | undefined;
}

/** One for each watcher, as a server may offer different things to different callers. */
class Watch {
  readonly listeners = new Set<(list: ChangedList) => void>();
  readonly #options: GroupWatchOptions;
  readonly #clock: Clock;
  readonly #watcher: Watcher;
  readonly #members = new Map<string, Listening>();
  readonly #cleanUp: (() => void)[];

  constructor(options: GroupWatchOptions, watcher: Watcher) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#watcher = watcher;
    this.#look(true);
    this.#cleanUp = [
      this.#clock.every(LOOK_EVERY, () => this.#look(false)),
      options.groups.onChange((name) => {
        if (name !== watcher.group) return;
        this.#look(true);
        this.#tell(ALL_LISTS);
      }),
    ];
  }

  close(): void {
    for (const undo of this.#cleanUp) undo();
    for (const { stop } of this.#members.values()) stop.abort();
    this.#members.clear();
  }

  #look(quiet: boolean): void {
    const group = this.#options.groups.find(this.#watcher.group);
    const servers = new Set(group?.spec.servers.map(({ server }) => server));
    for (const [server, { stop }] of this.#members) {
      if (servers.has(server)) continue;
      stop.abort();
      this.#members.delete(server);
    }
    let changed = false;
    for (const server of servers) {
      const before = this.#members.get(server);
      const up = this.#options.isUp(server);
      if (before?.up === up) {
        if (up && before.again !== undefined && before.again <= this.#clock.now())
          this.#listen(server, before);
        continue;
      }
      before?.stop.abort();
      changed ||= before !== undefined;
      if (up) this.#listen(server);
      else this.#members.set(server, down());
    }
    if (changed && !quiet) this.#tell(ALL_LISTS);
  }

  /** `before`: the stream that its server has ended; it may have started anew since, and offer other things. */
  #listen(server: string, before = down()): void {
    const { caller, capabilities } = this.#watcher;
    const stop = new AbortController();
    const began = this.#clock.now();
    const missed = before.open || before.missed;
    const listening: Listening = { up: true, stop, again: undefined, open: false, missed, wait: 0 };
    this.#members.set(server, listening);
    const over = (): void => {
      const now = this.#clock.now();
      listening.wait = waitAfter(listening, now - began, before.wait);
      listening.again = now + listening.wait;
    };
    this.#options
      .ask({
        ...{ server, caller, ...(capabilities && { capabilities }) },
        method: 'subscriptions/listen',
        params: {
          notifications: { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true },
        },
        signal: stop.signal,
        onNotification: (method) => {
          if (stop.signal.aborted) return;
          if (method === ACKNOWLEDGED) {
            listening.open = true;
            if (missed) this.#tell(ALL_LISTS);
          }
          const list = CHANGE.exec(method)?.[1];
          if (list !== undefined) this.#tell([list as ChangedList]);
        },
      })
      .then(over, over);
  }

  #tell(lists: readonly ChangedList[]): void {
    for (const list of lists) for (const listener of this.listeners) listener(list);
  }
}

/** Milliseconds after the end of a stream that lasted so long: one that ends again and again is asked for more and more rarely. */
function waitAfter({ open, missed }: Listening, lasted: number, before: number): number {
  if (!open && !missed) return AGAIN_AFTER;
  if (open && lasted >= AGAIN_AFTER) return 0;
  return Math.min(Math.max(2 * before, LOOK_EVERY), AGAIN_AFTER);
}

export class GroupWatches {
  readonly #options: GroupWatchOptions;
  readonly #watches = new Map<string, Watch>();

  constructor(options: GroupWatchOptions) {
    this.#options = options;
  }

  /** Calls back for every change until the returned function is called; servers are listened to only meanwhile. */
  watch(watcher: Watcher, listener: (list: ChangedList) => void): () => void {
    const key = JSON.stringify([watcher.group, watcher.caller.id, watcher.capabilities]);
    const watch = this.#watches.get(key) ?? new Watch(this.#options, watcher);
    this.#watches.set(key, watch);
    watch.listeners.add(listener);
    return () => {
      if (!watch.listeners.delete(listener) || watch.listeners.size > 0) return;
      watch.close();
      if (this.#watches.get(key) === watch) this.#watches.delete(key);
    };
  }

  /** Idempotent. */
  close(): void {
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
  }
}
