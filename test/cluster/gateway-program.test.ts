/** The gateway's program before a real API server: readiness, the API, and its end by signal. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MCP_SERVERS } from '../../src/cluster/resources.ts';
import { type ClusterGateway, spawnClusterGateway } from '../support/cluster-gateway.ts';
import { eventually, openCluster, type TestCluster } from './support/cluster.ts';
import { ensureMcpServers } from './support/mcp-servers.ts';

let cluster: TestCluster;
let takeAway: () => Promise<void>;
let gateway: ClusterGateway;

beforeAll(async () => {
  cluster = await openCluster();
  takeAway = await ensureMcpServers(cluster.client);
});
afterAll(async () => {
  await gateway?.close();
  await takeAway?.();
  await cluster?.close();
});

it('serves once it has seen the cluster and has its keys, and drains when it is told to end', async () => {
  const kubeconfig = process.env.KUBECONFIG ?? '';
  gateway = await spawnClusterGateway({ kubeconfig, namespace: cluster.namespace });
  const { program } = gateway;
  await eventually('its life', async () => (await gateway.probe('/livez')) === 200);
  expect(await gateway.probe('/readyz')).toBe(503);
  gateway.writeKeys();
  await eventually(`readiness; ${gateway.output}`, async () => (await gateway.probe('/readyz')) === 200);

  const api = `${gateway.url}/api/v1/servers`;
  const spec = { name: 'program', source: { npm: { name: 'some-package', version: '1.0.0' } } };
  const headers = { 'content-type': 'application/json' };
  const created = await fetch(api, { method: 'POST', headers, body: JSON.stringify(spec) });
  expect([created.status, ((await created.json()) as { name: string }).name]).toEqual([202, 'program']);
  const list = (await (await fetch(api)).json()) as { servers: { name: string; status: object }[] };
  expect(list.servers).toMatchObject([{ name: 'program', status: { replicas: { desired: 1, ready: 0 } } }]);

  const waiting = fetch(`${gateway.url}/servers/program/mcp`, {
    method: 'POST',
    headers,
    body: '{}',
  });
  // Answered on other connections, so that the one before has arrived.
  for (let at = 0; at < 3; at++) await (await fetch(api)).text();
  await eventually('the end of its readiness', async () => {
    if (program.exitCode === null && !program.killed) program.kill('SIGTERM');
    return (await gateway.probe('/readyz')) !== 200;
  });
  // Who has not heard of it yet is served, on a connection that ends with the answer; then nobody is let in any more.
  const late = await fetch(api);
  expect([late.status, late.headers.get('connection')]).toEqual([200, 'close']);
  await late.text();
  await eventually('the end of its listening', async () => {
    const answer = await fetch(api).catch(() => undefined);
    await answer?.text();
    return answer === undefined;
  });
  expect(program.exitCode).toBeNull();
  await cluster.client.remove(MCP_SERVERS, { namespace: cluster.namespace, name: 'program' });
  expect((await waiting).status).toBe(404);
  await eventually(`its end; ${gateway.output}`, () => program.exitCode !== null);
  expect(program.exitCode).toBe(0);
  // Its output is the log of a pod: entries, and nothing for somebody at a terminal.
  expect(gateway.output).toContain('the gateway serves');
  expect(gateway.output.split('\n').filter((line) => line !== '' && !line.startsWith('{'))).toEqual([]);
});
