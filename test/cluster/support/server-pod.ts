/** Servers in pods as the controller would make them, without a controller. */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openExec } from '../../../src/cluster/exec-channel.ts';
import { serviceAccount } from '../../../src/cluster/objects/account.ts';
import type { Behavior, Blueprint, Program } from '../../../src/cluster/objects/blueprint.ts';
import { generationOf, linkSecret } from '../../../src/cluster/objects/config-secret.ts';
import { type Deployment, deployment } from '../../../src/cluster/objects/deployment.ts';
import { replicaSelector } from '../../../src/cluster/objects/naming.ts';
import { LINK_PORT } from '../../../src/cluster/objects/places.ts';
import { SCRIPT_KEY, scriptFile } from '../../../src/cluster/objects/supervisor-json.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  type KubeObject,
  PODS,
  SECRETS,
  SERVICE_ACCOUNTS,
} from '../../../src/cluster/resources.ts';
import type { LinkAuthority } from '../../../src/controller/link-authority.ts';
import { identityFiles } from '../../../src/controller/link-secrets.ts';
import { pinnedEras } from '../../../src/supervisor/handshake-report.ts';
import { DEFAULT_LIMITS, type ServerDefinition } from '../../../src/supervisor/server-definition.ts';
import { eventually, type TestCluster } from './cluster.ts';
import { podSettings } from './images.ts';

export interface PodServer {
  readonly name: string;
  readonly program: Program;
  /** A folder whose files lie beside the script. */
  readonly folder?: string;
  readonly args?: readonly string[];
  readonly behavior?: Partial<Behavior>;
  /** Signs for its supervisor, which then listens for links over the network. */
  readonly authority?: LinkAuthority;
}

export interface RunningPod {
  /** As a gateway knows the server. */
  readonly definition: ServerDefinition;
  readonly pod: string;
  readonly address: string | undefined;
  readonly linkPort: number | undefined;
  /** Its standard output; rejects when it does not end with 0. */
  run(container: string, command: readonly string[]): Promise<string>;
  /** How often a container has been started anew. */
  restarts(container: string): Promise<number>;
}

export interface PodObject extends KubeObject {
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly ready: boolean;
      readonly restartCount: number;
      readonly state?: { readonly terminated?: { readonly exitCode: number; readonly message?: string } };
    }[];
  };
}

/** Resolves when the pod is ready. */
export async function startServer(cluster: TestCluster, server: PodServer): Promise<RunningPod> {
  const blueprint = blueprintOf(cluster.namespace, server);
  const { owner, behavior } = blueprint;
  const { authority } = server;
  const settings = { ...podSettings(cluster.namespace), ...(authority && { linkPort: LINK_PORT }) };
  const { name: generation, secret } = generationOf(blueprint, settings);
  const wanted = deployment({ blueprint, settings, generation, annotations: {} });
  const { client, namespace } = cluster;
  await client.create(SERVICE_ACCOUNTS, orphan(serviceAccount(owner, [])));
  await client.create(SECRETS, orphan(secret));
  if (authority)
    await client.create(
      SECRETS,
      orphan(linkSecret(owner, identityFiles(await authority.supervisor(owner.uid)))),
    );
  await client.create(DEPLOYMENTS, orphan(await withFolder(cluster, server, wanted)));
  let found: PodObject | undefined;
  await eventually(`a ready pod of ${server.name}`, async () => {
    const { items } = await client.list<PodObject>(PODS, {
      namespace,
      labelSelector: replicaSelector(owner),
    });
    found = items[0];
    const statuses = found?.status?.containerStatuses ?? [];
    return statuses.length > 0 && statuses.every(({ ready }) => ready);
  });
  const pod = found?.metadata.name ?? '';
  return {
    address: found?.status?.podIP,
    linkPort: settings.linkPort,
    definition: {
      id: owner.uid,
      name: server.name,
      isolation: behavior.isolation,
      sessions: behavior.sessions,
      eras: pinnedEras(behavior.era ?? 'legacy'),
      launch: { file: '/', args: [], env: {}, cwd: '/' },
      limits: { ...DEFAULT_LIMITS, ...behavior.limits },
      secrets: [],
    },
    pod,
    run: (container, command) => run(cluster, { pod, container }, command),
    restarts: async (container) => {
      const object = await client.get<PodObject>(PODS, { namespace, name: pod });
      return object?.status?.containerStatuses?.find(({ name }) => name === container)?.restartCount ?? 0;
    },
  };
}

function blueprintOf(namespace: string, { name, program, args = [], behavior }: PodServer): Blueprint {
  return {
    owner: { name, namespace, uid: randomUUID() },
    program,
    behavior: { isolation: 'session', sessions: 'minted', limits: {}, ...behavior },
    args,
    env: [],
    secrets: [],
    configMaps: [],
    homeFiles: {},
    replicas: 1,
    drainSeconds: 5,
    resources: {},
    network: { egress: 'public', allow: [] },
    placement: {},
  };
}

/** The MCPServer that would own it is not there, and the cluster removes what belongs to nobody. */
export function orphan<T extends KubeObject>(object: T): T {
  const { ownerReferences: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Puts the files of a folder into the volume of the script. */
async function withFolder(cluster: TestCluster, server: PodServer, wanted: Deployment): Promise<Deployment> {
  const { folder, program, name } = server;
  if (folder === undefined || program.kind !== 'script' || typeof program.code !== 'string') return wanted;
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length).replace(/^\/+/, ''));
  const entries = paths.map((path, index) => [`${index}`, readFileSync(join(folder, path), 'utf8')]);
  const data = Object.fromEntries([...entries, [SCRIPT_KEY, program.code]]) as Record<string, string>;
  const map = { metadata: { name: `files-${name}`, namespace: cluster.namespace }, data };
  await cluster.client.create(CONFIG_MAPS, map);
  const items = [
    { key: SCRIPT_KEY, path: scriptFile(program.runtime) },
    ...paths.map((path, index) => ({ key: `${index}`, path })),
  ];
  const { spec } = wanted;
  const volumes = spec.template.spec.volumes.map((volume) =>
    volume.name === 'script'
      ? { name: 'script', configMap: { name: map.metadata.name, defaultMode: 0o444, items } }
      : volume,
  );
  const template = { ...spec.template, spec: { ...spec.template.spec, volumes } };
  return { ...wanted, spec: { ...spec, template } };
}

async function run(
  cluster: TestCluster,
  place: { readonly pod: string; readonly container: string },
  command: readonly string[],
): Promise<string> {
  const target = { namespace: cluster.namespace, ...place, command };
  const channel = await openExec({ access: cluster.access, target });
  const parts: Buffer[] = [];
  for await (const part of channel) parts.push(part as Buffer);
  const exit = await channel.exit;
  if (exit.kind !== 'exited' || exit.code !== 0)
    throw new Error(`${command.join(' ')}: ${JSON.stringify(exit)} ${channel.stderr.join('\n')}`);
  return Buffer.concat(parts).toString('utf8');
}
