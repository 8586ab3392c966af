/** A controller and gateways in the test's own program, over the cluster under test: servers are MCPServers in real pods. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyStore } from '../../../src/auth/keys.ts';
import { createSealer, type Sealer } from '../../../src/auth/seal.ts';
import type { ClusterAccess } from '../../../src/cluster/access.ts';
import { ApiClient } from '../../../src/cluster/api-client.ts';
import { createExecCarrier, type ExecCarrier } from '../../../src/cluster/exec-carrier.ts';
import { ClusterServers } from '../../../src/cluster/gateway/cluster-servers.ts';
import { ClusterView } from '../../../src/cluster/gateway/cluster-view.ts';
import { ServerDirectory } from '../../../src/cluster/gateway/server-directory.ts';
import { wakeServer } from '../../../src/cluster/gateway/wake.ts';
import type { McpServer, McpServerSpec } from '../../../src/cluster/mcp-server.ts';
import { LINK_SOCKET, SUPERVISOR } from '../../../src/cluster/objects/places.ts';
import { createPodCarrier } from '../../../src/cluster/pod-carrier.ts';
import { MCP_SERVERS, PODS, SECRETS } from '../../../src/cluster/resources.ts';
import { createLinkProbe, openLinks } from '../../../src/controller/link-probe.ts';
import { type RunningController, runController } from '../../../src/controller/main.ts';
import { parseControllerSettings } from '../../../src/controller/settings.ts';
import { createGateway } from '../../../src/gateway.ts';
import { silentLog } from '../../../src/log/log.ts';
import { TemplateCatalogue } from '../../../src/templates/catalogue.ts';
import { TEST_LIMITS } from '../../support/gateway.ts';
import { StreamableClient } from '../../support/streamable-client.ts';
import { eventually, openCluster, type TestCluster } from './cluster.ts';
import { podSettings } from './images.ts';
import { RivalClient } from './rival-client.ts';
import type { PodObject } from './server-pod.ts';
import { SMALL_SERVER } from './small-server.ts';
import { goesWithTest } from './tidy.ts';
import { applyDefinition } from './tools.ts';
import type { TreesPod } from './trees-pod.ts';

export interface WorldGateway {
  readonly servers: ClusterServers;
  readonly view: ClusterView;
  /** Of the MCP endpoint. */
  url(name: string): string;
  close(): Promise<void>;
}

export interface ClusterWorld extends TestCluster {
  readonly controller: WorldController;
  /** One more, that leads by a lease of its own as if there were no other, by a clock that is so many milliseconds ahead. */
  rival(ahead: number): WorldController;
  /** One more; all of them have the same sealing keys. Its watches begin with `watching`: until then it knows what it has listed. */
  gateway(watching?: Promise<void>): Promise<WorldGateway>;
  /** Makes or changes an MCPServer as a person would; one of a test goes with it. */
  apply(name: string, spec: McpServerSpec): Promise<void>;
  server(name: string): Promise<McpServer>;
  pods(name: string): Promise<PodObject[]>;
}

export interface WorldController extends Pick<RunningController, 'leading' | 'close'> {
  /** How often it has asked a replica how much it is used. */
  readonly asked: number;
}

/** An MCPServer of the small server. */
export function smallServer(version: string, more: Partial<McpServerSpec> = {}): McpServerSpec {
  return { source: { script: { runtime: 'node', code: SMALL_SERVER } }, args: [version], ...more };
}

export interface WorldOptions {
  /** Makes the package store in the namespace, before there is a controller. */
  readonly startStore?: (cluster: TestCluster) => Promise<TreesPod>;
  /** How its controller and its gateways reach the API server, where that is not as the test does. */
  readonly through?: (real: ClusterAccess) => Promise<ClusterAccess>;
}

/** `settings`: of the controller, beside those that every test needs. */
export async function openWorld(
  settings: object = {},
  { startStore, through }: WorldOptions = {},
): Promise<ClusterWorld> {
  applyDefinition();
  const cluster = await openCluster();
  const { namespace } = cluster;
  const store = await startStore?.(cluster);
  if (store) await keepStoreKey(cluster, store);
  const access = (await through?.(cluster.access)) ?? cluster.access;
  const own = new ApiClient({ access });
  const carrier = createExecCarrier({ access });
  const { images: all, resources } = podSettings(namespace);
  const images = { supervisor: all.supervisor, runner: all.runner };
  const begin = (client: ApiClient, now: () => number): WorldController => {
    const instance = randomUUID();
    let asked = 0;
    const running = runController({
      settings: parseControllerSettings({
        ...{ release: 'berth', releaseNamespace: namespace, serversNamespace: namespace },
        ...{ images, resources, drain: 60_000, publicUrl: 'https://berth.example.com' },
        ...settings,
      }),
      ...{ client, instance, now },
      templates: new TemplateCatalogue([]),
      log: silentLog(),
      ...(store && { treesUrl: store.url }),
      probe: (links) => {
        const byPod = createPodCarrier({ exec: carrier, identity: () => links.identity });
        const probe = createLinkProbe({ open: openLinks(byPod, instance), now });
        return {
          ...probe,
          report: (...given) => {
            asked++;
            return probe.report(...given);
          },
        };
      },
    });
    return {
      get leading() {
        return running.leading;
      },
      get asked() {
        return asked;
      },
      close: async () => {
        await running.close();
        client.close();
      },
    };
  };
  const controller = begin(new ApiClient({ access }), Date.now);
  const rivals: WorldController[] = [];
  const sealer = createSealer({
    keys: [{ name: randomBytes(4).toString('base64url'), secret: randomBytes(32) }],
  });
  // What it makes once, whatever servers there are, belongs to no test.
  for (const name of ['berth-keys', 'berth-trees-key'])
    await eventually(`${name} of the leader`, async () => {
      return (await cluster.client.get(SECRETS, { namespace, name })) !== undefined;
    });
  const gateways: WorldGateway[] = [];
  const target = (name: string) => ({ namespace, name });
  return {
    ...cluster,
    controller,
    rival: (ahead) => {
      const client = new RivalClient({ access });
      const rival = begin(client, () => Date.now() + ahead);
      rivals.push(rival);
      return rival;
    },
    gateway: async (watching) => {
      const made = await openGateway({ client: own, namespace }, { carrier, sealer, watching });
      gateways.push(made);
      return made;
    },
    apply: async (name, spec) => {
      await cluster.client.apply<McpServer>(
        MCP_SERVERS,
        { metadata: target(name), spec },
        { manager: 'a-person', force: true },
      );
      goesWithTest(cluster.client, MCP_SERVERS, { namespace, names: [name] });
    },
    server: async (name) => {
      const found = await cluster.client.get<McpServer>(MCP_SERVERS, target(name));
      if (!found) throw new Error(`there is no server ${name}`);
      return found;
    },
    pods: async (name) => {
      const labelSelector = `berth.dev/server=${name}`;
      return (await cluster.client.list<PodObject>(PODS, { namespace, labelSelector })).items as PodObject[];
    },
    close: async () => {
      await Promise.all(gateways.map((one) => one.close()));
      await Promise.all([controller, ...rivals].map((one) => one.close()));
      own.close();
      await cluster.close();
    },
  };
}

/** The controller signs the tokens of installers with what the store checks them by. */
async function keepStoreKey({ client, namespace }: TestCluster, { key }: TreesPod): Promise<void> {
  const metadata = { name: 'berth-trees-key', namespace };
  await client.create(SECRETS, { metadata, data: { key: key.toString('base64') } } as never);
}

interface GatewayParts {
  readonly carrier: ExecCarrier;
  readonly sealer: Sealer;
  readonly watching: Promise<void> | undefined;
}

async function openGateway(
  { client, namespace }: Pick<TestCluster, 'client' | 'namespace'>,
  { carrier, sealer, watching }: GatewayParts,
): Promise<WorldGateway> {
  const dataDir = mkdtempSync(join(tmpdir(), 'berth-world-'));
  const view = new ClusterView({
    client: {
      list: (...list) => client.list(...list),
      watch: async (...watch) => {
        await watching;
        return client.watch(...watch);
      },
    },
    namespace,
    links: {
      connect: ({ namespace, pod }, signal) =>
        carrier.connect({ namespace, pod, container: SUPERVISOR, socket: LINK_SOCKET }, signal),
      instance: randomUUID(),
    },
  });
  await view.synced;
  const servers = new ClusterServers({
    ...{ client, view, namespace, maxServers: 50, readyWithin: 120_000 },
    publicUrl: () => 'https://berth.example.com',
    check: () => {},
  });
  const front = createGateway({
    settings: { host: '127.0.0.1', allowedHosts: [], allowedOrigins: [], cors: true, limits: TEST_LIMITS },
    keys: new KeyStore({ dataDir, configured: [] }),
    sealer,
    directory: new ServerDirectory({
      view,
      behavior: () => undefined,
      wake: (resource) => wakeServer(client, resource),
      read: (name, signal) => client.get<McpServer>(MCP_SERVERS, { namespace, name }, { signal }),
    }),
    router: view.replicas,
    control: (_request, response) => response.writeHead(404).end(),
  });
  const { port } = await front.listen(0, '127.0.0.1');
  return {
    servers,
    view,
    url: (name) => `http://127.0.0.1:${port}/servers/${name}/mcp`,
    close: async () => {
      await front.close();
      await view.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** What the small server says of itself to this client. */
export interface Whoami {
  readonly version: string;
  readonly pid: number;
  readonly remembered: string;
  /** Its variable TOKEN. */
  readonly token?: string;
}

let ids = 0;

/** Calls a tool of the small server. */
export async function callSmall(client: StreamableClient, name: string, given: object = {}): Promise<Whoami> {
  const { message } = await client.request(`"call-${++ids}"`, 'tools/call', { name, arguments: given });
  const result = message.result as { content: { text: string }[] } | undefined;
  if (!result) throw new Error(JSON.stringify(message));
  return JSON.parse(result.content[0]?.text ?? '') as Whoami;
}

/** An initialized client of one server on one gateway; rejects when it is refused. */
export async function openSmall(gateway: WorldGateway, name: string): Promise<StreamableClient> {
  const client = new StreamableClient(gateway.url(name));
  const { message } = await client.initialize();
  if (message.error) throw new Error(JSON.stringify(message.error));
  return client;
}

/** Resolves once the server's status has a state. */
export async function untilState(world: ClusterWorld, name: string, state: string): Promise<McpServer> {
  let seen: McpServer | undefined;
  await eventually(`${name} ${state}`, async () => {
    seen = await world.server(name);
    return seen.status?.state === state;
  });
  return seen as McpServer;
}
