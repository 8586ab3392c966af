/** Life-cycle over a real API server: Deployments that others made, and MCPServers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClusterServers } from '../../src/cluster/gateway/cluster-servers.ts';
import { ClusterView } from '../../src/cluster/gateway/cluster-view.ts';
import { podsOfDeployment } from '../../src/cluster/gateway/forced-stop.ts';
import type { DeploymentObject } from '../../src/cluster/gateway/foreign-deployment.ts';
import type { Pod } from '../../src/cluster/gateway/replica-pod.ts';
import { ServerDirectory } from '../../src/cluster/gateway/server-directory.ts';
import { wakeServer } from '../../src/cluster/gateway/wake.ts';
import type { McpServer } from '../../src/cluster/mcp-server.ts';
import {
  DEPLOYMENTS,
  type KubeObject,
  MCP_SERVERS,
  type Resource,
  SERVICES,
} from '../../src/cluster/resources.ts';
import type { BerthError } from '../../src/errors.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import type { ServerVersion } from '../../src/servers/servers.ts';
import { eventually, openCluster, type TestCluster } from './support/cluster.ts';
import { NODE_IMAGE } from './support/images.ts';
import { leaveForLater } from './support/left-for-later.ts';
import { ensureMcpServers } from './support/mcp-servers.ts';
import { goesWithTest } from './support/tidy.ts';

/** Does not end by itself, and does not hear TERM. */
const STUBBORN =
  "process.on('SIGTERM', () => {}); console.log('hello from the pod'); setInterval(() => {}, 1e6)";

let cluster: TestCluster;
let view: ClusterView;
let servers: ClusterServers;
let directory: ServerDirectory;
let takeAway: () => Promise<void>;
const faults: BerthError[] = [];

beforeAll(async () => {
  cluster = await openCluster();
  const { client, namespace } = cluster;
  takeAway = await ensureMcpServers(client);
  view = new ClusterView({
    client,
    namespace,
    links: { connect: () => Promise.reject(new Error('nobody is called here')), instance: 'test' },
    onFault: (error) => faults.push(error),
  });
  const publicUrl = () => 'https://berth.example.com';
  servers = new ClusterServers({
    client,
    view,
    namespace,
    publicUrl,
    maxServers: 10,
    check: () => {},
    readyWithin: 90_000,
  });
  directory = new ServerDirectory({
    view,
    behavior: () => undefined,
    wake: (resource) => wakeServer(client, resource),
    read: (name, signal) => client.get<McpServer>(MCP_SERVERS, { namespace, name }, { signal }),
  });
  await view.synced;
});
afterAll(async () => {
  await view?.close();
  await takeAway?.();
  await cluster?.close();
});

describe('a Deployment that somebody else made', () => {
  const deployment = (name: string, graceSeconds: number): KubeObject & { spec: object } => ({
    metadata: {
      name,
      namespace: cluster.namespace,
      labels: { 'app.kubernetes.io/component': 'mcp-server' },
    },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: graceSeconds,
          automountServiceAccountToken: false,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 10_002,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          containers: [
            {
              name: 'main',
              image: NODE_IMAGE,
              imagePullPolicy: 'IfNotPresent',
              command: ['node', '-e', STUBBORN],
              securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
            },
          ],
        },
      },
    },
  });
  const goes = (kind: Resource, name: string): void =>
    goesWithTest(cluster.client, kind, { namespace: cluster.namespace, names: [name] });
  const make = async (name: string, graceSeconds: number): Promise<void> => {
    goes(DEPLOYMENTS, name);
    await cluster.client.create(DEPLOYMENTS, deployment(name, graceSeconds));
    await eventually(name, () => view.deployment(name) !== undefined);
  };
  const podNames = async (name: string): Promise<(string | undefined)[]> => {
    const found = view.deployment(name);
    const pods: Pod[] = found ? await podsOfDeployment(cluster.client, found) : [];
    return pods.map(({ metadata }) => metadata.name);
  };
  const read = (name: string) =>
    cluster.client.get<DeploymentObject>(DEPLOYMENTS, { namespace: cluster.namespace, name });

  it('is listed, stopped, started, scaled and restarted', async () => {
    await make('plain', 1);
    const { client, namespace } = cluster;
    const ports = [{ port: 8080 }];
    goes(SERVICES, 'anything');
    await client.create(SERVICES, {
      metadata: { name: 'anything', namespace },
      spec: { selector: { app: 'plain' }, ports },
    } as KubeObject);
    const started = await servers.start('plain', { wait: true });
    expect(started).toMatchObject({ managed: false, status: { state: 'running', replicas: { ready: 1 } } });
    expect(started.status.endpoints[0]?.url).toMatch(/^http:\/\/[0-9.]+:8080$/);
    expect((await servers.list()).map(({ name }) => name)).toEqual(['plain']);

    expect((await servers.scale('plain', 2, { wait: true })).status.replicas.ready).toBe(2);
    const before = await podNames('plain');
    await servers.restart('plain', { wait: true });
    await eventually('new pods', async () => {
      const now = await podNames('plain');
      return now.length === 2 && now.every((name) => !before.includes(name));
    });

    await servers.stop('plain');
    await eventually('its end', async () => (await servers.get('plain')).status.state === 'stopped');
    expect((await servers.start('plain', { wait: true })).status.replicas).toMatchObject({
      desired: 2,
      ready: 2,
    });
    const { generation } = (await read('plain'))?.metadata ?? {};
    await servers.start('plain');
    await servers.scale('plain', 2);
    expect((await read('plain'))?.metadata.generation).toBe(generation);
    // A container runs before its program has said anything.
    await eventually('its log', async () =>
      (await servers.logs('plain', 10)).some(({ text }) => text === 'hello from the pod'),
    );
    // What scheduler, kubelet and the controllers of Kubernetes have said of it.
    const happened: string[] = [];
    const leave = servers.followHappenings('plain', ({ text }) => happened.push(text));
    await eventually('its Events', async () => {
      const said = (await servers.happenings('plain')).map(({ text }) => text);
      const kinds = [/^Deployment plain: ScalingReplicaSet/, /^ReplicaSet plain-\w+: SuccessfulCreate/];
      return [...kinds, /^Pod plain-\w+-\w+: Started/].every((kind) => said.some((text) => kind.test(text)));
    });
    await servers.scale('plain', 1);
    await eventually('a new one', async () =>
      happened.some((text) => /^Deployment plain: Scaling/.test(text)),
    );
    leave();
  });

  it('is stopped by force though its program does not hear, without a change of its template', async () => {
    await make('stubborn', 600);
    await servers.start('stubborn', { wait: true });
    const template = JSON.stringify((await read('stubborn'))?.spec.template);
    expect(await podNames('stubborn')).toHaveLength(1);
    await servers.stop('stubborn', { force: true });
    await eventually('the end of its pod', async () => (await podNames('stubborn')).length === 0);
    expect(JSON.stringify((await read('stubborn'))?.spec.template)).toBe(template);
    await eventually('its state', async () => (await servers.get('stubborn')).status.state === 'stopped');
  });

  it('that cannot have its pods says why', async () => {
    const broken = deployment('broken', 1);
    const spec = broken.spec as { template: { spec: { hostNetwork?: boolean } } };
    spec.template.spec.hostNetwork = true;
    goes(DEPLOYMENTS, 'broken');
    await cluster.client.create(DEPLOYMENTS, broken);
    await eventually('it', () => view.deployment('broken') !== undefined);
    await expect(servers.start('broken', { wait: true })).rejects.toMatchObject({
      code: 'start-failed',
      message: expect.stringContaining('violates PodSecurity'),
    });
  });
});

describe('an MCPServer', () => {
  const SPEC = parseServerSpec({
    name: 'everything',
    source: { npm: { name: '@modelcontextprotocol/server-everything', version: '2026.8.31' } },
    env: { LOG: 'debug' },
  });
  const target = () => ({ namespace: cluster.namespace, name: 'everything' });
  const read = () => cluster.client.get<McpServer>(MCP_SERVERS, target());
  /** In the controller's place. */
  const observe = async (state: string, replicas: number): Promise<void> => {
    const { metadata } = (await read()) ?? {};
    const counts = {
      replicas,
      readyReplicas: replicas,
      availableReplicas: replicas,
      updatedReplicas: replicas,
    };
    const status = {
      state,
      reason: 'Test',
      message: `it is ${state}`,
      observedGeneration: metadata?.generation,
      selector: 'a=b',
      conditions: [],
      ...counts,
    };
    await cluster.client.patch(MCP_SERVERS, target(), { subresource: 'status', patch: { status } });
  };

  it('is applied once, found again, and refused with another specification', async () => {
    leaveForLater('mcpservers everything');
    expect((await servers.run(SPEC)).created).toBe(true);
    expect((await servers.run(SPEC)).created).toBe(false);
    await observe('running', 1);
    await eventually('it', () => view.server('everything')?.status?.state === 'running');
    await expect(servers.run({ ...SPEC, env: { LOG: 'info' } })).rejects.toMatchObject({ code: 'conflict' });
    await expect(servers.run({ ...SPEC, env: {} })).rejects.toMatchObject({ code: 'conflict' });
    const manager = (await read())?.metadata as unknown as { managedFields: { manager: string }[] };
    expect(manager.managedFields.map(({ manager }) => manager)).toContain('berth-gateway');
  });

  it('is stopped and started, and keeps its number of replicas', async () => {
    await servers.scale('everything', 3);
    await servers.stop('everything');
    expect((await read())?.spec).toMatchObject({ suspend: true, replicas: 3 });
    await eventually('it', () => view.server('everything')?.spec.suspend === true);
    const starting = servers.start('everything', { wait: true });
    await eventually('the start', async () => (await read())?.spec.suspend === false);
    await observe('running', 3);
    expect((await starting).status).toMatchObject({ state: 'running', replicas: { desired: 3, ready: 3 } });
    expect((await servers.run(SPEC)).created).toBe(false);
    expect((await read())?.spec.replicas).toBe(3);
  });

  it('is woken by a request to as many replicas as it had', async () => {
    await servers.scale('everything', 0);
    await eventually('it', () => view.server('everything')?.spec.replicas === 0);
    const leaving = new AbortController();
    const waiting = directory.find('everything')?.awaited?.(leaving.signal);
    await eventually('the wake', async () => (await read())?.spec.replicas === 3);
    leaving.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });

  it('is changed only as it was read, by whatever verb, and whoever writes its status meanwhile', async () => {
    const onlyIf = ({ id, revision }: ServerVersion) => ({
      onlyIf: (now: ServerVersion) => now.id === id && now.revision === revision,
    });
    const fresh = async (): Promise<ServerVersion> => {
      const now = await read();
      await eventually(
        'what was written',
        () => view.server('everything')?.metadata.resourceVersion === now?.metadata.resourceVersion,
      );
      return await servers.get('everything');
    };
    const before = await fresh();
    // A status alone is no change of what is wanted.
    await observe('degraded', 3);
    await servers.scale('everything', 2, onlyIf(before));
    expect((await read())?.spec.replicas).toBe(2);
    const refused = { code: 'precondition-failed' };
    await expect(servers.scale('everything', 1, onlyIf(before))).rejects.toMatchObject(refused);
    await expect(servers.stop('everything', onlyIf(before))).rejects.toMatchObject(refused);
    await expect(servers.remove('everything', onlyIf(before))).rejects.toMatchObject(refused);
    const scaled = await fresh();
    await servers.restart('everything', onlyIf(scaled));
    await expect(servers.restart('everything', onlyIf(scaled))).rejects.toMatchObject(refused);
    // Of two that mean the same version one is late, also where neither has seen the other.
    const restarted = await fresh();
    const ends = await Promise.allSettled([
      servers.stop('everything', onlyIf(restarted)),
      servers.scale('everything', 4, onlyIf(restarted)),
    ]);
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(ends.find((end) => end.status === 'rejected')?.reason).toMatchObject(refused);
  });

  it('has the labels of its object', async () => {
    const labels = { team: 'red' };
    await cluster.client.patch(MCP_SERVERS, target(), { patch: { metadata: { labels } } });
    await eventually('they are seen', () => view.server('everything')?.metadata.labels?.team === 'red');
    expect((await servers.get('everything')).labels).toEqual(labels);
  });

  it('is removed', async () => {
    await servers.remove('everything');
    await eventually('its end', () => view.server('everything') === undefined);
    await expect(servers.get('everything')).rejects.toMatchObject({ code: 'not-found' });
    expect(faults).toEqual([]);
  });
});
