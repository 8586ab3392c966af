/** The objects of a reflector as they were last seen, and what changed about them. */
import type { KubeObject, ObjectName } from './resources.ts';

/** Told about every change, in order, in the turn in which it is learned. */
export interface ObjectHandler<T> {
  added?(object: T): void;
  modified?(object: T, before: T): void;
  /** As it was at the end, as far as that is known. */
  deleted?(object: T): void;
}

export class ObjectStore<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #handler: ObjectHandler<T>;
  readonly #onThrow: (thrown: unknown) => void;

  /** A handler that throws is a fault of this program: it is told to `onThrow`, and nothing else suffers. */
  constructor(handler: ObjectHandler<T>, onThrow: (thrown: unknown) => void) {
    this.#handler = handler;
    this.#onThrow = onThrow;
  }

  get(name: ObjectName): T | undefined {
    return this.#objects.get(keyOf(name));
  }

  get items(): T[] {
    return [...this.#objects.values()];
  }

  put(object: T): void {
    const key = keyOf(object.metadata);
    const before = this.#objects.get(key);
    if (before && before.metadata.uid !== object.metadata.uid) {
      this.remove(before);
      this.put(object);
      return;
    }
    if (before && before.metadata.resourceVersion === object.metadata.resourceVersion) return;
    this.#objects.set(key, object);
    this.#tell(() => {
      if (before) this.#handler.modified?.(object, before);
      else this.#handler.added?.(object);
    });
  }

  remove(object: T): void {
    if (!this.#objects.delete(keyOf(object.metadata))) return;
    this.#tell(() => this.#handler.deleted?.(object));
  }

  /** Takes over a whole list: what is not in it has been deleted meanwhile. */
  replace(objects: readonly T[]): void {
    const there = new Set(objects.map(({ metadata }) => keyOf(metadata)));
    for (const [key, object] of [...this.#objects]) if (!there.has(key)) this.remove(object);
    for (const object of objects) this.put(object);
  }

  #tell(tell: () => void): void {
    try {
      tell();
    } catch (thrown) {
      this.#onThrow(thrown);
    }
  }
}

function keyOf({ namespace = '', name = '' }: { namespace?: string | undefined; name?: string }): string {
  return `${namespace}/${name}`;
}
