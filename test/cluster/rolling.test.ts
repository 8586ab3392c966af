/** Several replicas and several versions of a server under live sessions: placed, rolled, scaled, stopped and restarted. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { McpServerSpec } from '../../src/cluster/mcp-server.ts';
import { DEPLOYMENTS, type KubeObject } from '../../src/cluster/resources.ts';
import { ModernHttpClient } from '../support/modern-client.ts';
import type { StreamableClient } from '../support/streamable-client.ts';
import { eventually } from './support/cluster.ts';
import {
  type ClusterWorld,
  callSmall,
  openSmall,
  openWorld,
  smallServer,
  untilState,
  type WorldGateway,
} from './support/cluster-world.ts';
import { TASKING } from './support/tasking-server.ts';

// Pods come and go slowly on a busy node.
vi.setConfig({ testTimeout: 300_000 });

let world: ClusterWorld;
let gateway: WorldGateway;
let other: WorldGateway;

beforeAll(async () => {
  world = await openWorld();
  gateway = await world.gateway();
  other = await world.gateway();
});
afterAll(() => world?.close());

const template = async (name: string): Promise<object> => {
  const found = await world.client.get<KubeObject & { spec: { template: object } }>(DEPLOYMENTS, {
    namespace: world.namespace,
    name: `mcp-${name}`,
  });
  return found?.spec.template ?? {};
};
const costs = async (name: string): Promise<(string | undefined)[]> =>
  (await world.pods(name))
    .map(({ metadata }) => metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'])
    .sort();
/** How many of these sessions are on each pod, greatest first. */
const spread = async (name: string): Promise<number[]> => {
  const uid = (await world.server(name)).metadata.uid ?? '';
  const { replicas } = gateway.view;
  const lists = await Promise.all(
    replicas.of(uid).map(async (replica) => {
      const list = await replicas.replica(uid, replica.name)?.ask?.({ what: 'sessions', server: uid });
      return (list as unknown[] | undefined)?.length ?? 0;
    }),
  );
  return lists.sort((a, b) => b - a);
};
const closeAll = (clients: readonly StreamableClient[]) => Promise.all(clients.map((one) => one.close()));

it('new sessions go where there is most room, and past a replica that takes no more', async () => {
  await world.apply('spread', smallServer('1', { replicas: 2, limits: { sessions: 2 } }));
  await untilState(world, 'spread', 'running');
  await eventually('both replicas', () => gateway.view.replicas.of(uidOf('spread')).length === 2);
  const clients: StreamableClient[] = [];
  for (let at = 0; at < 2; at++) clients.push(await openSmall(gateway, 'spread'));
  expect(await spread('spread')).toEqual([1, 1]);
  // Another gateway has not counted these: it is sent on by the replica that is full.
  for (let at = 0; at < 2; at++) clients.push(await openSmall(other, 'spread'));
  expect(await spread('spread')).toEqual([2, 2]);
  await expect(openSmall(other, 'spread')).rejects.toThrow();
  await closeAll(clients);
});

it('a replica takes the sessions that its memory carries, the next one more of them, and none runs out of memory', async () => {
  const resources = { limits: { memory: '256Mi' } };
  await world.apply('carried', smallServer('1', { replicas: 2, resources }));
  const { status } = await untilState(world, 'carried', 'running');
  expect(status?.capacity).toEqual({ sessions: 4, processes: 4 });
  await eventually('both replicas', () => gateway.view.replicas.of(uidOf('carried')).length === 2);
  const clients: StreamableClient[] = [];
  for (let at = 0; at < 8; at++) clients.push(await openSmall(at < 4 ? gateway : other, 'carried'));
  expect(await spread('carried')).toEqual([4, 4]);
  const refused = openSmall(gateway, 'carried');
  await expect(refused).rejects.toThrow(
    /4 sessions, its limit.*limit-reached.*limits\.sessions.*memory.*replicas/,
  );
  for (const client of clients) expect(await callSmall(client, 'whoami')).toMatchObject({ version: '1' });
  for (const { metadata, status: pod } of await world.pods('carried')) {
    expect(metadata.deletionTimestamp).toBeUndefined();
    expect(pod?.containerStatuses).toHaveLength(2);
    expect(pod?.containerStatuses?.map(({ ready, restartCount }) => [ready, restartCount])).toEqual([
      [true, 0],
      [true, 0],
    ]);
  }
  await closeAll(clients);
});

const uidOf = (name: string): string => gateway.view.server(name)?.metadata.uid ?? '';

it('a new version takes new sessions; old ones finish on the old version', async () => {
  await world.apply('rolled', smallServer('1', { replicas: 2 }));
  await untilState(world, 'rolled', 'running');
  const old = [await openSmall(gateway, 'rolled'), await openSmall(other, 'rolled')];
  for (const client of old) await callSmall(client, 'remember', { text: 'before' });
  await world.apply('rolled', smallServer('2', { replicas: 2 }));
  let fewest = 2;
  await eventually('the new version', async () => {
    const { status } = await world.server('rolled');
    fewest = Math.min(fewest, status?.readyReplicas ?? 0);
    return status?.reason === 'Ready' && status.serverInfo?.version === '2' && status.updatedReplicas === 2;
  });
  expect(fewest).toBe(2);
  const fresh = [await openSmall(gateway, 'rolled'), await openSmall(other, 'rolled')];
  for (const client of fresh)
    expect(await callSmall(client, 'whoami')).toMatchObject({ version: '2', remembered: '' });
  for (const client of old)
    expect(await callSmall(client, 'whoami')).toMatchObject({ version: '1', remembered: 'before' });
  await closeAll(old);
  await eventually('the end of the old pods', async () => (await world.pods('rolled')).length === 2);
  await closeAll(fresh);
});

it('a task is asked about in the process that runs it, while that is on its way out', async () => {
  const tasking = (version: string): McpServerSpec => ({
    source: { script: { runtime: 'node', code: TASKING } },
    args: [version],
  });
  await world.apply('tasking', tasking('1'));
  await untilState(world, 'tasking', 'running');
  const clients = [gateway, other].map((one) => new ModernHttpClient(one.url('tasking')));
  const [client, another] = clients as [ModernHttpClient, ModernHttpClient];
  const begin = async (): Promise<string> => {
    const { result } = await client.tool('begin');
    return (result as { taskId: string }).taskId;
  };
  const task = await begin();
  expect(task).toMatch(/^1-/);
  await world.apply('tasking', tasking('2'));
  await eventually('the new version', async () => {
    const { status } = await world.server('tasking');
    return status?.serverInfo?.version === '2' && status.updatedReplicas === 1;
  });
  await eventually('the leaving of the old one', () =>
    [gateway, other].every(({ view }) => view.replicas.of(uidOf('tasking')).some(({ leaving }) => leaving)),
  );
  const newer = await begin();
  expect(newer).toMatch(/^2-/);
  for (const taskId of [task, newer])
    for (const one of clients)
      expect(await one.request('tasks/get', { taskId })).toMatchObject({ result: { status: 'working' } });
  expect(await another.request('tasks/cancel', { taskId: task })).toMatchObject({ result: {} });
  expect(await client.request('tasks/get', { taskId: task })).toMatchObject({
    result: { status: 'cancelled' },
  });
  expect(await client.request('tasks/get', { taskId: 'nobody’s' })).toMatchObject({
    error: { code: -32602, message: 'version 2 does not know it' },
  });
  await Promise.all(clients.map((one) => one.close()));
  // Its task would keep the pod for the whole of its drain.
  await gateway.servers.remove('tasking', { force: true });
});

it('a version that fails its handshake takes nothing over', async () => {
  await world.apply('kept', smallServer('1'));
  await untilState(world, 'kept', 'running');
  const client = await openSmall(gateway, 'kept');
  await world.apply('kept', smallServer('2', { args: ['2', '--fail'] }));
  const { status } = await untilState(world, 'kept', 'degraded');
  expect(status).toMatchObject({ reason: 'StartFailed', readyReplicas: 1, failure: { exitCode: 7 } });
  expect(await callSmall(client, 'whoami')).toMatchObject({ version: '1' });
  const another = await openSmall(other, 'kept');
  expect(await callSmall(another, 'whoami')).toMatchObject({ version: '1' });
  await world.apply('kept', smallServer('3'));
  await eventually(
    'the next one',
    async () => (await world.server('kept')).status?.serverInfo?.version === '3',
  );
  await closeAll([client, another]);
});

it('fewer replicas: the one without sessions goes, and the sessions of the others go on', async () => {
  await world.apply('scaled', smallServer('1', { replicas: 3 }));
  await untilState(world, 'scaled', 'running');
  await eventually('three replicas', () => gateway.view.replicas.of(uidOf('scaled')).length === 3);
  const clients = [await openSmall(gateway, 'scaled'), await openSmall(gateway, 'scaled')];
  await eventually('their counts', async () => `${await costs('scaled')}` === '0,1,1');
  const before = await template('scaled');
  await gateway.servers.scale('scaled', 2);
  await eventually('two replicas', async () => (await world.pods('scaled')).length === 2);
  expect(await costs('scaled')).toEqual(['1', '1']);
  for (const client of clients) expect(await callSmall(client, 'whoami')).toMatchObject({ version: '1' });
  expect(await template('scaled')).toEqual(before);
  await closeAll(clients);
});

it('a gentle stop waits for sessions, a forced one does not; neither touches the template; a restart makes new pods', async () => {
  await world.apply('stopped', smallServer('1'));
  await untilState(world, 'stopped', 'running');
  const before = await template('stopped');
  const client = await openSmall(gateway, 'stopped');
  const { pid } = await callSmall(client, 'whoami');
  await gateway.servers.stop('stopped');
  await eventually('its leaving', async () =>
    (await world.pods('stopped')).every(({ metadata }) => metadata.deletionTimestamp !== undefined),
  );
  expect(await callSmall(client, 'whoami')).toMatchObject({ pid });
  // A stopped server takes no new session, though one goes on.
  await expect(openSmall(other, 'stopped')).rejects.toThrow();
  await gateway.servers.stop('stopped', { force: true });
  await eventually('its end', async () => (await world.pods('stopped')).length === 0);
  expect(await template('stopped')).toEqual(before);
  await gateway.servers.start('stopped', { wait: true });
  const [first] = await world.pods('stopped');
  await gateway.servers.restart('stopped', { wait: true });
  await eventually('the end of the pod before', async () => (await world.pods('stopped')).length === 1);
  expect((await world.pods('stopped'))[0]?.metadata.uid).not.toBe(first?.metadata.uid);
});
