/** Starts of a server that has no replica: how long they take, and what the cluster shows on the way. */
import type { McpServer } from '../../src/cluster/mcp-server.ts';
import type { Deployment } from '../../src/cluster/objects/deployment.ts';
import type { Pod } from '../../src/cluster/objects/pod-types.ts';
import { createReflector } from '../../src/cluster/reflector.ts';
import {
  DEPLOYMENTS,
  type KubeObject,
  MCP_SERVERS,
  PODS,
  type Resource,
} from '../../src/cluster/resources.ts';
import type { RunningRelease } from '../../test/cluster/support/release.ts';
import { createSession } from '../clients/create-session.ts';
import type { Target } from '../clients/session.ts';

/** What is seen one after the other; each is a time since the request. */
export const STEPS = [
  'MCPServer has replicas again',
  'Deployment has',
  'pod made',
  'pod on a node',
  'sandbox of the pod there',
  'supervisor runs, by kubelet',
  'answered',
  'pod ready, by kubelet',
] as const;
export type Step = (typeof STEPS)[number];

export interface ColdStart {
  /** Milliseconds until there is a session. */
  readonly ms: number;
  readonly steps: Readonly<Partial<Record<Step, number>>>;
}

interface ColdOptions {
  readonly release: RunningRelease;
  readonly target: (server: string) => Target;
  readonly count: number;
  /** Milliseconds between the end of all pods and the first start. */
  readonly restMs: number;
  readonly told: (start: ColdStart) => void;
}

const TEMPLATE = 'everything';
const LOOK_EVERY_MS = 250;
const LOOKS = 400;

/** Servers of one package that have no replica. */
export interface ColdServers {
  /** Starts each of them once, when they have rested for long enough. */
  start(): Promise<ColdStart[]>;
  /** Idempotent. */
  remove(): Promise<void>;
}

/**
 * They rest for a while, as any server that slept: a file system without a journal (ext4, as some sandboxes have it) hands out the
 * inodes of files that were deleted in the last minute, or in the last six where others of their block were touched, only after a
 * long search, so that a package unpacked right after another one's removal takes seconds longer.
 */
export async function prepareCold(options: ColdOptions): Promise<ColdServers> {
  const { release, count, restMs, told } = options;
  const names = Array.from({ length: count }, (_, at) => `cold-${at + 1}`);
  const remove = async (): Promise<void> => {
    for (const name of names.splice(0)) await release.remove(name).catch(() => {});
  };
  try {
    await Promise.all(names.map((name) => release.run({ name, template: TEMPLATE })));
    for (const name of names)
      await release.api.json(`/servers/${name}/scale`, { method: 'POST', body: { replicas: 0 } });
    for (const name of names)
      await until('the end of its pods', async () => (await release.serverPods(name)).length === 0);
  } catch (error) {
    await remove();
    throw error;
  }
  const since = performance.now();
  return {
    start: async () => {
      const rested = performance.now() - since;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, restMs - rested)));
      const starts: ColdStart[] = [];
      for (const name of names) {
        const start = await startOnce(options, name);
        told(start);
        starts.push(start);
      }
      return starts;
    },
    remove,
  };
}

async function startOnce({ release, target }: ColdOptions, name: string): Promise<ColdStart> {
  const watch = await watchSteps(release, name);
  try {
    const session = createSession('http', target(name));
    const begun = performance.now();
    await session.open();
    watch.saw('answered');
    await until('a ready pod', async () => watch.times.has('pod ready, by kubelet'));
    await session.close();
    const steps = [...watch.times].map(([step, time]) => [step, time - begun] as const);
    return { ms: (watch.times.get('answered') ?? Number.NaN) - begun, steps: Object.fromEntries(steps) };
  } finally {
    await watch.close();
  }
}

interface Watch {
  readonly times: ReadonlyMap<Step, number>;
  saw(step: Step): void;
  close(): Promise<void>;
}

/** As the watches of this program show it: a little later than it is. */
async function watchSteps({ client, servers: namespace }: RunningRelease, name: string): Promise<Watch> {
  const times = new Map<Step, number>();
  const saw = (step: Step, there = true): void => {
    if (there && !times.has(step)) times.set(step, performance.now());
  };
  const watch = <T extends KubeObject>(
    resource: Resource,
    labelSelector: string | undefined,
    look: (object: T) => void,
  ) =>
    createReflector<T>({
      client,
      resource,
      selection: { namespace, labelSelector },
      handler: { added: look, modified: look },
    });
  const ofServer = `berth.dev/server=${name}`;
  const all = [
    watch<McpServer>(MCP_SERVERS, undefined, ({ metadata, spec }) =>
      saw('MCPServer has replicas again', metadata.name === name && (spec.replicas ?? 1) > 0),
    ),
    watch<Deployment>(DEPLOYMENTS, ofServer, ({ spec }) => saw('Deployment has', spec.replicas > 0)),
    watch<Pod>(PODS, ofServer, (pod) => lookAtPod(pod, saw)),
  ];
  await Promise.all(all.map(({ synced }) => synced));
  return {
    times,
    saw,
    close: async () => {
      await Promise.all(all.map((one) => one.close()));
    },
  };
}

function lookAtPod({ spec, status }: Pod, saw: (step: Step, there?: boolean) => void): void {
  const is = (type: string): boolean =>
    status?.conditions?.some((one) => one.type === type && one.status === 'True') ?? false;
  const supervisor = status?.containerStatuses?.find(({ name }) => name === 'supervisor');
  saw('pod made');
  saw('pod on a node', spec?.nodeName !== undefined);
  saw('sandbox of the pod there', is('PodReadyToStartContainers'));
  saw('supervisor runs, by kubelet', supervisor?.state?.running !== undefined);
  saw('pod ready, by kubelet', is('Ready'));
}

async function until(what: string, there: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < LOOKS; look += 1) {
    if (await there()) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  throw new Error(`never came: ${what}`);
}
