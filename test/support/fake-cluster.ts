/**
 * A cluster in memory, good enough for our objects: server-side apply with one owner for each field, generations, owner
 * references that are honoured, conflicts as the API server has them. Whatever is done can be made to fail.
 */
import { randomUUID } from 'node:crypto';
import type { ApplyOptions } from '../../src/cluster/api-call.ts';
import { ApiStatus, refusalError } from '../../src/cluster/api-status.ts';
import {
  type KubeObject,
  type ObjectMeta,
  type ObjectName,
  type Resource,
  SECRETS,
} from '../../src/cluster/resources.ts';
import type { ClusterApi } from '../../src/controller/cluster-api.ts';

type Json = Record<string, unknown>;
type Stored = KubeObject & { readonly metadata: ObjectMeta };

/** Told before each call that changes something; throws to make it fail. */
export type Interceptor = (call: {
  readonly verb: string;
  readonly plural: string;
  readonly name: string;
}) => void;

export class FakeCluster implements ClusterApi {
  readonly #objects = new Map<string, Stored>();
  readonly #owned = new Map<string, Json>();
  #version = 0;
  before: Interceptor = () => {};
  /** Called when the call has had its effect, and its answer is about to get lost or not. */
  after: Interceptor = () => {};
  readonly calls: string[] = [];

  async get<T extends KubeObject>(kind: Resource, target: ObjectName): Promise<T | undefined> {
    return this.#read<T>(keyOf(kind, target));
  }

  async create<T extends KubeObject>(kind: Resource, object: T): Promise<T> {
    return this.#change('create', kind, object.metadata as ObjectName, (key) => {
      if (this.#objects.has(key)) throw refused('create', 409, 'AlreadyExists');
      return this.#store(key, object);
    });
  }

  async replace<T extends KubeObject>(kind: Resource, object: T): Promise<T> {
    return this.#change('replace', kind, object.metadata as ObjectName, (key) => {
      const before = this.#objects.get(key);
      if (!before) throw refused('replace', 404, 'NotFound');
      const { resourceVersion } = object.metadata;
      if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion)
        throw refused('replace', 409, 'Conflict');
      return this.#store(key, object);
    });
  }

  async patch<T extends KubeObject>(
    kind: Resource,
    target: ObjectName,
    { patch }: { readonly patch: object },
  ): Promise<T> {
    return this.#change('patch', kind, target, (key) => {
      const before = this.#objects.get(key);
      if (!before) throw refused('patch', 404, 'NotFound');
      const { resourceVersion } = (patch as KubeObject).metadata ?? {};
      if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion)
        throw refused('patch', 409, 'Conflict');
      return this.#store(key, merge(before, patch) as KubeObject);
    });
  }

  async apply<T extends KubeObject>(
    kind: Resource,
    object: T,
    { manager, subresource = '', dryRun, onWarning }: ApplyOptions,
  ): Promise<T> {
    if (dryRun) {
      this.before({ verb: 'try', plural: kind.plural, name: object.metadata.name ?? '' });
      for (const text of this.#toldOfSecrets(object)) onWarning?.(text);
      return structuredClone(object);
    }
    return this.#change(
      `apply${subresource && ` ${subresource}`}`,
      kind,
      object.metadata as ObjectName,
      (key) => {
        const owner = `${key} ${manager} ${subresource}`;
        const old = this.#owned.get(owner) ?? {};
        const before = this.#objects.get(key);
        if (!before && subresource) throw refused('apply', 404, 'NotFound');
        const { resourceVersion } = object.metadata;
        if (before && resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion)
          throw refused('apply', 409, 'Conflict');
        this.#owned.set(owner, structuredClone(object) as unknown as Json);
        return this.#store(
          key,
          merge(without(before ?? { metadata: {} }, old, object), object) as KubeObject,
        );
      },
    );
  }

  async remove(kind: Resource, target: ObjectName): Promise<boolean> {
    return this.#change('remove', kind, target, (key) => {
      const before = this.#objects.get(key);
      if (!before) return false;
      this.#erase(key);
      return true;
    }) as Promise<boolean>;
  }

  /** What the policy `released` of the chart says; of the chart's own that is proved in a cluster. */
  #toldOfSecrets({ metadata: { annotations, namespace } }: KubeObject): string[] {
    const asked = (annotations?.['berth.dev/asked-secrets'] ?? '').split(',');
    return this.list(SECRETS)
      .filter(({ metadata }) => metadata.namespace === namespace && asked.includes(metadata.name ?? ''))
      .map(({ metadata: { name, labels } }) => {
        const may = labels?.['berth.dev/usable'] === 'true' ? 'may' : 'may not';
        const by = "ValidatingAdmissionPolicy 'berth-released' with binding 'berth-released'";
        return `Validation failed for ${by}: Secret ${name} ${may} be used by servers`;
      });
  }

  /** Objects of one kind as they are now. */
  list<T extends KubeObject>({ plural }: Resource): T[] {
    return [...this.#objects].flatMap(([key, object]) =>
      key.startsWith(`${plural} `) ? [structuredClone(object) as T] : [],
    );
  }

  /** `kind namespace/name` of everything, sorted. */
  get names(): string[] {
    return [...this.#objects.keys()].sort();
  }

  /** Sets the status, as one of the cluster's own controllers does. */
  setStatus(kind: Resource, target: ObjectName, status: object): void {
    const key = keyOf(kind, target);
    const before = this.#objects.get(key);
    if (!before) throw new Error(`there is no ${key}`);
    this.#store(key, { ...before, status } as KubeObject);
  }

  /** Puts an object there without being told to anybody. */
  put(kind: Resource, object: KubeObject): void {
    this.#store(keyOf(kind, object.metadata as ObjectName), object);
  }

  /** Takes an object away without being told to anybody; what it owns goes with it. */
  drop(kind: Resource, target: ObjectName): void {
    this.#erase(keyOf(kind, target));
  }

  async #change<T>(
    verb: string,
    kind: Resource,
    target: ObjectName,
    work: (key: string) => unknown,
  ): Promise<T> {
    const call = { verb, plural: kind.plural, name: target.name };
    this.before(call);
    this.calls.push(`${verb} ${kind.plural} ${target.name}`);
    const result = work(keyOf(kind, target));
    this.after(call);
    return structuredClone(result) as T;
  }

  #read<T>(key: string): T | undefined {
    return structuredClone(this.#objects.get(key)) as T | undefined;
  }

  #store(key: string, object: KubeObject): Stored {
    const before = this.#objects.get(key);
    const {
      generation = 0,
      uid = object.metadata.uid ?? randomUUID(),
      resourceVersion = '',
    } = before?.metadata ?? {};
    const same =
      before !== undefined &&
      text({ ...before, metadata: 0 }) === text({ ...object, metadata: 0 }) &&
      text(labels(before)) === text(labels(object));
    const isNewSpec = text((before as Json | undefined)?.spec) !== text((object as unknown as Json).spec);
    const stored = {
      ...structuredClone(object),
      metadata: {
        ...structuredClone(object.metadata),
        uid,
        generation: generation + (isNewSpec || before === undefined ? 1 : 0),
        resourceVersion: same ? resourceVersion : `${++this.#version}`,
        creationTimestamp:
          before?.metadata.creationTimestamp ?? object.metadata.creationTimestamp ?? '2026-11-25T00:00:00Z',
      },
    };
    this.#objects.set(key, stored);
    return stored;
  }

  #erase(key: string): void {
    const gone = this.#objects.get(key);
    this.#objects.delete(key);
    for (const owner of this.#owned.keys()) if (owner.startsWith(`${key} `)) this.#owned.delete(owner);
    for (const [other, { metadata }] of [...this.#objects])
      if (metadata.ownerReferences?.some(({ uid }) => uid === gone?.metadata.uid)) this.#erase(other);
  }
}

function keyOf({ plural }: Resource, { namespace = '', name }: ObjectName): string {
  return `${plural} ${namespace}/${name}`;
}

function refused(doing: string, code: number, reason: string): Error {
  return refusalError(doing, new ApiStatus(code, { message: reason, reason }));
}

function labels({ metadata }: KubeObject): unknown {
  return [metadata.labels, metadata.annotations];
}

function text(value: unknown): string {
  return JSON.stringify(value) ?? '';
}

/** Members win, objects are merged, lists are replaced. */
function merge(into: unknown, from: unknown): unknown {
  if (!isObject(into) || !isObject(from)) return structuredClone(from);
  const merged: Json = { ...into };
  for (const [name, value] of Object.entries(from)) {
    if (value === null) delete merged[name];
    else merged[name] = merge(into[name], value);
  }
  return merged;
}

/** What was applied before and is no longer, is taken away. */
function without(object: unknown, old: unknown, next: unknown): unknown {
  if (!isObject(object) || !isObject(old)) return object;
  const left: Json = {};
  for (const [name, value] of Object.entries(object)) {
    const follows = isObject(next) ? next[name] : undefined;
    if (!(name in old) || isObject(follows)) left[name] = without(value, old[name], follows);
    else if (follows !== undefined || isObject(value))
      left[name] = isObject(value) ? without(value, old[name], {}) : value;
  }
  return left;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
