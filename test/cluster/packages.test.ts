/** Real packages in pods: installed by a Job, kept by berth-trees, fetched and run without any other network. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WORKLOAD } from '../../src/cluster/objects/places.ts';
import { packageOf } from '../support/real-servers.ts';
import { connectSdk, SDK_CLIENTS } from '../support/sdk-clients.ts';
import { openCluster, type TestCluster } from './support/cluster.ts';
import { type ExecGateway, startExecGateway } from './support/exec-gateway.ts';
import { type RunningPod, startServer } from './support/server-pod.ts';
import { startTrees, type TreesPod } from './support/trees-pod.ts';

const SERVERS = ['everything', 'time'] as const;

let cluster: TestCluster;
let trees: TreesPod;
let pods: RunningPod[];
let gateway: ExecGateway;

beforeAll(async () => {
  cluster = await openCluster();
  trees = await startTrees(cluster);
  pods = await Promise.all(SERVERS.map(start));
  gateway = await startExecGateway(cluster, pods);
});
afterAll(async () => {
  await gateway?.close();
  await cluster?.close();
});

async function start(name: (typeof SERVERS)[number]): Promise<RunningPod> {
  const tree = await trees.install(await packageOf(name));
  return startServer(cluster, { name, program: { kind: 'package', tree } });
}

describe.each(SDK_CLIENTS)('a %s client', (flavour) => {
  it.each([
    ['an npm package', 'everything', 'echo', { message: 'hello' }, /hello/],
    ['a PyPI package', 'time', 'get_current_time', { timezone: 'UTC' }, /"timezone": ?"UTC"/],
  ] as const)('calls %s', async (_what, name, tool, input, answer) => {
    const client = await connectSdk(flavour, gateway.url(name));
    try {
      expect(await client.callTool(tool, input)).toMatch(answer);
    } finally {
      await client.close();
    }
  });
});

it('cannot change its own program', async () => {
  const attempt = pods[0]!.run(WORKLOAD, ['sh', '-c', 'echo x >>/berth/tree/launch.json']);
  await expect(attempt).rejects.toThrow('Read-only file system');
});

it('brings nothing along that is blocked', async () => {
  const block = ['npm:@modelcontextprotocol/sdk'];
  await expect(trees.install(await packageOf('everything'), { block })).rejects.toThrow(
    /server-everything@\S+ needs npm:@modelcontextprotocol\/sdk@\S+, which is blocked here/,
  );
});

it('says what is wrong with a package that is not there', async () => {
  const source = { ecosystem: 'npm', name: '@modelcontextprotocol/server-that-is-not-there' } as const;
  await expect(trees.install(source)).rejects.toThrow(/"phase":"resolve"/);
});
