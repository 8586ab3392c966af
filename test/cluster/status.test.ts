/** What is told of a server in a cluster: what one on a single machine tells, and why one does not start. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { MCP_SERVERS } from '../../src/cluster/resources.ts';
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
  await world.apply('told', smallServer('1.2.3', { health: { interval: 5_000 } }));
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
