/** Verbs on Deployments that Berth did not make: their number of replicas and the restart annotation, nothing else of them. */
import { BerthError } from '../../errors.ts';
import { hasLabels } from '../../servers/labels.ts';
import type { ServerView } from '../../servers/server-view.ts';
import type { WaitOptions } from '../../servers/servers.ts';
import type { ApiClient } from '../api-client.ts';
import { listAll } from '../list-all.ts';
import type { McpServerStatus } from '../mcp-server.ts';
import { DEPLOYMENTS, SERVICES } from '../resources.ts';
import type { ClusterView } from './cluster-view.ts';
import { killPods, podsOfDeployment } from './forced-stop.ts';
import {
  type DeploymentObject,
  deploymentState,
  desiredReplicas,
  isOurs,
  isSettled,
  viewDeployment,
} from './foreign-deployment.ts';
import type { Pod } from './replica-pod.ts';
import type { Service } from './service-endpoints.ts';
import { REPLICAS_BEFORE } from './wake.ts';

/** What `kubectl rollout restart` sets. */
const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt';

export interface ForeignServersOptions {
  readonly client: Pick<ApiClient, 'get' | 'list' | 'patch' | 'remove'>;
  readonly view: Pick<ClusterView, 'deployment' | 'deployments' | 'changes'>;
  readonly namespace: string;
  /** Labels that they must have, beside the one that they are watched by. */
  readonly discover?: readonly string[];
  /** Milliseconds that somebody waits for replicas. */
  readonly readyWithin: number;
}

export class ForeignServers {
  readonly #options: ForeignServersOptions;

  constructor(options: ForeignServersOptions) {
    this.#options = options;
  }

  find(name: string): DeploymentObject | undefined {
    const found = this.#options.view.deployment(name);
    return found && this.#isServer(found) ? found : undefined;
  }

  /** All of them, with one look for the Services of the namespace. */
  async list(): Promise<ServerView[]> {
    const found = this.#options.view.deployments.filter((one) => this.#isServer(one));
    if (found.length === 0) return [];
    const services = await this.#services();
    return found.map((one) => viewDeployment(one, services));
  }

  async view(deployment: DeploymentObject): Promise<ServerView> {
    return viewDeployment(deployment, await this.#services());
  }

  /** As many replicas as it had before it was stopped. */
  async start(seen: DeploymentObject, options: WaitOptions): Promise<ServerView> {
    const deployment = desiredReplicas(seen) > 0 ? await this.#readAgain(seen) : seen;
    if (desiredReplicas(deployment) > 0) return this.#settled(deployment, options);
    const before = Number(deployment.metadata.annotations?.[REPLICAS_BEFORE] ?? 1);
    return this.scale(deployment, Number.isInteger(before) && before > 0 ? before : 1, options);
  }

  async stop(deployment: DeploymentObject, { force = false }: { force?: boolean }): Promise<ServerView> {
    const stopped = await this.#setReplicas(deployment, 0);
    if (!force) return this.view(stopped);
    // Before its controller has seen the number it would replace what is killed.
    const { name = '' } = deployment.metadata;
    await this.#until(stopped, isSeenAs(stopped), { signal: undefined, late: unseen });
    await killPods(this.#options.client, await this.pods(deployment), `${name} is stopped`);
    return this.view(this.#newest(stopped));
  }

  async scale(deployment: DeploymentObject, replicas: number, options: WaitOptions): Promise<ServerView> {
    return this.#settled(await this.#setReplicas(deployment, replicas), options);
  }

  /** A stopped one is started. */
  async restart(deployment: DeploymentObject, options: WaitOptions): Promise<ServerView> {
    if (desiredReplicas(deployment) === 0) return this.start(deployment, options);
    const annotations = { [RESTARTED_AT]: new Date().toISOString() };
    const patch = { spec: { template: { metadata: { annotations } } } };
    return this.#settled(await this.#patch(deployment, patch), options);
  }

  pods(deployment: DeploymentObject): Promise<Pod[]> {
    return podsOfDeployment(this.#options.client, deployment);
  }

  #isServer(found: DeploymentObject): boolean {
    return !isOurs(found) && hasLabels(found.metadata.labels ?? {}, this.#options.discover ?? []);
  }

  /** What was seen last may be older than a change by another gateway. */
  async #readAgain(seen: DeploymentObject): Promise<DeploymentObject> {
    const { name = '', namespace } = seen.metadata;
    return (await this.#options.client.get<DeploymentObject>(DEPLOYMENTS, { name, namespace })) ?? seen;
  }

  async #setReplicas(seen: DeploymentObject, replicas: number): Promise<DeploymentObject> {
    const deployment = desiredReplicas(seen) === replicas ? await this.#readAgain(seen) : seen;
    const before = desiredReplicas(deployment);
    if (before === replicas) return deployment;
    const annotations = { [REPLICAS_BEFORE]: String(before) };
    return this.#patch(deployment, {
      ...(replicas === 0 && { metadata: { annotations } }),
      spec: { replicas },
    });
  }

  #patch({ metadata: { name = '', namespace } }: DeploymentObject, patch: object): Promise<DeploymentObject> {
    return this.#options.client.patch<DeploymentObject>(DEPLOYMENTS, { name, namespace }, { patch });
  }

  async #settled(written: DeploymentObject, { wait = false, signal }: WaitOptions): Promise<ServerView> {
    if (!wait || desiredReplicas(written) === 0) return this.view(written);
    return this.view(await this.#until(written, isSettled, { signal, late }));
  }

  /** Looks at nothing older than what was written. */
  #until(
    written: DeploymentObject,
    reached: (deployment: DeploymentObject) => boolean,
    { signal, late }: { readonly signal: AbortSignal | undefined; readonly late: typeof unseen },
  ): Promise<DeploymentObject> {
    const { name = '', generation = 0 } = written.metadata;
    const ms = this.#options.readyWithin;
    const look = (): DeploymentObject | undefined => {
      const now = this.#options.view.deployment(name);
      if (!now) return undefined;
      if (now.metadata.uid !== written.metadata.uid) throw gone(name);
      if ((now.metadata.generation ?? 0) < generation) return undefined;
      if (deploymentState(now) === 'failed') throw failed(now);
      return reached(now) ? now : undefined;
    };
    return this.#options.view.changes.until(name, look, { signal, ms, late: () => late(name, ms) });
  }

  #newest(written: DeploymentObject): DeploymentObject {
    return this.#options.view.deployment(written.metadata.name ?? '') ?? written;
  }

  async #services(): Promise<readonly Service[]> {
    const { client, namespace } = this.#options;
    const signal = new AbortController().signal;
    return (await listAll<Service>(client, SERVICES, { namespace, signal })).items;
  }
}

function isSeenAs({ metadata: { generation = 0 } }: DeploymentObject): (now: DeploymentObject) => boolean {
  return ({ status }) => (status?.observedGeneration ?? 0) >= generation;
}

/** Nobody in the cluster has acted upon a stop in time. */
function unseen(name: string, ms: number): BerthError {
  const what = `${name} is to have no replicas, and the cluster has not seen that within ${ms / 1_000} seconds`;
  return new BerthError('request-timeout', what, {
    hint: 'Its pods were left alone, as others would take their place: see whether the kube-controller-manager of the cluster runs.',
  });
}

function gone(name: string): BerthError {
  return new BerthError('not-found', `${name} was removed meanwhile`);
}

function failed(deployment: DeploymentObject): BerthError {
  const { message, hint = '' } = viewDeployment(deployment, []).status;
  return new BerthError('start-failed', message, { hint });
}

/** Somebody waited for replicas that did not come in time; `told`: what is known of it then. */
export function late(
  name: string,
  ms: number,
  told: Pick<Partial<McpServerStatus>, 'message' | 'hint'> = {},
): BerthError {
  const { message, hint } = told;
  // What stands in its way has a hint; a message alone says that it starts.
  const why = hint === undefined ? '' : `: ${message}`;
  return new BerthError(
    'request-timeout',
    `${name} did not become ready within ${ms / 1_000} seconds${why}`,
    {
      hint: hint ?? 'It goes on starting: look at its status, or raise limits.startTimeout.',
    },
  );
}
