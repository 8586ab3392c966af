/** What is told of a server in a cluster: what one on a single machine tells, and why one does not start. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { CONFIG_MAPS, MCP_SERVERS, SECRETS } from '../../src/cluster/resources.ts';
import { StreamableClient } from '../support/streamable-client.ts';
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
import { leaveForLater } from './support/left-for-later.ts';
import { SMALL_SERVER } from './support/small-server.ts';
import { goesWithTest, kubectlRemoves } from './support/tidy.ts';
import { attempt, run } from './support/tools.ts';

// Pods come and go slowly on a busy node.
vi.setConfig({ testTimeout: 300_000 });

let world: ClusterWorld;
let gateway: WorldGateway;

beforeAll(async () => {
  world = await openWorld();
  gateway = await world.gateway();
});
afterAll(() => world?.close());

it('the resource and the API tell eras, tools, sessions and processes', async () => {
  await world.apply('told', smallServer('1.2.3', { health: { interval: 5_000, timeout: 45_000 } }));
  const { status } = await untilState(world, 'told', 'running');
  expect(status).toMatchObject({
    eras: ['legacy'],
    era: 'legacy',
    serverInfo: { name: 'small', version: '1.2.3' },
    tools: ['whoami', 'remember', 'wait', 'release'],
    ready: '1/1',
  });
  const client = await openSmall(gateway, 'told');
  expect(await callSmall(client, 'whoami')).toMatchObject({ version: '1.2.3' });
  await eventually('its session', async () => (await world.server('told')).status?.sessions === 1);
  await eventually('the session in the API', async () => {
    const { status: shown } = await gateway.servers.get('told');
    return shown.sessions === 1 && shown.processes === 1 && shown.lastCheck !== undefined;
  });
  const { status: shown } = await gateway.servers.get('told');
  expect(shown).toMatchObject({
    ...{ state: 'running', health: 'healthy', eras: ['legacy'], tools: expect.arrayContaining(['wait']) },
    ...{ lastCheck: { failures: 0 }, lastActivity: expect.any(String) },
  });
  await client.close();
  // initialize, and the call.
  await eventually('its use', async () => (await gateway.servers.usage('told', 7)).sum.calls === 2);
  const { sum } = gateway.servers.usage('told', 7);
  expect(sum).toMatchObject({ sessions: 1, calls: 2, failedCalls: 0 });
  expect(sum.bytesToServer).toBeGreaterThan(0);
  expect(sum.bytesFromServer).toBeGreaterThan(0);
});

it('what the API server refuses is told in its words, and the server stops all the same', async () => {
  const resources = { requests: { memory: '2Gi' }, limits: { memory: '1Gi' } };
  await world.apply('refused', smallServer('1'));
  await untilState(world, 'refused', 'running');
  await world.apply('refused', smallServer('2', { resources }));
  const { status } = await untilState(world, 'refused', 'degraded');
  expect(status).toMatchObject({ reason: 'Refused', phase: 'schedule', ready: '1/1' });
  expect(status?.message).toContain('must be less than or equal to memory limit of 1Gi');
  await world.apply('refused', smallServer('2', { resources, suspend: true }));
  const { status: stopped } = await untilState(world, 'refused', 'stopped');
  expect(stopped).toMatchObject({ reason: 'Suspended', replicas: 0 });
  // A limit alone, below what servers ask for by default, is one that they can have.
  await world.apply('refused', smallServer('2', { resources: { limits: { memory: '100Mi' } } }));
  await untilState(world, 'refused', 'running');
});

it('a handshake that fails keeps a replica from being ready, and everybody is told why', async () => {
  await world.apply('failing', smallServer('1', { args: ['1', '--fail'] }));
  const { status } = await untilState(world, 'failing', 'failed');
  expect(status).toMatchObject({
    ...{ reason: 'StartFailed', phase: 'handshake', ready: '0/1', readyReplicas: 0 },
    failure: { code: 'start-failed', exitCode: 7, stderr: ['no token given'] },
    hint: expect.stringContaining('stderr'),
  });
  const ready = status?.conditions.find(({ type }) => type === 'Ready');
  expect(ready).toMatchObject({ status: 'False', message: expect.stringContaining('no token given') });

  // The API, which waits for its start.
  await expect(gateway.servers.start('failing', { wait: true })).rejects.toMatchObject({
    code: 'start-failed',
    details: { phase: 'handshake', exitCode: 7, stderr: ['no token given'] },
  });
  // A client.
  const client = new StreamableClient(gateway.url('failing'));
  const { message } = await client.initialize();
  expect(message.error).toMatchObject({
    data: { code: 'start-failed', phase: 'handshake', exitCode: 7, stderr: ['no token given'] },
  });
  // kubectl describe, of the server and of its pod.
  const { namespace } = world;
  await eventually('events of the server', () => {
    const { out } = attempt('kubectl', ['-n', namespace, 'describe', 'mcps', 'failing']);
    return /Warning\s+StartFailed.*no token given/.test(out);
  });
  const [pod] = await world.pods('failing');
  await eventually('events of the pod', () => {
    const { out } = attempt('kubectl', ['-n', namespace, 'describe', 'pod', pod?.metadata.name ?? '']);
    return /Readiness probe failed: failing .*failure phase=handshake/s.test(out);
  });
  // What is corrected starts.
  await world.apply('failing', smallServer('2'));
  await untilState(world, 'failing', 'running');
  expect(run('kubectl', ['-n', namespace, 'get', 'mcps', 'failing'])).toMatch(/running\s+1\/1/);
  const { status: corrected } = await world.server('failing');
  expect([corrected?.failure, corrected?.hint]).toEqual([undefined, undefined]);
  await world.client.remove(MCP_SERVERS, { namespace, name: 'failing' });
});

/** Makes or changes a Secret or a ConfigMap of one value, as a person would. */
async function keep(kind: typeof SECRETS | typeof CONFIG_MAPS, name: string, data: object): Promise<void> {
  const { namespace, client } = world;
  goesWithTest(client, kind, { namespace, names: [name] });
  const text = kind === SECRETS ? { stringData: data } : { data };
  await client.apply(kind, { metadata: { namespace, name }, ...text }, { manager: 'a-person', force: true });
}

it('a server whose Secret or ConfigMap is not there waits for it, says for which, and starts by itself once it is made', async () => {
  const { namespace } = world;
  const secret = (name: string) => ({
    secrets: [{ name: 'TOKEN', secretKeyRef: { name, key: 'token' } }],
  });
  leaveForLater('mcpservers no-key', 'secrets half');
  await keep(SECRETS, 'half', { other: 'x' });
  await Promise.all([
    world.apply('no-secret', smallServer('1', secret('nowhere'))),
    world.apply('no-key', smallServer('1', secret('half'))),
    world.apply('no-program', {
      source: { script: { runtime: 'node', configMapRef: { name: 'programs', key: 'small.mjs' } } },
    }),
  ]);
  const WAITS = {
    'no-secret': 'Secret nowhere',
    'no-key': 'key token of Secret half',
    'no-program': 'ConfigMap programs',
  };
  for (const [name, missing] of Object.entries(WAITS)) {
    const message = `${name} waits for ${missing}`;
    await eventually(message, async () => (await world.server(name)).status?.message === message);
    const { status } = await world.server(name);
    expect(status).toMatchObject({
      ...{ state: 'pending', reason: 'ReferenceMissing', phase: 'spawn', ready: '0/1' },
      hint: expect.stringContaining(`namespace ${namespace}`),
    });
    expect(status?.conditions.find(({ type }) => type === 'Degraded')).toMatchObject({
      ...{ status: 'True', message: expect.stringContaining(missing) },
    });
    // The API, and so `berth get`; and what kubectl shows.
    await eventually('the API', async () => (await gateway.servers.get(name)).status.message === message);
    expect((await gateway.servers.get(name)).status).toMatchObject({
      ...{ state: 'pending', hint: expect.stringContaining('Create what is missing') },
    });
    await eventually('an event of it', () => {
      const { out } = attempt('kubectl', ['-n', namespace, 'describe', 'mcps', name]);
      return new RegExp(`ReferenceMissing.*waits for ${missing}`).test(out);
    });
  }
  await Promise.all([
    keep(SECRETS, 'nowhere', { token: 'late' }),
    keep(SECRETS, 'half', { token: 'later' }),
    keep(CONFIG_MAPS, 'programs', { 'small.mjs': SMALL_SERVER }),
  ]);
  for (const name of Object.keys(WAITS)) {
    const { status } = await untilState(world, name, 'running');
    expect([status?.hint, status?.conditions.find(({ type }) => type === 'Degraded')?.status]).toEqual([
      ...[undefined, 'False'],
    ]);
  }
  const client = await openSmall(gateway, 'no-secret');
  expect(await callSmall(client, 'whoami')).toMatchObject({ token: 'late' });
  await client.close();
});

it("a Secret's value is in the server's process; changed, it is in the next session's, and no pod is made anew", async () => {
  const { namespace } = world;
  const [pod] = await world.pods('no-key');
  const old = await openSmall(gateway, 'no-key');
  expect(await callSmall(old, 'whoami')).toMatchObject({ token: 'later' });
  await keep(SECRETS, 'half', { token: 'second' });
  // Kubelet looks after each pod once a minute or so, and at once when something of the pod itself changes.
  run('kubectl', ['-n', namespace, 'annotate', 'pod', pod?.metadata.name ?? '', 'looked-at=now']);
  await eventually('the new value', async () => {
    const client = await openSmall(gateway, 'no-key');
    const { token } = await callSmall(client, 'whoami');
    await client.delete();
    return token === 'second';
  });
  // The process that runs has what it was given.
  expect(await callSmall(old, 'whoami')).toMatchObject({ token: 'later' });
  await old.close();
  const same = (await world.pods('no-key')).map(({ metadata, status }) => [
    metadata.uid,
    status?.containerStatuses?.map(({ restartCount }) => restartCount),
  ]);
  expect(same).toEqual([[pod?.metadata.uid, [0, 0]]]);
});

it('a package whose installer gets no pod says so, in the words of the quota that refuses it', async () => {
  const { namespace } = world;
  const kubectl = (...args: string[]) => run('kubectl', ['-n', namespace, ...args]);
  kubectlRemoves(namespace, { kind: 'resourcequotas', name: 'full' });
  kubectl('create', 'quota', 'full', '--hard=pods=0');
  await eventually('the quota', () =>
    /pods/.test(kubectl('get', 'quota', 'full', '-o', 'jsonpath={.status.hard}')),
  );
  await world.apply('refused', { source: { npm: { name: '@modelcontextprotocol/server-everything' } } });
  const { status } = await untilState(world, 'refused', 'failed');
  expect(status).toMatchObject({
    ...{
      reason: 'QuotaExceeded',
      phase: 'schedule',
      message: expect.stringContaining('exceeded quota: full'),
    },
    hint: expect.stringContaining('Raise the ResourceQuota'),
  });
});
