/** All groups of a gateway: kept by itself, or by the cluster that it is one of several gateways of. */
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

/** What the API and the endpoint of groups need, wherever groups are kept. */
export interface GroupDirectory {
  /** Rejects with `conflict` when the name is taken, and with `limit-reached`. */
  create(spec: GroupSpec): Promise<Group>;
  /** Creates it, or takes the place of the one of that name. */
  put(spec: GroupSpec): Promise<{ group: Group; created: boolean }>;
  /** Throws `not-found`. */
  get(name: string): Group;
  find(name: string): Group | undefined;
  /** By name. */
  list(): Group[];
  /** Its servers are left as they are. Rejects with `not-found`. */
  remove(name: string): Promise<void>;
  /** Calls back with the name of each group that was changed or removed; returns the unsubscribe. */
  onChange(listener: (name: string) => void): () => void;
}

export const MOST_GROUPS = 500;

/** Groups that this gateway keeps itself; a change is made when the call returns. */
export class Groups implements GroupDirectory {
  readonly #store: GroupStore;
  readonly #groups = new Map<string, Group>();
  readonly #listeners = new Set<(name: string) => void>();
  readonly #now: () => number;

  constructor(store: GroupStore, now: () => number = Date.now) {
    this.#store = store;
    this.#now = now;
    for (const group of store.list()) this.#groups.set(group.spec.name, group);
  }

  async create(spec: GroupSpec): Promise<Group> {
    checkRoom(this.#groups, spec);
    return this.#save(spec, this.#now());
  }

  async put(spec: GroupSpec): Promise<{ group: Group; created: boolean }> {
    const existing = this.#groups.get(spec.name);
    if (!existing) return { group: await this.create(spec), created: true };
    return { group: this.#save(spec, existing.createdAt), created: false };
  }

  get(name: string): Group {
    return groupIn(this.#groups, name);
  }

  find(name: string): Group | undefined {
    return this.#groups.get(name);
  }

  list(): Group[] {
    return byName(this.#groups);
  }

  async remove(name: string): Promise<void> {
    this.get(name);
    this.#store.remove(name);
    this.#groups.delete(name);
    this.#tell(name);
  }

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

type Known = ReadonlyMap<string, Group>;

/** Throws `conflict` when the name is taken, and `limit-reached`. */
export function checkRoom(groups: Known, { name }: GroupSpec): void {
  if (groups.has(name))
    throw new BerthError('conflict', `there is a group ${name} already`, {
      hint: `Use another name, or replace it: berth group create ${name} … --replace.`,
    });
  if (groups.size >= MOST_GROUPS)
    throw new BerthError('limit-reached', `there are ${MOST_GROUPS} groups already`);
}

/** Throws `not-found`. */
export function groupIn(groups: Known, name: string): Group {
  const group = groups.get(name);
  if (group) return group;
  throw new BerthError('not-found', `there is no group ${JSON.stringify(name)}`, {
    hint: 'List what exists with: berth group ls.',
  });
}

export function byName(groups: Known): Group[] {
  return [...groups.values()].sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1));
}
