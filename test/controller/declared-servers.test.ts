import { beforeEach, describe, expect, it } from 'vitest';
import type { McpServer } from '../../src/cluster/mcp-server.ts';
import { CONFIG_MAPS, EVENTS, type KubeObject, MCP_SERVERS } from '../../src/cluster/resources.ts';
import { type DeclaredInput, keepDeclared } from '../../src/controller/declared-servers.ts';
import { EventRecorder } from '../../src/controller/event-recorder.ts';
import { FakeCluster } from '../support/fake-cluster.ts';

const source = { namespace: 'berth-servers', name: 'berth-servers' };
let cluster: FakeCluster;
let faults: string[];

beforeEach(() => {
  cluster = new FakeCluster();
  faults = [];
});

const values = (servers: Readonly<Record<string, unknown>>): void => {
  const data = { 'servers.yaml': JSON.stringify({ servers }) };
  cluster.put(CONFIG_MAPS, { metadata: { ...source, uid: 'values' }, data } as KubeObject);
};
const servers = (): McpServer[] => cluster.list<McpServer>(MCP_SERVERS);
const keep = (seen: readonly McpServer[] = servers()): Promise<void> =>
  keepDeclared({
    api: cluster,
    source,
    release: 'berth',
    namespace: 'berth-servers',
    servers: seen,
    onFault: (name, error) => faults.push(`${name}: ${error.code}`),
  });

describe('servers of the values', () => {
  it('are made, changed and removed with them', async () => {
    values({ a: { template: 'time' }, b: { template: 'git', replicas: 2 } });
    await keep();
    expect(servers()).toMatchObject([
      { spec: { template: 'time' } },
      { spec: { template: 'git', replicas: 2 } },
    ]);
    values({ b: { template: 'git', args: ['x'] } });
    await keep();
    expect(servers()).toMatchObject([{ metadata: { name: 'b' }, spec: { args: ['x'] } }]);
  });

  it('go with them, whatever they are called', async () => {
    values({ constructor: { template: 'time' }, plain: { template: 'time' } });
    await keep();
    expect(servers()).toHaveLength(2);
    values({});
    await keep();
    expect(servers()).toEqual([]);
  });

  it('keep the replicas that somebody has given them', async () => {
    values({ a: { template: 'time', replicas: 1 } });
    await keep();
    await cluster.patch(
      MCP_SERVERS,
      { namespace: 'berth-servers', name: 'a' },
      { patch: { spec: { replicas: 4 } } },
    );
    values({ a: { template: 'time', replicas: 1, args: ['x'] } });
    await keep();
    expect(servers()[0]?.spec).toEqual({ template: 'time', replicas: 4, args: ['x'] });
  });

  it.each([1, 3])(
    'keep what is given to them while they are looked at, though it be %i times',
    async (times) => {
      values({ a: { template: 'time' }, b: { template: 'git', replicas: 0 } });
      await keep();
      let replicas = 0;
      cluster.before = ({ verb, name }) => {
        const b = servers().find(({ metadata }) => metadata.name === 'b');
        if (verb !== 'apply' || name !== 'b' || !b || replicas === times) return;
        cluster.put(MCP_SERVERS, { ...b, spec: { ...b.spec, replicas: ++replicas } } as McpServer);
      };
      values({ a: { template: 'time' }, b: { template: 'git', replicas: 0, args: ['x'] } });
      await keep();
      expect(servers()[1]?.spec).toEqual({ template: 'git', replicas: times, args: ['x'] });
      expect(faults).toEqual([]);
    },
  );

  it('that change all the time are left for the next look, and told', async () => {
    values({ a: { template: 'time' } });
    await keep();
    let replicas = 0;
    cluster.before = ({ verb }) => {
      const [a] = servers();
      if (verb === 'apply')
        cluster.put(MCP_SERVERS, { ...a, spec: { ...a?.spec, replicas: ++replicas } } as McpServer);
    };
    values({ a: { template: 'time', args: ['x'] } });
    await keep();
    expect(faults).toEqual(['a: conflict']);
    expect(servers()[0]?.spec).toEqual({ template: 'time', replicas });
  });

  it('that were removed meanwhile are made again', async () => {
    values({ a: { template: 'time' } });
    await keep();
    const before = servers();
    cluster.drop(MCP_SERVERS, { namespace: 'berth-servers', name: 'a' });
    await keep(before);
    expect(servers()).toMatchObject([{ spec: { template: 'time' } }]);
    expect(faults).toEqual([]);
  });

  it('are not taken for those that others have made', async () => {
    cluster.put(MCP_SERVERS, {
      metadata: { namespace: 'berth-servers', name: 'a' },
      spec: { template: 'git' },
    } as McpServer);
    values({ a: { template: 'time' } });
    await keep();
    expect(servers()[0]?.spec).toEqual({ template: 'git' });
    values({});
    await keep();
    expect(servers()).toHaveLength(1);
    expect(faults).toEqual(['a: conflict']);
  });

  it('that are wrong are told, and do not stop the others', async () => {
    values({ a: { template: 'time' } });
    await keep();
    values({ a: { nonsense: 1 }, b: { template: 'git' } });
    await keep();
    expect(faults).toEqual(['a: bad-input']);
    expect(servers().map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
  });

  it('go with the release', async () => {
    values({ a: { template: 'time' } });
    await keep();
    cluster.drop(CONFIG_MAPS, source);
    await keep();
    expect(servers()).toEqual([]);
  });

  it('that are refused show in an Event of their ConfigMap', async () => {
    values({ a: { nonsense: 1 } });
    const recorder = new EventRecorder({ api: cluster, instance: 'one', now: () => 0 });
    const told: Promise<void>[] = [];
    const onFault: DeclaredInput['onFault'] = (_name, error, object) =>
      told.push(recorder.refused({ kind: CONFIG_MAPS, object }, 'ServerRefused', error)) as never;
    const common = { api: cluster, source, release: 'berth', namespace: 'berth-servers', servers: [] };
    await keepDeclared({ ...common, onFault });
    await keepDeclared({ ...common, onFault });
    await Promise.all(told);
    const regarding = { apiVersion: 'v1', kind: 'ConfigMap', name: 'berth-servers' };
    expect(cluster.list(EVENTS)).toMatchObject([
      { type: 'Warning', reason: 'ServerRefused', regarding, note: expect.stringContaining('nonsense') },
    ]);
  });
});
