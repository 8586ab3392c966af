/** Applies children, and does not ask the API server again for what it has already been told. */
import type { KubeObject, Resource } from '../cluster/resources.ts';
import { toBerthError } from '../errors.ts';
import { type ClusterApi, MANAGER } from './cluster-api.ts';

/** Milliseconds after which something is applied all the same: what others have changed is put right by then. */
export const REAPPLY_AFTER = 10 * 60_000;
/** Longer than a watch lags behind. */
const FORGET_AFTER = 2 * REAPPLY_AFTER;
const ABSENT = 'absent';

interface Applied {
  readonly text: string;
  readonly uid: string | undefined;
  readonly generation: number | undefined;
  readonly at: number;
}

export interface Watched {
  readonly seen: KubeObject | undefined;
}

/** Its memory is of this run of the program: a new leader applies everything once. */
export class Applier {
  readonly #api: ClusterApi;
  readonly #now: () => number;
  readonly #applied = new Map<string, Applied>();
  #lookedThrough: number;

  constructor(api: ClusterApi, now: () => number) {
    this.#api = api;
    this.#now = now;
    this.#lookedThrough = now();
  }

  /** How much it knows of. */
  get size(): number {
    return this.#applied.size;
  }

  /** `watched`: how the cluster shows the object; one that is gone or has changed since is put right at once. */
  async apply(resource: Resource, object: KubeObject, watched?: Watched): Promise<void> {
    const key = keyOf(resource, object);
    const text = JSON.stringify(object);
    const before = this.#fresh(key);
    if (before?.text === text && (!watched || isSame(before, watched.seen))) return;
    const made = await this.#api.apply(resource, object, { manager: MANAGER, force: true });
    const { uid, generation } = made.metadata;
    this.#remember(key, { text, uid, generation });
  }

  /** An object as it is known best: as the watch shows it, or as it was applied since. */
  newest<T extends KubeObject>(resource: Resource, seen: T | undefined): T | undefined {
    const before = seen && this.#applied.get(keyOf(resource, seen));
    if (!seen || before?.generation === undefined || seen.metadata.uid !== before.uid) return seen;
    return (seen.metadata.generation ?? 0) < before.generation ? (JSON.parse(before.text) as T) : seen;
  }

  /** For what may be made and not be read: true when it was made, false when it was there. */
  async create(resource: Resource, object: KubeObject): Promise<boolean> {
    const key = keyOf(resource, object);
    if (this.#fresh(key)) return false;
    const made = await this.#api.create(resource, object).catch((thrown: unknown) => {
      if (toBerthError(thrown).code !== 'conflict') throw thrown;
      return undefined;
    });
    this.#remember(key, { text: '', uid: undefined, generation: undefined });
    return made !== undefined;
  }

  /** For what cannot be read and changes under its name: made, or replaced whatever was there. */
  async put(resource: Resource, object: KubeObject): Promise<void> {
    this.#applied.delete(keyOf(resource, object));
    if (await this.create(resource, object)) return;
    await this.#api.replace(resource, object);
  }

  /** Whether it was made or seen to be there not long ago. */
  isFresh(resource: Resource, object: KubeObject): boolean {
    return this.#fresh(keyOf(resource, object)) !== undefined;
  }

  /** For what is removed without being looked at: once, and again after a while. */
  async ensureAbsent(resource: Resource, object: KubeObject): Promise<void> {
    const key = keyOf(resource, object);
    if (this.#fresh(key)?.text === ABSENT) return;
    await this.remove(resource, object);
    this.#remember(key, { text: ABSENT, uid: undefined, generation: undefined });
  }

  async remove(resource: Resource, object: KubeObject): Promise<void> {
    const { name = '', namespace } = object.metadata;
    this.#applied.delete(keyOf(resource, object));
    await this.#api.remove(resource, { name, namespace }, { propagation: 'Background' });
  }

  /** What belongs to servers that are gone is not asked for any more, and goes with time. */
  #remember(key: string, told: Omit<Applied, 'at'>): void {
    const at = this.#now();
    this.#applied.set(key, { ...told, at });
    if (at - this.#lookedThrough < FORGET_AFTER) return;
    this.#lookedThrough = at;
    for (const [one, before] of this.#applied) if (at - before.at >= FORGET_AFTER) this.#applied.delete(one);
  }

  #fresh(key: string): Applied | undefined {
    const before = this.#applied.get(key);
    return before && this.#now() - before.at < REAPPLY_AFTER ? before : undefined;
  }
}

function isSame({ uid, generation }: Applied, seen: KubeObject | undefined): boolean {
  if (seen?.metadata.uid !== uid) return false;
  return generation === undefined || (seen?.metadata.generation ?? 0) <= generation;
}

function keyOf({ plural }: Resource, { metadata: { namespace = '', name = '' } }: KubeObject): string {
  return `${namespace}/${name} ${plural}`;
}
