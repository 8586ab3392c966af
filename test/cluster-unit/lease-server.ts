/** Leases in memory, with the optimistic concurrency of the API server and faults at will. */
import { ApiStatus, refusalError } from '../../src/cluster/api-status.ts';
import type { Lease } from '../../src/cluster/lease-record.ts';
import type { KubeObject, ObjectName, Resource } from '../../src/cluster/resources.ts';

type Options = { readonly signal?: AbortSignal };

export class LeaseServer {
  lease: Lease | undefined;
  writes = 0;
  #version = 0;

  /** A candidate's way to it. */
  client(): LeaseClient {
    return new LeaseClient(this);
  }

  write(lease: Lease, create: boolean): Lease {
    const expected = create ? undefined : this.lease?.metadata.resourceVersion;
    if (create ? this.lease : !this.lease || lease.metadata.resourceVersion !== expected)
      throw refusalError('write', new ApiStatus(409, { message: 'conflict', reason: 'Conflict' }));
    this.writes++;
    this.lease = { ...lease, metadata: { ...lease.metadata, resourceVersion: String(++this.#version) } };
    return this.lease;
  }

  /** Somebody else writes. */
  meddle(spec: Lease['spec']): void {
    this.lease = {
      metadata: { name: 'leader', namespace: 'berth', resourceVersion: String(++this.#version) },
      ...(spec ? { spec } : {}),
    };
  }
}

/** `fine`, refused, or hanging: before anything is done, or after it has been done. */
export type Health = 'fine' | 'refuses' | 'hangs' | 'answers-late';

export class LeaseClient {
  readonly #server: LeaseServer;
  health: Health = 'fine';

  constructor(server: LeaseServer) {
    this.#server = server;
  }

  get<T extends KubeObject>(
    _kind: Resource,
    _name: ObjectName,
    options: Options = {},
  ): Promise<T | undefined> {
    return this.#do(() => this.#server.lease as T | undefined, options);
  }

  create<T extends KubeObject>(_kind: Resource, lease: T, options: Options = {}): Promise<T> {
    return this.#do(() => this.#server.write(lease, true) as T, options);
  }

  replace<T extends KubeObject>(_kind: Resource, lease: T, options: Options = {}): Promise<T> {
    return this.#do(() => this.#server.write(lease, false) as T, options);
  }

  async #do<T>(act: () => T, { signal }: Options): Promise<T> {
    signal?.throwIfAborted();
    await Promise.resolve();
    if (this.health === 'refuses')
      throw refusalError('reach it', new ApiStatus(503, { message: 'away', reason: '' }));
    if (this.health === 'hangs') return hang(signal);
    const done = act();
    return this.health === 'answers-late' ? hang(signal) : done;
  }
}

function hang(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
}
