/**
 * Two controllers that both believe they lead, with clocks five minutes apart, over the same real servers (F-07). A lease keeps them
 * apart (lease.test.ts); what they do must not depend on it.
 */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ASLEEP } from '../../src/cluster/asleep.ts';
import type { McpServerSpec } from '../../src/cluster/mcp-server.ts';
import type { Deployment } from '../../src/cluster/objects/deployment.ts';
import { SERVER_LABEL } from '../../src/cluster/objects/naming.ts';
import { createReflector, type Reflector } from '../../src/cluster/reflector.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  JOBS,
  type KubeObject,
  MCP_SERVERS,
  NETWORK_POLICIES,
  PODS,
  REPLICA_SETS,
  type Resource,
  SECRETS,
  SERVICE_ACCOUNTS,
} from '../../src/cluster/resources.ts';
import { isSettled } from '../../src/controller/rollout.ts';
import { eventually, type TestCluster } from './support/cluster.ts';
import {
  type ClusterWorld,
  callSmall,
  openSmall,
  openWorld,
  smallServer,
  untilState,
  type WorldController,
  type WorldGateway,
} from './support/cluster-world.ts';
import { figure } from './support/figures.ts';
import { leaveForLater } from './support/left-for-later.ts';
import { startTrees } from './support/trees-pod.ts';

const SKEW = 5 * 60_000;
/** Milliseconds without use, of the server that may sleep. */
const SLEEP = 3_000;
const KINDS = [
  ...[PODS, JOBS, DEPLOYMENTS, REPLICA_SETS, SECRETS, CONFIG_MAPS, SERVICE_ACCOUNTS],
  NETWORK_POLICIES,
];
/** With a program and without dependencies. */
const SMALL_PACKAGE = { name: 'semver', version: '7.7.2' };

vi.setConfig({ testTimeout: 300_000 });

let world: ClusterWorld;
let gateway: WorldGateway;
let leaders: WorldController[];
let watches: Reflector<KubeObject>[];
/** Kind and uid of everything that was ever made. */
const made = new Map<string, string>();

beforeAll(async () => {
  world = await openWorld({ sleep: 0 }, { startStore: (own: TestCluster) => startTrees(own) });
  gateway = await world.gateway();
  const { client, namespace } = world;
  watches = KINDS.map((resource) =>
    createReflector<KubeObject>({
      client,
      resource,
      selection: { namespace },
      handler: {
        added: ({ metadata }) => {
          const server = metadata.labels?.[SERVER_LABEL];
          if (server !== undefined) made.set(metadata.uid ?? '', `${server} ${resource.plural}`);
        },
      },
    }),
  );
  await Promise.all(watches.map(({ synced }) => synced));
});
afterAll(async () => {
  await Promise.all((watches ?? []).map((watch) => watch.close()));
  await world?.close();
});

/** How many objects of each kind were ever made for a server. */
function madeFor(server: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const what of made.values()) {
    const [name, kind = ''] = what.split(' ');
    if (name === server) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** What there is for a server now. */
async function thereFor<T extends KubeObject>(resource: Resource, server: string): Promise<readonly T[]> {
  const labelSelector = `${SERVER_LABEL}=${server}`;
  return (await world.client.list<T>(resource, { namespace: world.namespace, labelSelector })).items;
}

/**
 * Its Deployment is there and has come to rest, and the watches have told of all there is. Its state does not say that: a server
 * without replicas is `stopped` while its package is being installed, too, and its installer may not have a pod yet.
 */
async function isMade(server: string): Promise<boolean> {
  const [deployment] = await thereFor<Deployment>(DEPLOYMENTS, server);
  if (!deployment || !isSettled(deployment)) return false;
  const all = await Promise.all(KINDS.map((resource) => thereFor(resource, server)));
  return all.flat().every(({ metadata }) => made.has(metadata.uid ?? ''));
}

/** Both have looked at every server twice since, if it has one replica. */
async function bothHaveLooked(): Promise<void> {
  const before = leaders.map(({ asked }) => asked);
  await eventually('looks of both', () => leaders.every(({ asked }, at) => asked > (before[at] ?? 0) + 1));
}

const remove = (name: string) =>
  world.client.remove(MCP_SERVERS, { namespace: world.namespace, name }, { propagation: 'Background' });

async function steadily<T>(look: () => Promise<T | undefined>): Promise<T> {
  let found: T | undefined;
  await eventually('the next version', async () => {
    found = await look();
    return found !== undefined;
  });
  return found as T;
}

const STORIES: readonly (readonly [string, string, readonly McpServerSpec[]])[] = [
  ['script', 'running', [smallServer('1', { replicas: 2 }), smallServer('2', { replicas: 1 })]],
  ['package', 'stopped', [{ source: { npm: SMALL_PACKAGE }, replicas: 0 }]],
];

/** Makes the server, and changes it as the story goes. Resolves with what was made for it. */
async function live(name: string, state: string, specs: readonly McpServerSpec[]) {
  for (const [at, spec] of specs.entries()) {
    await world.apply(name, spec);
    await eventually(`version ${at} of ${name}`, async () => {
      const { status, metadata } = await world.server(name);
      const isSeen = status?.observedGeneration === metadata.generation && status?.state === state;
      return isSeen && (await isMade(name)) && (await world.pods(name)).length === (spec.replicas ?? 1);
    });
  }
  return madeFor(name);
}

let alone: Record<string, number>[];

it('one of them alone: what is to be made', async () => {
  alone = [];
  for (const [name, state, specs] of STORIES) alone.push(await live(`${name}-alone`, state, specs));
  figure('made by one leader', JSON.stringify(alone));
  expect(alone).toMatchObject([
    { deployments: 1, replicasets: 2, pods: 3, secrets: 2 },
    { deployments: 1, jobs: 1, pods: 1 },
  ]);
});

it('both at one time make the same, nothing twice, and leave nothing', async () => {
  leaveForLater(/^leases .*-of-a-rival$/);
  leaders = [world.controller, world.rival(SKEW)];
  await eventually('two leaders', () => leaders.every(({ leading }) => leading));
  const both: Record<string, number>[] = [];
  for (const [name, state, specs] of STORIES) both.push(await live(`${name}-both`, state, specs));
  expect(both).toEqual(alone);
  await bothHaveLooked();
  expect(leaders.map(({ leading }) => leading)).toEqual([true, true]);
  expect(STORIES.map(([name]) => madeFor(`${name}-both`))).toEqual(alone);
  for (const [name] of STORIES) await remove(`${name}-both`);
  const left = () =>
    watches
      .flatMap(({ items }) => items)
      .filter(({ metadata }) => /-both$/.test(metadata.labels?.[SERVER_LABEL] ?? ''));
  await eventually('nothing of them', () => left().length === 0);
});

it('a session outlives them, however they change its server; asleep it is only when nobody has one', async () => {
  const spec = (version: string) => smallServer(version, { limits: { sleep: SLEEP } });
  const annotation = async () => (await world.server('kept')).metadata.annotations?.[ASLEEP];
  await world.apply('kept', spec('1'));
  await untilState(world, 'kept', 'running');
  const client = await openSmall(gateway, 'kept');
  const { pid } = await callSmall(client, 'whoami');
  // Without a call for longer than it may be, by any clock.
  await bothHaveLooked();
  expect([await annotation(), await callSmall(client, 'whoami')]).toMatchObject([
    undefined,
    { pid, version: '1' },
  ]);
  await world.apply('kept', spec('2'));
  const next = await steadily(async () => {
    const one = await openSmall(gateway, 'kept');
    if ((await callSmall(one, 'whoami')).version === '2') return one;
    await one.close();
    return undefined;
  });
  await bothHaveLooked();
  expect([await annotation(), await callSmall(client, 'whoami')]).toMatchObject([
    undefined,
    { pid, version: '1' },
  ]);
  await Promise.all([client, next].map((one) => one.close()));
  await eventually('its sleep', async () => (await annotation()) !== undefined);
  const woken = await openSmall(gateway, 'kept');
  expect(await callSmall(woken, 'whoami')).toMatchObject({ version: '2' });
  await woken.close();
});
