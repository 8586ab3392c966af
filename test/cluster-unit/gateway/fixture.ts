/** A gateway's part of a cluster over one in memory. */
import type { Duplex } from 'node:stream';
import { ApiClient } from '../../../src/cluster/api-client.ts';
import { ClusterServers } from '../../../src/cluster/gateway/cluster-servers.ts';
import { ClusterView } from '../../../src/cluster/gateway/cluster-view.ts';
import { ServerDirectory } from '../../../src/cluster/gateway/server-directory.ts';
import { wakeServer } from '../../../src/cluster/gateway/wake.ts';
import type { McpServer } from '../../../src/cluster/mcp-server.ts';
import { MCP_SERVERS } from '../../../src/cluster/resources.ts';
import type { ServerSpec } from '../../../src/servers/server-spec.ts';
import { WatchedClock } from '../watched-clock.ts';
import { MemoryCluster } from './memory-cluster.ts';

export const READY_WITHIN = 300_000;

export interface FixtureOptions {
  readonly connect?: (signal: AbortSignal) => Promise<Duplex>;
  readonly check?: (spec: ServerSpec) => void;
  readonly maxServers?: number;
  readonly discover?: readonly string[];
}

export async function createFixture(options: FixtureOptions = {}) {
  const cluster = await MemoryCluster.start();
  const clock = new WatchedClock();
  // Waits of the client are real, so that only waits of the gateway are in the test's hands.
  const client = new ApiClient({ access: cluster.api.access() });
  const faults: unknown[] = [];
  const view = new ClusterView({
    client,
    namespace: 'demo',
    clock,
    links: {
      connect: (_pod, signal) => options.connect?.(signal) ?? Promise.reject(new Error('nobody is there')),
      instance: 'gateway',
    },
    onFault: (error) => faults.push(error),
  });
  const directory = new ServerDirectory({
    view,
    behavior: (template) => (template === 'memory' ? { isolation: 'shared' } : undefined),
    wake: (resource) => wakeServer(client, resource),
    read: (name, signal) => client.get<McpServer>(MCP_SERVERS, { namespace: 'demo', name }, { signal }),
    clock,
  });
  const servers = new ClusterServers({
    client,
    view,
    namespace: 'demo',
    publicUrl: () => 'https://berth.example.com',
    maxServers: options.maxServers ?? 50,
    ...(options.discover && { discover: options.discover }),
    check: options.check ?? (() => {}),
    readyWithin: READY_WITHIN,
    clock,
  });
  await view.synced;
  return {
    cluster,
    clock,
    view,
    directory,
    servers,
    faults,
    close: async () => {
      await view.close();
      client.close();
      await cluster.close();
    },
  };
}

export type Fixture = Awaited<ReturnType<typeof createFixture>>;

/** A pod of an MCPServer. */
export function serverPod(
  server: { readonly name: string; readonly uid: string },
  name: string,
  state: { ready?: boolean; running?: boolean; leaving?: boolean; sessions?: number; node?: string } = {},
) {
  const { ready = true, running = true, leaving = false, sessions, node } = state;
  return {
    metadata: {
      name,
      uid: `uid-${name}`,
      labels: { 'berth.dev/server': server.name, 'berth.dev/server-uid': server.uid },
      ...(sessions !== undefined && {
        annotations: { 'controller.kubernetes.io/pod-deletion-cost': String(sessions) },
      }),
      ...(leaving && { deletionTimestamp: '2026-11-25T00:00:00Z' }),
    },
    spec: {
      ...(node !== undefined && { nodeName: node }),
      initContainers: [{ name: 'helper' }],
      containers: [{ name: 'supervisor' }, { name: 'workload' }],
    },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      containerStatuses: [
        {
          name: 'supervisor',
          state: running ? { running: {} } : { waiting: { reason: 'ContainerCreating' } },
        },
      ],
    },
  };
}

/** A Deployment that somebody else made. */
export function foreignDeployment(name: string, replicas: number, labels: Record<string, string> = {}) {
  return {
    metadata: {
      name,
      creationTimestamp: '2026-11-25T00:00:00Z',
      labels: { 'app.kubernetes.io/component': 'mcp-server', ...labels },
    },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { terminationGracePeriodSeconds: 30 } },
    },
  };
}

/** What a Deployment's controller says when all is well. */
export function settled(replicas: number) {
  return {
    replicas,
    readyReplicas: replicas,
    availableReplicas: replicas,
    updatedReplicas: replicas,
    conditions: [
      {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'fine',
        lastUpdateTime: '2026-11-25T01:00:00Z',
      },
    ],
  };
}
