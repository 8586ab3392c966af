/** What the data plane is told of the cluster's servers; a request for one that is away brings it back. */
import { type Clock, systemClock } from '../../clock.ts';
import { BerthError } from '../../errors.ts';
import type { Isolation } from '../../supervisor/server-definition.ts';
import { isAsleep } from '../asleep.ts';
import type { McpServer } from '../mcp-server.ts';
import type { ClusterView } from './cluster-view.ts';
import { desiredOf, failureOf, stateOf } from './resource-state.ts';
import { UnseenServers, type UnseenServersOptions } from './unseen-servers.ts';
import { WOKEN_AT } from './wake.ts';

/** Milliseconds that a request waits for a replica. */
export const ARRIVAL_LIMIT = 60_000;
const LOOK_EVERY = 1_000;

export interface DirectoryEntry {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly isolation: Isolation;
  readonly sessions: 'minted' | 'none';
  readonly failure?: BerthError;
  /** Sessions of before go on for a while, and nothing new begins. */
  readonly isEnding?: boolean;
  readonly awaited?: (signal: AbortSignal) => Promise<void>;
}

/** How servers of a template are used where their specification says nothing. */
export interface Behavior {
  readonly isolation?: Isolation;
  readonly sessions?: 'minted' | 'none';
}

export interface ServerDirectoryOptions {
  readonly view: Pick<ClusterView, 'server' | 'servers' | 'replicas' | 'changes'>;
  readonly behavior: (template: string) => Behavior | undefined;
  /** Brings a server back that sleeps, or was scaled to 0. */
  readonly wake: (resource: McpServer) => Promise<void>;
  /** Asks the API server for one that the watch does not show. */
  readonly read: UnseenServersOptions['read'];
  readonly clock?: Clock;
}

export class ServerDirectory {
  readonly #options: ServerDirectoryOptions & { readonly clock: Clock };
  /** By uid: one request to the API server, however many clients wait. */
  readonly #waking = new Map<string, Waking>();
  readonly #unseen: UnseenServers;
  /** Of those that can be called. */
  readonly #entries = new WeakMap<McpServer, RunningEntry>();

  constructor(options: ServerDirectoryOptions) {
    this.#options = { ...options, clock: options.clock ?? systemClock };
    this.#unseen = new UnseenServers({ read: options.read, clock: this.#options.clock });
    options.view.replicas.whenAway((server) => this.#awake(server));
  }

  find(name: string): DirectoryEntry | undefined {
    const resource = this.#resource(name);
    const id = resource?.metadata.uid;
    if (!resource || id === undefined) return undefined;
    // A replica that is there can be called, whatever the controller has made of it so far.
    if (desiredOf(resource) > 0 && this.#options.view.replicas.isCallable(id))
      return this.#running(resource, id);
    const common = { id, name, ...behaviorOf(resource, this.#usual(resource)) };
    const failure = failureOf(resource);
    if (failure) return { ...common, state: 'failed', failure };
    if (isStopped(resource))
      return this.#leftover(id)
        ? { ...common, state: 'running', isEnding: true }
        : { ...common, state: 'stopped' };
    return { ...common, state: stateOf(resource), awaited: (signal) => this.#arrival(name, signal) };
  }

  /** Another gateway may have made it a moment ago: it is asked for, and then waited for as any other that is not ready. */
  lookUp(name: string): DirectoryEntry['awaited'] {
    if (!this.#unseen.isOpen(name)) return undefined;
    return async (signal) => {
      await this.#unseen.ask(name);
      await this.find(name)?.awaited?.(signal);
    };
  }

  /** The same for as long as its object and its template are: every request asks. */
  #running(resource: McpServer, id: string): DirectoryEntry {
    const usual = this.#usual(resource);
    const known = this.#entries.get(resource);
    if (known && known.usual === usual) return known.entry;
    const { name = '' } = resource.metadata;
    const entry = { id, name, ...behaviorOf(resource, usual), state: 'running' };
    this.#entries.set(resource, { usual, entry });
    return entry;
  }

  /** As the watch shows it; until then, as it was found. */
  #resource(name: string): McpServer | undefined {
    const seen = this.#options.view.server(name);
    if (!seen) return this.#unseen.get(name);
    this.#unseen.forget(name);
    return seen;
  }

  /** Sessions of a server that is being stopped go on until its pods end. */
  #leftover(id: string): boolean {
    return this.#options.view.replicas.of(id).some(({ running }) => running);
  }

  #usual({ spec }: McpServer): Behavior | undefined {
    return spec.template === undefined ? undefined : this.#options.behavior(spec.template);
  }

  /** Resolves when something new can begin on a server whose replicas take nothing just now; wakes it if it sleeps. */
  async #awake(id: string, signal?: AbortSignal): Promise<void> {
    const name = this.#options.view.servers.find(({ metadata }) => metadata.uid === id)?.metadata.name;
    if (name !== undefined) await this.#arrival(name, signal);
  }

  async #arrival(name: string, signal?: AbortSignal): Promise<void> {
    const { view, clock } = this.#options;
    let failed: { readonly why: unknown } | undefined;
    const wake = (resource: McpServer): void => {
      this.#wake(resource).catch((why: unknown) => {
        failed = { why };
        view.changes.tell(name);
      });
    };
    const look = (): true | undefined => {
      if (failed) throw failed.why;
      const resource = this.#resource(name);
      // It may fall asleep while somebody waits for it already.
      if (resource && desiredOf(resource) === 0 && !isStopped(resource)) wake(resource);
      else view.replicas.reach(resource?.metadata.uid ?? '');
      return this.find(name)?.awaited ? undefined : true;
    };
    // Time alone brings back a replica that was closed, and was not ended.
    const stop = clock.every(LOOK_EVERY, () => view.changes.tell(name));
    try {
      await view.changes.until(name, look, {
        signal,
        ms: ARRIVAL_LIMIT,
        late: () => stillAway(name, this.#resource(name)),
      });
    } finally {
      stop();
    }
  }

  /** Once for each time that it sleeps, however often it is seen so. */
  #wake(resource: McpServer): Promise<void> {
    const { uid = '' } = resource.metadata;
    const sleep = sleepOf(resource);
    const known = this.#waking.get(uid);
    if (known && (known.under || known.sleep === sleep)) return known.done;
    const done = this.#options.wake(resource);
    this.#forgetGone();
    const waking: Waking = { sleep, under: true, done };
    this.#waking.set(uid, waking);
    const over = (): void => {
      waking.under = false;
    };
    done.then(over, () => this.#waking.delete(uid));
    return done;
  }

  #forgetGone(): void {
    const there = new Set(this.#options.view.servers.map(({ metadata }) => metadata.uid));
    for (const [uid, { under }] of this.#waking) if (!under && !there.has(uid)) this.#waking.delete(uid);
  }
}

interface RunningEntry {
  readonly usual: Behavior | undefined;
  readonly entry: DirectoryEntry;
}

interface Waking {
  readonly sleep: string;
  readonly done: Promise<void>;
  under: boolean;
}

/** Tells one time of being without replicas from the next: waking leaves its time behind, scaling makes a new generation. */
function sleepOf(resource: McpServer): string {
  const { generation, annotations } = resource.metadata;
  return isAsleep(resource) ? `${generation} ${annotations?.[WOKEN_AT] ?? ''}` : `${generation}`;
}

function behaviorOf({ spec }: McpServer, usual: Behavior | undefined): Required<Behavior> {
  return {
    isolation: spec.isolation ?? usual?.isolation ?? 'session',
    sessions: spec.sessions ?? usual?.sessions ?? 'minted',
  };
}

function isStopped({ metadata, spec }: McpServer): boolean {
  return spec.suspend === true || metadata.deletionTimestamp !== undefined;
}

function stillAway(name: string, resource: McpServer | undefined): BerthError {
  const { message = '', hint = '' } = resource?.status ?? {};
  return new BerthError('busy', `no replica of ${name} came within ${ARRIVAL_LIMIT / 1_000} s: ${message}`, {
    hint: hint || `Try again shortly; berth status ${name} says what it waits for.`,
  });
}
