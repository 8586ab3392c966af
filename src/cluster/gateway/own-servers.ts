/** Verbs on MCPServers: what is wanted is written there, and the controller makes it so. */
import { BerthError } from '../../errors.ts';
import { ownLabels } from '../../servers/labels.ts';
import { isSameSpec, type ServerSpec } from '../../servers/server-spec.ts';
import type { WaitOptions } from '../../servers/servers.ts';
import { workloadFaults } from '../../servers/workload-rules.ts';
import type { CallOptions } from '../api-call.ts';
import type { ApiClient } from '../api-client.ts';
import { apiStatusOf } from '../api-status.ts';
import { isAsleep } from '../asleep.ts';
import { isInspection, unlessInspection } from '../inspection.ts';
import type { McpServer } from '../mcp-server.ts';
import { RESTARTED_AT } from '../objects/deployment.ts';
import { childName } from '../objects/naming.ts';
import { MCP_SERVERS } from '../resources.ts';
import { fromServerSpec, toServerSpec } from '../server-convert.ts';
import type { ClusterView } from './cluster-view.ts';
import { killPods } from './forced-stop.ts';
import { isSettled } from './foreign-deployment.ts';
import { late } from './foreign-servers.ts';
import { type Pod, toReplicaPod } from './replica-pod.ts';
import { desiredOf, failureOf, isObserved, stateOf } from './resource-state.ts';
import { annotate, scaleServer, targetOf, wakeServer } from './wake.ts';
import { toWithheldReference } from './withheld-reference.ts';

/** Owns what the API says of a server. */
const MANAGER = 'berth-gateway';
/** Milliseconds in which a controller that lives has seen that a server is to stop. */
const SEEN_WITHIN = 10_000;

export interface OwnServersOptions {
  readonly client: Pick<ApiClient, 'get' | 'apply' | 'patch' | 'remove'>;
  readonly view: Pick<ClusterView, 'server' | 'servers' | 'deployment' | 'podsOf' | 'changes'>;
  readonly namespace: string;
  readonly maxServers: number;
  /** Throws for a specification that may not be here. */
  readonly check: (spec: ServerSpec) => void;
  readonly readyWithin: number;
}

export class OwnServers {
  readonly #options: OwnServersOptions;

  constructor(options: OwnServersOptions) {
    this.#options = options;
  }

  /** As it was last seen. */
  find(name: string): McpServer | undefined {
    return this.#options.view.server(name);
  }

  /** As it is now. */
  async read(name: string, signal: AbortSignal): Promise<McpServer | undefined> {
    return unlessInspection(await this.#readAny(name, { signal }));
  }

  #readAny(name: string, options: CallOptions = {}): Promise<McpServer | undefined> {
    const { client, namespace } = this.#options;
    return client.get<McpServer>(MCP_SERVERS, { namespace, name }, options);
  }

  /** Rejects with `conflict` when the name is taken by another one that has run. */
  async run(spec: ServerSpec, options: WaitOptions): Promise<{ resource: McpServer; created: boolean }> {
    this.#options.check(spec);
    const wanted = this.#toResource(spec);
    const existing = await this.#readAny(spec.name);
    if (existing && isInspection(existing)) throw taken(spec.name);
    if (!existing) this.#checkRoom();
    else if (await this.#isSame(existing, spec)) {
      const isWanted = spec.replicas !== 0;
      const same = isWanted ? this.#begin(existing, options) : this.#settled(existing, options);
      return { resource: await same, created: false };
    } else if (hasRun(existing)) throw taken(spec.name);
    const applied = await this.#apply(wanted);
    return { resource: await this.#settled(applied, options), created: existing === undefined };
  }

  /** What was seen last may be older than what this is to undo. */
  async start(resource: McpServer, options: WaitOptions): Promise<McpServer> {
    return this.#begin(await this.#readAgain(resource), options);
  }

  async #begin(resource: McpServer, options: WaitOptions): Promise<McpServer> {
    const isAway = hasNone(resource);
    if (isAway) await wakeServer(this.#options.client, resource);
    const begun = resource.spec.suspend === true ? await this.#suspend(resource, false) : resource;
    return this.#settled(isAway ? await this.#readAgain(resource) : begun, options);
  }

  async #readAgain(resource: McpServer): Promise<McpServer> {
    const now = await this.#options.client.get<McpServer>(MCP_SERVERS, targetOf(resource));
    if (!now || now.metadata.uid !== resource.metadata.uid) throw removedMeanwhile(resource);
    return now;
  }

  async stop(resource: McpServer, { force = false }: { force?: boolean }): Promise<McpServer> {
    // What was seen last may be older than a start by another gateway.
    const now = resource.spec.suspend === true ? await this.#readAgain(resource) : resource;
    const stopped = now.spec.suspend === true ? now : await this.#suspend(now, true);
    if (force) await this.#kill(stopped);
    return this.#newest(stopped);
  }

  /** The number is kept; none to many starts a stopped one. */
  async scale(seen: McpServer, replicas: number, options: WaitOptions): Promise<McpServer> {
    const { client, namespace } = this.#options;
    const has = ({ spec }: McpServer): boolean => (spec.replicas ?? 1) === replicas;
    // Another gateway may have scaled it meanwhile.
    const resource = has(seen) ? await this.#readAgain(seen) : seen;
    if (has(resource)) return replicas > 0 ? this.start(resource, options) : this.#settled(resource, options);
    checkFits(resource, replicas);
    await scaleServer(client, resource, replicas);
    if (replicas > 0 && resource.spec.suspend === true) await this.#suspend(resource, false);
    const written = await client.get<McpServer>(MCP_SERVERS, {
      namespace,
      name: resource.metadata.name ?? '',
    });
    return this.#settled(written ?? resource, options);
  }

  async restart(resource: McpServer, options: WaitOptions): Promise<McpServer> {
    if (resource.spec.suspend === true || hasNone(resource)) return this.start(resource, options);
    const at = new Date().toISOString();
    const written = await annotate(this.#options.client, resource, { [RESTARTED_AT]: at });
    if (options.wait) await this.#rolledOut(written, at, options.signal);
    return this.#newest(written);
  }

  async remove(resource: McpServer, { force = false }: { force?: boolean }): Promise<void> {
    const { client } = this.#options;
    const { name, uid = '' } = resource.metadata;
    await client.remove(MCP_SERVERS, targetOf(resource), { propagation: 'Background', uid });
    if (force) await killPods(client, this.#replicasOf(uid), `${name} is removed`);
  }

  #toResource(spec: ServerSpec): McpServer {
    const { namespace } = this.#options;
    const { name, labels } = spec;
    return { metadata: { name, namespace, ...(labels && { labels }) }, spec: fromServerSpec(spec) };
  }

  /** Our own fields only: those that somebody else has set are a conflict. */
  async #apply(resource: McpServer, dryRun = false): Promise<McpServer> {
    try {
      return await this.#options.client.apply<McpServer>(MCP_SERVERS, resource, { manager: MANAGER, dryRun });
    } catch (error) {
      throw toWithheldReference(error, resource.spec);
    }
  }

  /** Applied on top of what is there it would change nothing: defaults count, and whether it is to run does not. */
  async #isSame(existing: McpServer, spec: ServerSpec): Promise<boolean> {
    const plain = ({ metadata, spec: found }: McpServer): ServerSpec => {
      const labels = ownLabels(metadata.labels);
      const { suspend: _suspend, ...rest } = toServerSpec(spec.name, found, labels);
      return spec.replicas === undefined ? omitReplicas(rest) : rest;
    };
    try {
      const { suspend: _suspend, ...wanted } = fromServerSpec(spec);
      const merged = await this.#apply({ metadata: this.#toResource(spec).metadata, spec: wanted }, true);
      return isSameSpec(plain(merged), plain(existing));
    } catch (error) {
      if (apiStatusOf(error)?.code === 409) return false;
      throw error;
    }
  }

  #checkRoom(): void {
    const { view, maxServers } = this.#options;
    const { length } = view.servers;
    if (length < maxServers) return;
    throw new BerthError('limit-reached', `there are ${length} servers, and ${maxServers} is the limit`, {
      hint: 'Remove one with berth rm, or raise the setting limits.servers.',
    });
  }

  /** A merge, not an apply: an apply with this field alone would take all others away. */
  #suspend(resource: McpServer, suspend: boolean): Promise<McpServer> {
    return this.#options.client.patch<McpServer>(MCP_SERVERS, targetOf(resource), {
      patch: { spec: { suspend } },
    });
  }

  /** Once the controller has scaled it down nothing replaces what is killed; one that is away holds nobody up. */
  async #kill(stopped: McpServer): Promise<void> {
    const { client, view } = this.#options;
    const { name = '', uid = '' } = stopped.metadata;
    const look = (): true | undefined => {
      const now = view.server(name);
      return now === undefined || (isWritten(now, stopped) && isObserved(now)) ? true : undefined;
    };
    await view.changes
      .until(name, look, { signal: undefined, ms: SEEN_WITHIN, late: () => late(name, SEEN_WITHIN) })
      .catch(() => {});
    await killPods(client, this.#replicasOf(uid), `${name} is stopped`);
  }

  /** An installer is no replica: it goes with its Job, and one that is killed would count as a failed attempt. */
  #replicasOf(uid: string): Pod[] {
    return this.#options.view.podsOf(uid).filter((pod) => toReplicaPod(pod) !== undefined);
  }

  /** The status cannot tell: an annotation makes no new generation of the server, but one of its Deployment. */
  async #rolledOut({ metadata }: McpServer, at: string, signal: AbortSignal | undefined): Promise<void> {
    const { view, readyWithin: ms } = this.#options;
    const { name = '' } = metadata;
    const child = childName({ name });
    const look = (): true | undefined => {
      const found = view.deployment(child);
      const asked = found?.spec.template.metadata?.annotations?.[RESTARTED_AT];
      return found && asked !== undefined && asked >= at && isSettled(found) ? true : undefined;
    };
    await view.changes.until(child, look, { signal, ms, late: () => late(name, ms) });
  }

  async #settled(written: McpServer, { wait = false, signal }: WaitOptions): Promise<McpServer> {
    if (!wait || desiredOf(written) === 0) return this.#newest(written);
    const { name = '' } = written.metadata;
    const { view, readyWithin: ms } = this.#options;
    const look = (): McpServer | undefined => {
      const now = view.server(name);
      if (!now || !isWritten(now, written) || !isObserved(now)) return undefined;
      const failure = failureOf(now);
      if (failure) throw failure;
      if (desiredOf(now) === 0) throw new BerthError('stopped', `${name} was stopped meanwhile`);
      return stateOf(now) === 'running' ? now : undefined;
    };
    return view.changes.until(name, look, {
      ...{ signal, ms },
      late: () => late(name, ms, view.server(name)?.status),
    });
  }

  /** What the watch shows, unless that is older than what was just written. */
  #newest(written: McpServer): McpServer {
    const seen = this.#options.view.server(written.metadata.name ?? '');
    return seen && isWritten(seen, written) ? seen : written;
  }
}

function isWritten(seen: McpServer, written: McpServer): boolean {
  if (seen.metadata.uid !== written.metadata.uid) throw removedMeanwhile(written);
  // Being woken makes no new generation.
  if (isAsleep(seen) && !isAsleep(written)) return false;
  return (seen.metadata.generation ?? 0) >= (written.metadata.generation ?? 0);
}

/** It sleeps, or was scaled to none. */
function hasNone(resource: McpServer): boolean {
  return isAsleep(resource) || resource.spec.replicas === 0;
}

function removedMeanwhile({ metadata }: McpServer): BerthError {
  return new BerthError('not-found', `${metadata.name} was removed meanwhile`);
}

/** The cluster refuses it too, in words of the object. Throws `bad-input`. */
function checkFits({ metadata, spec }: McpServer, replicas: number): void {
  const wanted = { ...toServerSpec(metadata.name ?? '', spec), replicas };
  const fields = workloadFaults(wanted);
  const [first] = fields;
  if (first) throw new BerthError('bad-input', `${first.pointer} ${first.detail}`, { fields });
}

/** A server that has never come through a start gives way to a corrected specification. */
function hasRun(existing: McpServer): boolean {
  return stateOf(existing) !== 'failed' || existing.status?.protocolVersion !== undefined;
}

function omitReplicas({ replicas: _replicas, ...rest }: ServerSpec): ServerSpec {
  return rest;
}

function taken(name: string): BerthError {
  return new BerthError('conflict', `there is a server ${name} already, with another specification`, {
    hint: `Use another name (berth run --name …), or remove it: berth rm ${name}.`,
  });
}
