/** Groups of servers that several gateways share, in a ConfigMap. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiClient } from '../../../src/cluster/api-client.ts';
import { ClusterGroups } from '../../../src/cluster/gateway/cluster-groups.ts';
import { parseGroup } from '../../../src/groups/group-spec.ts';
import { until } from '../../link/waiting.ts';
import { status } from '../stand-in-api.ts';
import { MemoryCluster } from './memory-cluster.ts';

const TARGET = { namespace: 'demo', name: 'berth-groups' };
const spec = (name: string, ...servers: string[]) => parseGroup({ name, servers });

let cluster: MemoryCluster;
let closing: (() => Promise<void> | void)[];
let faults: string[];

/** One gateway's, once it has seen what is there. */
async function open(): Promise<ClusterGroups> {
  const client = new ApiClient({ access: cluster.api.access() });
  const groups = new ClusterGroups({
    client,
    target: TARGET,
    onFault: ({ message }) => faults.push(message),
  });
  closing.push(async () => {
    await groups.close();
    client.close();
  });
  await until('the list', () => {
    try {
      groups.list();
      return true;
    } catch {
      return false;
    }
  });
  return groups;
}

beforeEach(async () => {
  closing = [];
  faults = [];
  cluster = await MemoryCluster.start();
  cluster.put('configmaps', { metadata: TARGET });
});
afterEach(async () => {
  for (const close of closing) await close();
  await cluster.close();
});

const names = (groups: ClusterGroups): string[] => groups.list().map((group) => group.spec.name);

describe('groups in a cluster', () => {
  it('are made, replaced and removed by one gateway, and seen by the others', async () => {
    const [one, other] = [await open(), await open()];
    const told: string[] = [];
    other.onChange((name) => told.push(name));
    const made = await one.create(spec('b', 'time'));
    await one.create(spec('a', 'git'));
    expect(names(one)).toEqual(['a', 'b']);
    await until('both', () => names(other).length === 2);
    expect(other.get('b')).toEqual(made);
    const { created, group } = await one.put(spec('b', 'time', 'git'));
    expect([created, group.createdAt, group.spec.servers.length]).toEqual([false, made.createdAt, 2]);
    expect((await one.put(spec('c', 'time'))).created).toBe(true);
    await one.remove('a');
    await until('all of it', () => names(other).join() === 'b,c' && other.get('b').spec.servers.length === 2);
    expect(told).toEqual(['b', 'a', 'b', 'c', 'a']);
    expect(faults).toEqual([]);
  });

  it('of one name are made once, whoever is first', async () => {
    const [one, other] = [await open(), await open()];
    const tries = await Promise.allSettled([one.create(spec('a', 'time')), other.create(spec('a', 'git'))]);
    expect(tries.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
    await expect(one.create(spec('a', 'x'))).rejects.toMatchObject({ code: 'conflict' });
    await expect(one.remove('nobody')).rejects.toMatchObject({ code: 'not-found' });
    expect(() => one.get('nobody')).toThrow(/no group/);
  });

  it('are all kept when gateways change them at the same time', async () => {
    const [one, other] = [await open(), await open()];
    const all = Array.from({ length: 6 }, (_, index) => `g${index}`);
    await Promise.all(all.map((name, index) => (index % 2 ? one : other).create(spec(name, 'time'))));
    await until('all', () => names(one).length === 6 && names(other).length === 6);
  });

  it('are known to who has made them, however far its watch is behind', async () => {
    const groups = await open();
    await groups.create(spec('a', 'time'));
    cluster.hold();
    await groups.put(spec('a', 'git'));
    await groups.create(spec('b', 'time'));
    expect(names(groups)).toEqual(['a', 'b']);
    cluster.release();
    await groups.create(spec('c', 'time'));
    await until('it all', () => names(groups).length === 3);
    expect(groups.get('a').spec.servers).toEqual([{ server: 'git' }]);
  });

  it('that nobody can read are left out and told of', async () => {
    const groups = await open();
    await groups.create(spec('good', 'time'));
    const { data } = cluster.get('configmaps', TARGET.name) as unknown as { data: Record<string, string> };
    const bad = { broken: '{', other: JSON.stringify({ spec: { name: 'x', servers: ['a'] } }), empty: '{}' };
    cluster.put('configmaps', { metadata: TARGET, ...{ data: { ...data, ...bad } } });
    await until('the faults', () => faults.length >= 3);
    expect(faults.join('\n')).toMatch(
      /broken was left out: it is no JSON[\s\S]*other was left out: it is called x/,
    );
    expect(names(groups)).toEqual(['good']);
    expect(groups.find('broken')).toBeUndefined();
  });

  it('say what is missing: the object, or room in it', async () => {
    const groups = await open();
    cluster.intercept = ({ method }, response) => {
      if (method !== 'PATCH') return false;
      status(response, 422, 'Invalid', 'Too long: must have at most 1048576 bytes');
      return true;
    };
    await expect(groups.create(spec('a', 'time'))).rejects.toMatchObject({ code: 'limit-reached' });
    cluster.intercept = () => false;
    cluster.remove('configmaps', TARGET.name);
    await expect(groups.create(spec('a', 'time'))).rejects.toMatchObject({
      code: 'not-allowed',
      message: expect.stringContaining('demo/berth-groups'),
    });
  });
});
