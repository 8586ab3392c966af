/** A client whose first change is of an object as it was read and of no other: who changed it meanwhile wins, and the change is not made. */
import { BerthError } from '../../errors.ts';
import type { CallOptions, DeleteOptions } from '../api-call.ts';
import type { ApiClient } from '../api-client.ts';
import { apiStatusOf } from '../api-status.ts';
import type { KubeObject, ObjectName, Resource } from '../resources.ts';

type Client = Pick<ApiClient, 'get' | 'list' | 'apply' | 'patch' | 'remove'>;

/** Attempts: a status is written while it is decided, and that alone is no reason not to do what was asked for. */
const MOST_ATTEMPTS = 5;

export interface ExactChange<T extends KubeObject, R> {
  readonly client: Client;
  readonly kind: Resource;
  readonly target: ObjectName;
  /** Throws when the object is not the one that is meant. */
  readonly check: (object: T) => void;
  readonly change: (object: T, client: Client) => Promise<R>;
}

/** Reads, checks and changes, again as long as somebody else is quicker. Rejects with `not-found`, and what `check` and `change` throw. */
export async function changeExactly<T extends KubeObject, R>(options: ExactChange<T, R>): Promise<R> {
  const { client, kind, target, check, change } = options;
  for (let attempt = 1; ; attempt++) {
    const object = await client.get<T>(kind, target);
    if (!object)
      throw new BerthError('not-found', `there is no server ${JSON.stringify(target.name)} any more`);
    check(object);
    const exact = new ExactClient(client, object.metadata.resourceVersion);
    try {
      return await change(object, exact);
    } catch (error) {
      if (!exact.wasLate || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}

class ExactClient implements Client {
  readonly #client: Client;
  #version: string | undefined;
  #wasLate = false;
  readonly get: Client['get'];
  readonly list: Client['list'];
  readonly apply: Client['apply'];

  constructor(client: Client, resourceVersion: string | undefined) {
    this.#client = client;
    this.#version = resourceVersion;
    this.get = (...given) => client.get(...given);
    this.list = (...given) => client.list(...given);
    this.apply = (...given) => client.apply(...given);
  }

  /** The object was changed between reading and the first change. */
  get wasLate(): boolean {
    return this.#wasLate;
  }

  patch<T extends KubeObject>(
    kind: Resource,
    target: ObjectName,
    { patch, ...options }: CallOptions & { readonly patch: { readonly metadata?: object } },
  ): Promise<T> {
    return this.#once((resourceVersion) => {
      const exact =
        resourceVersion === undefined
          ? patch
          : { ...patch, metadata: { ...patch.metadata, resourceVersion } };
      return this.#client.patch<T>(kind, target, { ...options, patch: exact });
    });
  }

  remove(kind: Resource, target: ObjectName, options: DeleteOptions = {}): Promise<boolean> {
    return this.#once((resourceVersion) =>
      this.#client.remove(kind, target, {
        ...options,
        ...(resourceVersion !== undefined && { resourceVersion }),
      }),
    );
  }

  async #once<R>(change: (resourceVersion: string | undefined) => Promise<R>): Promise<R> {
    const version = this.#version;
    this.#version = undefined;
    try {
      return await change(version);
    } catch (error) {
      this.#wasLate ||= version !== undefined && apiStatusOf(error)?.code === 409;
      throw error;
    }
  }
}
