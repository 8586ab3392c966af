/** A gateway's picture of the cluster: MCPServers, their pods, and Deployments, each watched; and the ways to the pods. */
import { type Clock, systemClock } from '../../clock.ts';
import { BerthError } from '../../errors.ts';
import type { ApiClient } from '../api-client.ts';
import { isInspection, unlessInspection } from '../inspection.ts';
import type { McpServer } from '../mcp-server.ts';
import { createReflector, type Reflector, type ReflectorOptions } from '../reflector.ts';
import { DEPLOYMENTS, type KubeObject, MCP_SERVERS, PODS, type Resource } from '../resources.ts';
import { Changes } from './changes.ts';
import type { DeploymentObject } from './foreign-deployment.ts';
import { ReplicaLinks, type ReplicaLinksOptions } from './replica-links.ts';
import { type Pod, SERVER_UID_LABEL, toReplicaPod } from './replica-pod.ts';
import { ReplicaTable } from './replica-table.ts';

/** Deployments that carry it are servers, whoever made them. */
export const DISCOVERY_LABEL = 'app.kubernetes.io/component=mcp-server';

export interface ClusterViewOptions {
  readonly client: Pick<ApiClient, 'list' | 'watch'>;
  /** Where the servers are. */
  readonly namespace: string;
  readonly links: ReplicaLinksOptions;
  readonly clock?: Clock;
  /** A watch failed; it goes on by itself. */
  readonly onFault?: (error: BerthError) => void;
}

export class ClusterView {
  readonly #servers: Reflector<McpServer>;
  readonly #pods: Reflector<Pod>;
  readonly #deployments: Reflector<DeploymentObject>;
  readonly #links: ReplicaLinks;
  readonly #namespace: string;
  readonly replicas: ReplicaTable;
  /** By the server's name. */
  readonly changes: Changes;
  /** Everything has been listed once. */
  readonly synced: Promise<void>;
  #isSynced = false;

  constructor(options: ClusterViewOptions) {
    const { client, namespace, links, clock = systemClock, onFault } = options;
    this.#namespace = namespace;
    this.#links = new ReplicaLinks(links);
    this.changes = new Changes(clock);
    this.replicas = new ReplicaTable({
      clock,
      link: (pod) => this.#links.of(pod),
      reached: ({ serverName }) => this.changes.tell(serverName ?? ''),
    });
    const watch = <T extends KubeObject>(
      resource: Resource,
      labelSelector: string | undefined,
      handler: NonNullable<ReflectorOptions<T>['handler']>,
    ): Reflector<T> =>
      createReflector<T>({
        client,
        resource,
        selection: { namespace, labelSelector },
        handler,
        clock,
        ...(onFault && { onFault }),
      });
    const tell = ({ metadata }: KubeObject): void => this.changes.tell(metadata.name ?? '');
    const tellServer = (server: KubeObject): void => {
      if (!isInspection(server)) tell(server);
    };
    this.#servers = watch<McpServer>(MCP_SERVERS, undefined, {
      added: tellServer,
      modified: tellServer,
      deleted: tellServer,
    });
    this.#deployments = watch<DeploymentObject>(DEPLOYMENTS, DISCOVERY_LABEL, {
      added: tell,
      modified: tell,
      deleted: tell,
    });
    this.#pods = watch<Pod>(PODS, SERVER_UID_LABEL, {
      added: (pod) => this.#podThere(pod),
      modified: (pod) => this.#podThere(pod),
      deleted: (pod) => this.#podGone(pod),
    });
    const all = [this.#servers, this.#deployments, this.#pods].map((reflector) => reflector.synced);
    this.synced = Promise.all(all).then(() => {
      this.#isSynced = true;
    });
    this.synced.catch(() => {});
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  server(name: string): McpServer | undefined {
    return unlessInspection(this.#any(name));
  }

  get servers(): McpServer[] {
    return this.#seen(this.#servers).items.filter((one) => !isInspection(one));
  }

  /** One that is there only until its package has been tried. */
  inspection(name: string): McpServer | undefined {
    const found = this.#any(name);
    return found && isInspection(found) ? found : undefined;
  }

  get inspections(): McpServer[] {
    return this.#seen(this.#servers).items.filter(isInspection);
  }

  deployment(name: string): DeploymentObject | undefined {
    return this.#seen(this.#deployments).get({ namespace: this.#namespace, name });
  }

  get deployments(): DeploymentObject[] {
    return this.#seen(this.#deployments).items;
  }

  /** Pods of an MCPServer, by its uid. */
  podsOf(uid: string): Pod[] {
    return this.#seen(this.#pods).items.filter(({ metadata }) => metadata.labels?.[SERVER_UID_LABEL] === uid);
  }

  /** Ends watches and links; sessions live on in their pods. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([this.#servers, this.#deployments, this.#pods].map((one) => one.close()));
    await this.#links.close();
  }

  #any(name: string): McpServer | undefined {
    return this.#seen(this.#servers).get({ namespace: this.#namespace, name });
  }

  /** Nothing is missing only because it has not been listed yet. */
  #seen<T>(reflector: Reflector<T>): Reflector<T> {
    if (this.#isSynced) return reflector;
    throw new BerthError('busy', 'the gateway has not seen the cluster yet');
  }

  #podThere(pod: Pod): void {
    const replica = toReplicaPod(pod);
    if (replica) this.replicas.put(replica);
    this.#tellServer(pod);
  }

  #podGone(pod: Pod): void {
    const replica = toReplicaPod(pod);
    if (replica) {
      this.replicas.remove(replica);
      this.#links.drop(replica.name);
    }
    this.#tellServer(pod);
  }

  #tellServer({ metadata }: Pod): void {
    const name = metadata.labels?.['berth.dev/server'];
    if (name !== undefined) this.changes.tell(name);
  }
}
