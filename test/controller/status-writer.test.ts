/** When the status of a server is written again. */
import { expect, it } from 'vitest';
import type { McpServer, McpServerStatus } from '../../src/cluster/mcp-server.ts';
import { MCP_SERVERS } from '../../src/cluster/resources.ts';
import { StatusWriter } from '../../src/controller/status-writer.ts';
import { FakeCluster } from '../support/fake-cluster.ts';

const status = (more: Partial<McpServerStatus> = {}): McpServerStatus => ({
  ...{ state: 'running', reason: 'Ready', message: 'demo is running', observedGeneration: 1, ready: '1/1' },
  ...{
    replicas: 1,
    readyReplicas: 1,
    availableReplicas: 1,
    updatedReplicas: 1,
    selector: 'x=y',
    conditions: [],
  },
  ...more,
});

function world() {
  const cluster = new FakeCluster();
  cluster.put(MCP_SERVERS, { metadata: { namespace: 'ns', name: 'demo' }, spec: {} } as McpServer);
  const server = (): McpServer => cluster.list<McpServer>(MCP_SERVERS)[0] as McpServer;
  const writer = () => new StatusWriter({ api: cluster, now: () => 0, onOlder: () => {} });
  return { server, writer };
}

it('what somebody else has written is put right, be it a leader of before whose write came late', async () => {
  const { server, writer } = world();
  const [before, leader] = [writer(), writer()];
  await leader.write(server(), status());
  await before.write(server(), status({ state: 'failed', reason: 'CrashLoop', message: 'long ago' }));
  expect(leader.last(server())).toBeUndefined();
  await leader.write(server(), status());
  expect(server().status).toMatchObject({ state: 'running', reason: 'Ready' });
});

it('what was written and is not seen yet is not written again', async () => {
  const { server, writer } = world();
  const leader = writer();
  const old = server();
  await leader.write(old, status());
  const version = server().metadata.resourceVersion;
  await leader.write(old, status());
  await leader.write(server(), status());
  expect(server().metadata.resourceVersion).toBe(version);
  expect(leader.last(old)).toEqual(status());
});
