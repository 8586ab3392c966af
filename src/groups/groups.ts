/** All groups of this gateway, kept across restarts. */
import { BerthError } from '../errors.ts';
import type { GroupSpec } from './group-spec.ts';

export interface Group {
  readonly spec: GroupSpec;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Where groups are kept. Every change is one transaction. */
export interface GroupStore {
  list(): Group[];
  save(group: Group): void;
  remove(name: string): void;
}

const MOST_GROUPS = 500;

export class Groups {
  readonly #store: GroupStore;
  readonly #groups = new Map<string, Group>();
  readonly #listeners = new Set<(name: string) => void>();
  readonly #now: () => number;

  constructor(store: GroupStore, now: () => number = Date.now) {
    this.#store = store;
    this.#now = now;
    for (const group of store.list()) this.#groups.set(group.spec.name, group);
  }

  /** Throws `conflict` when the name is taken, and `limit-reached`. */
  create(spec: GroupSpec): Group {
    if (this.#groups.has(spec.name))
      throw new BerthError('conflict', `there is a group ${spec.name} already`, {
        hint: `Use another name, or replace it: berth group create ${spec.name} … --replace.`,
      });
    if (this.#groups.size >= MOST_GROUPS)
      throw new BerthError('limit-reached', `there are ${MOST_GROUPS} groups already`);
    return this.#save(spec, this.#now());
  }

  /** Creates it, or takes the place of the one of that name. */
  put(spec: GroupSpec): { group: Group; created: boolean } {
    const existing = this.#groups.get(spec.name);
    if (!existing) return { group: this.create(spec), created: true };
    return { group: this.#save(spec, existing.createdAt), created: false };
  }

  /** Throws `not-found`. */
  get(name: string): Group {
    const group = this.#groups.get(name);
    if (group) return group;
    throw new BerthError('not-found', `there is no group ${JSON.stringify(name)}`, {
      hint: 'List what exists with: berth group ls.',
    });
  }

  find(name: string): Group | undefined {
    return this.#groups.get(name);
  }

  /** By name. */
  list(): Group[] {
    return [...this.#groups.values()].sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1));
  }

  /** Its servers are left as they are. Throws `not-found`. */
  remove(name: string): void {
    this.get(name);
    this.#store.remove(name);
    this.#groups.delete(name);
    this.#tell(name);
  }

  /** Calls back with the name of each group that was changed or removed; returns the unsubscribe. */
  onChange(listener: (name: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #save(spec: GroupSpec, createdAt: number): Group {
    const group = { spec, createdAt, updatedAt: this.#now() };
    this.#store.save(group);
    this.#groups.set(spec.name, group);
    this.#tell(spec.name);
    return group;
  }

  #tell(name: string): void {
    for (const listener of this.#listeners) listener(name);
  }
}

/** Where a gateway has none: in a cluster. */
export function noGroups(): BerthError {
  return new BerthError('not-allowed', 'this gateway runs in a cluster and has no groups', {
    hint: 'Use the URL of each server, or a group on a gateway on a machine that has them as remote servers.',
  });
}
