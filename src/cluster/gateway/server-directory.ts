/** What the data plane is told of the cluster's servers; a request for one that is away brings it back. */
import { BerthError } from '../../errors.ts';
import type { Isolation } from '../../supervisor/server-definition.ts';
import type { McpServer } from '../mcp-server.ts';
import type { ClusterView } from './cluster-view.ts';
import { desiredOf, failureOf, stateOf } from './resource-state.ts';

/** Milliseconds that a request waits for a replica. */
export const ARRIVAL_LIMIT = 60_000;

export interface DirectoryEntry {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly isolation: Isolation;
  readonly sessions: 'minted' | 'none';
  readonly failure?: BerthError;
  readonly awaited?: (signal: AbortSignal) => Promise<void>;
}

/** How servers of a template are used where their specification says nothing. */
export interface Behavior {
  readonly isolation?: Isolation;
  readonly sessions?: 'minted' | 'none';
}

export interface ServerDirectoryOptions {
  readonly view: Pick<ClusterView, 'server' | 'replicas' | 'changes'>;
  readonly behavior: (template: string) => Behavior | undefined;
  /** Brings a server back that was scaled to 0. */
  readonly wake: (resource: McpServer) => Promise<void>;
}

export class ServerDirectory {
  readonly #options: ServerDirectoryOptions;
  /** By uid: one request to the API server, however many clients wait. */
  readonly #waking = new Map<string, Promise<void>>();

  constructor(options: ServerDirectoryOptions) {
    this.#options = options;
  }

  find(name: string): DirectoryEntry | undefined {
    const resource = this.#options.view.server(name);
    const id = resource?.metadata.uid;
    if (!resource || id === undefined) return undefined;
    const { isolation, sessions } = this.#behavior(resource);
    const common = { id, name, isolation, sessions };
    // A replica that is there can be called, whatever the controller has made of it so far.
    if (desiredOf(resource) > 0 && this.#options.view.replicas.isCallable(id))
      return { ...common, state: 'running' };
    const failure = failureOf(resource);
    if (failure) return { ...common, state: 'failed', failure };
    if (isStopped(resource)) return { ...common, state: this.#leftover(id) ? 'running' : 'stopped' };
    return { ...common, state: stateOf(resource), awaited: (signal) => this.#arrival(name, signal) };
  }

  /** Sessions of a server that is being stopped go on until its pods end. */
  #leftover(id: string): boolean {
    return this.#options.view.replicas.of(id).some(({ running }) => running);
  }

  #behavior({ spec }: McpServer): Required<Behavior> {
    const usual = spec.template === undefined ? undefined : this.#options.behavior(spec.template);
    return {
      isolation: spec.isolation ?? usual?.isolation ?? 'session',
      sessions: spec.sessions ?? usual?.sessions ?? 'minted',
    };
  }

  async #arrival(name: string, signal: AbortSignal): Promise<void> {
    const { view } = this.#options;
    const resource = view.server(name);
    if (resource && desiredOf(resource) === 0 && !isStopped(resource)) await this.#wake(resource);
    const look = (): true | undefined => (this.find(name)?.awaited ? undefined : true);
    await view.changes.until(name, look, {
      signal,
      ms: ARRIVAL_LIMIT,
      late: () => stillAway(name, view.server(name)),
    });
  }

  #wake(resource: McpServer): Promise<void> {
    const { uid = '' } = resource.metadata;
    const known = this.#waking.get(uid);
    if (known) return known;
    const waking = this.#options.wake(resource).finally(() => this.#waking.delete(uid));
    this.#waking.set(uid, waking);
    return waking;
  }
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
