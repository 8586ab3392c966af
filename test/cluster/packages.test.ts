/** Real packages in pods: installed by a Job, kept by berth-trees, fetched and run without any other network. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SUPERVISOR, UID, WORKLOAD } from '../../src/cluster/objects/places.ts';
import { PODS } from '../../src/cluster/resources.ts';
import { packageOf } from '../support/real-servers.ts';
import { connectSdk, SDK_CLIENTS } from '../support/sdk-clients.ts';
import { eventually, type TestCluster } from './support/cluster.ts';
import { type ClusterWorld, openWorld, untilState } from './support/cluster-world.ts';
import { type ExecGateway, startExecGateway } from './support/exec-gateway.ts';
import { figure, since } from './support/figures.ts';
import { leaveForLater } from './support/left-for-later.ts';
import { killIn, pidsOf } from './support/processes.ts';
import { type RunningPod, startServer } from './support/server-pod.ts';
import { startTrees, type TreesPod } from './support/trees-pod.ts';

const SERVERS = ['everything', 'time'] as const;

let cluster: ClusterWorld;
let trees: TreesPod;
let pods: RunningPod[];
let gateway: ExecGateway;

beforeAll(async () => {
  const startStore = async (own: TestCluster): Promise<TreesPod> => {
    trees = await startTrees(own);
    return trees;
  };
  cluster = await openWorld({}, { startStore });
  const { ecosystem: _npm, ...npm } = await packageOf('everything');
  await cluster.apply('kept', { source: { npm } });
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

it('cannot change its own program, which is the supervisor’s', async () => {
  const write = (file: string) => pods[0]!.run(WORKLOAD, ['sh', '-c', `echo x >>/berth/tree/${file}`]);
  await expect(write('launch.json')).rejects.toThrow('Permission denied');
  await expect(write('new')).rejects.toThrow('Read-only file system');
  const look = ['sh', '-c', 'id -u; stat -c "%u %a" /berth/tree/launch.json'];
  expect(await pods[0]!.run(WORKLOAD, look)).toBe(`${UID.workload}\n${UID.supervisor} 644\n`);
  const writable = ['find', '/berth/tree/', '-mindepth', '1', '!', '-type', 'l', '-perm', '/022'];
  expect(await pods[0]!.run(WORKLOAD, writable)).toBe('');
});

it('has its package brought once for the life of its pod', async () => {
  const [pod] = pods as [RunningPod];
  const file = (): Promise<string> => pod.run(WORKLOAD, ['stat', '-c', '%i %Z', '/berth/tree/launch.json']);
  const before = await file();
  const [pid = 0] = await pidsOf(pod, SUPERVISOR, { program: '/node' });
  await killIn(pod, SUPERVISOR, pid);
  await eventually('a new supervisor', async () => (await pod.restarts(SUPERVISOR)) === 1);
  const client = await connectSdk('v1 streamable-http', gateway.url('everything'));
  expect(await client.listTools()).toContain('echo');
  await client.close();
  expect([await file(), await pod.restarts(WORKLOAD)]).toEqual([before, 0]);
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

it('that the store has lost is installed again, and its server comes back without a failure', async () => {
  await untilState(cluster, 'kept', 'running');
  const { url } = await cluster.gateway();
  // In the place of the one that the hook has made.
  leaveForLater('pods berth-trees');
  await trees.lose();
  const [gone] = await cluster.pods('kept');
  const { namespace } = cluster;
  await cluster.client.remove(PODS, { namespace, name: gone?.metadata.name ?? '' });
  const begun = performance.now();
  const told = new Set<string>();
  const look = async (): Promise<string> => {
    const { status } = await cluster.server('kept');
    const now = `${status?.state} ${status?.reason}`;
    told.add(now);
    return now;
  };
  await eventually('it is installed again', async () => /Reinstalling/.test(await look()));
  await eventually('another pod that serves', async () => {
    const now = await look();
    const next = (await cluster.pods('kept')).find(({ metadata }) => metadata.uid !== gone?.metadata.uid);
    const isReady = next?.status?.containerStatuses?.every(({ ready }) => ready) === true;
    return isReady && now === 'running Ready';
  });
  figure('a package lost, and the pod of its server: until it runs again', since(begun));
  expect([...told].filter((one) => /^(failed|degraded)/.test(one))).toEqual([]);
  const client = await connectSdk('v1 streamable-http', url('kept').replace(/\/mcp$/, ''));
  expect(await client.callTool('echo', { message: 'again' })).toMatch(/again/);
  await client.close();
});
