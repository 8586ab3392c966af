/** A fake cluster with the controllers around ours played by hand: Deployments get pods, Jobs end as they are told to. */
import type { McpServer, McpServerSpec, McpServerStatus } from '../../src/cluster/mcp-server.ts';
import type { Tree } from '../../src/cluster/objects/blueprint.ts';
import type { Claim } from '../../src/cluster/objects/claim.ts';
import type { Deployment } from '../../src/cluster/objects/deployment.ts';
import type { Job } from '../../src/cluster/objects/installer-job.ts';
import { LINK_PORT } from '../../src/cluster/objects/places.ts';
import type { Pod, PodStatus } from '../../src/cluster/objects/pod-types.ts';
import { CLAIMS, DEPLOYMENTS, JOBS, MCP_SERVERS, PODS } from '../../src/cluster/resources.ts';
import { Applier } from '../../src/controller/applier.ts';
import { type ChildView, observe } from '../../src/controller/cluster-api.ts';
import { LinkAuthority, renewAuthorities } from '../../src/controller/link-authority.ts';
import type { PodWarning } from '../../src/controller/pod-warnings.ts';
import { type Outcome, type ReconcileTools, reconcile } from '../../src/controller/reconcile.ts';
import type { ReplicaReport } from '../../src/controller/replica-probe.ts';
import { createSecretCheck } from '../../src/controller/secret-check.ts';
import { parseControllerSettings } from '../../src/controller/settings.ts';
import { TemplateCatalogue } from '../../src/templates/catalogue.ts';
import { tree } from './blueprints.ts';
import { FakeCluster } from './fake-cluster.ts';

export const NAMESPACE = 'berth-servers';
export const NAME = 'demo';
const SERVER_UID = '6f1c2c0e-0000-4000-8000-000000000001';

/** Milliseconds. */
export const CERTIFICATE_LIFE = 30 * 24 * 3_600_000;

export const controllerSettings = parseControllerSettings({
  release: 'berth',
  releaseNamespace: 'mcp',
  serversNamespace: NAMESPACE,
  publicUrl: 'https://berth.example.com',
  images: { supervisor: 'berth-supervisor:1', runner: 'berth-runner:1' },
  allow: { images: true },
});

export class ServerWorld {
  readonly cluster = new FakeCluster();
  /** Milliseconds since 1970. */
  time = Date.parse('2026-11-25T12:00:00Z');
  settings = controllerSettings;
  /** Signs certificates of links, where {@link overNetwork} has been called. */
  authority: LinkAuthority | undefined;
  readonly trees = new Set<string>([tree.digest]);
  /** By pod; `*` for all others. */
  readonly reports = new Map<string, ReplicaReport>();
  /** Pods that have let a question pass. */
  readonly silent = new Set<string>();
  /** Pods that were closed, in order. */
  readonly rested: string[] = [];
  /** What the cluster says of any pod. */
  warning: PodWarning | undefined;
  /** Pods whose warnings were asked for. */
  readonly asked: string[] = [];
  /** What the watch shows still, while it lags behind. */
  lagging: ChildView | undefined;
  /** Whether a pod lets itself be closed. */
  rests: () => boolean = () => true;
  #tools = this.#freshTools();
  #pods = 0;

  /** A new run of the controller: what it remembered is forgotten. */
  restart(): void {
    this.#tools = this.#freshTools();
  }

  /** Links go over the network from now on. */
  async overNetwork(): Promise<void> {
    const now = (): number => this.time;
    const authorities = await renewAuthorities([], 'berth', now());
    this.authority = new LinkAuthority({ authorities, life: CERTIFICATE_LIFE, now });
    this.settings = { ...this.settings, pods: { ...this.settings.pods, linkPort: LINK_PORT } };
  }

  /** Links go by exec again. */
  byExec(): void {
    this.authority = undefined;
    const { linkPort: _, ...pods } = this.settings.pods;
    this.settings = { ...this.settings, pods };
  }

  apply(spec: McpServerSpec, annotations: Readonly<Record<string, string>> = {}): void {
    const before = this.#find();
    const metadata = { namespace: NAMESPACE, name: NAME, annotations, uid: SERVER_UID };
    this.cluster.put(MCP_SERVERS, { ...before, metadata, spec } as McpServer);
  }

  get server(): McpServer {
    const found = this.#find();
    if (!found) throw new Error('there is no server');
    return found;
  }

  /** One look, with the status written. */
  async look(): Promise<McpServerStatus> {
    return (await this.outcome()).status;
  }

  async outcome(): Promise<Outcome> {
    const { server } = this;
    const options = { tools: this.#tools, signal: new AbortController().signal };
    const outcome = await reconcile(server, observe(this.view, server.metadata.uid!), options);
    this.cluster.setStatus(MCP_SERVERS, { namespace: NAMESPACE, name: NAME }, outcome.status);
    return outcome;
  }

  /** Looks, and lets the cluster work, until the server stays as it is. */
  async settle({ installs = true }: { readonly installs?: boolean } = {}): Promise<McpServerStatus> {
    for (let round = 0; round < 12; round++) {
      const status = await this.look();
      const before = JSON.stringify(this.cluster.names);
      if (installs) for (const job of this.jobs) this.endJob(job, { tree });
      this.runPods();
      if (JSON.stringify(this.cluster.names) === before && round > 3) return status;
    }
    return await this.look();
  }

  get view(): ChildView {
    if (this.lagging) return this.lagging;
    return {
      deployments: this.deployments,
      jobs: this.jobs,
      pods: this.cluster.list<Pod>(PODS),
      claims: this.cluster.list<Claim>(CLAIMS),
    };
  }

  get deployments(): Deployment[] {
    return this.cluster.list<Deployment>(DEPLOYMENTS);
  }

  get deployment(): Deployment {
    const [only] = this.deployments;
    if (!only) throw new Error('there is no Deployment');
    return only;
  }

  get jobs(): Job[] {
    return this.cluster.list<Job>(JOBS);
  }

  /** Ends a Job, with what its installer has to say. */
  endJob(job: Job, how: { readonly tree?: Tree; readonly error?: object; readonly reason?: string }): void {
    const target = { namespace: NAMESPACE, name: job.metadata.name! };
    const type = how.tree ? 'Complete' : 'Failed';
    const at = new Date(this.time).toISOString();
    const condition = {
      type,
      status: 'True',
      lastTransitionTime: at,
      ...(how.reason && { reason: how.reason }),
    };
    this.cluster.setStatus(JOBS, target, { conditions: [condition] });
    const message = how.tree
      ? JSON.stringify(how.tree)
      : how.error
        ? JSON.stringify({ error: how.error })
        : '';
    const state = { terminated: { exitCode: how.tree ? 0 : 1, message } };
    this.putPod(`${job.metadata.name}-pod`, job, {
      phase: how.tree ? 'Succeeded' : 'Failed',
      containerStatuses: [{ name: 'installer', ready: false, restartCount: 0, state }],
    });
  }

  /** Makes the Deployment have the pods that it wants, all of the newest template, in this state. */
  runPods(status: PodStatus = { phase: 'Running' }, ready = true): void {
    for (const deployment of this.deployments) {
      for (const pod of this.replicas) this.cluster.drop(PODS, pod.metadata as { name: string });
      const { replicas } = deployment.spec;
      for (let index = 0; index < replicas; index++)
        this.putPod(`mcp-${NAME}-${++this.#pods}`, deployment, status);
      const counts = {
        replicas,
        readyReplicas: ready ? replicas : 0,
        availableReplicas: ready ? replicas : 0,
        updatedReplicas: replicas,
      };
      this.setDeployment(counts);
    }
  }

  get replicas(): Pod[] {
    return this.cluster
      .list<Pod>(PODS)
      .filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] === 'mcp-server');
  }

  setDeployment(status: object): void {
    const { metadata } = this.deployment;
    const full = { observedGeneration: metadata.generation, ...status };
    this.cluster.setStatus(DEPLOYMENTS, { namespace: NAMESPACE, name: metadata.name! }, full);
  }

  putPod(name: string, owner: Deployment | Job, status: PodStatus): void {
    const { uid = '', name: ownerName = '' } = owner.metadata;
    const reference = { apiVersion: 'v1', kind: 'Owner', name: ownerName, uid, controller: true };
    const { labels } = owner.spec.template.metadata;
    const creationTimestamp = new Date(this.time).toISOString();
    const metadata = {
      ...{ namespace: NAMESPACE, name, creationTimestamp },
      ...(labels && { labels }),
      ownerReferences: [reference],
    };
    const { containers, initContainers, volumes } = owner.spec.template.spec;
    const spec = { nodeName: 'node-1', containers, initContainers, volumes };
    this.cluster.put(PODS, { metadata, spec, status } as Pod);
  }

  /** Everything but pods, as `kind name`. */
  get children(): string[] {
    return this.cluster.names
      .filter((name) => !name.startsWith('pods ') && !name.startsWith('mcpservers '))
      .map((name) => name.replace(`${NAMESPACE}/`, ''));
  }

  get tools(): ReconcileTools {
    return this.#tools;
  }

  #find(): McpServer | undefined {
    return this.cluster.list<McpServer>(MCP_SERVERS).find(({ metadata }) => metadata.name === NAME);
  }

  #freshTools(): ReconcileTools {
    const world = this;
    const secretCheck = createSecretCheck(this.cluster, () => this.time);
    return {
      api: this.cluster,
      applier: new Applier(this.cluster, () => this.time),
      templates: new TemplateCatalogue([]),
      get settings() {
        return world.settings;
      },
      // Where the chart's policies are in force.
      get secretCheck() {
        return world.settings.checksSecrets ? secretCheck : undefined;
      },
      treesKey: async () => Buffer.alloc(32, 1),
      trees: { has: async (digest) => this.trees.has(digest) },
      now: () => this.time,
      find: (name) =>
        this.cluster.list<McpServer>(MCP_SERVERS).find(({ metadata }) => metadata.name === name),
      authority: () => this.authority,
      warnings: {
        newest: async ({ metadata }) => {
          this.asked.push(metadata.name ?? '');
          return this.warning;
        },
      },
      probe: {
        report: async ({ metadata }) => this.reports.get(metadata.name ?? '') ?? this.reports.get('*'),
        isSilent: ({ metadata }) => this.silent.has(metadata.name ?? ''),
        rest: async ({ metadata }) => {
          const rests = this.rests();
          if (rests) this.rested.push(metadata.name ?? '');
          return rests;
        },
      },
    };
  }
}
