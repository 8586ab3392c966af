import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLeaderElection } from '../../src/cluster/lease.ts';
import type { Lease } from '../../src/cluster/lease-record.ts';
import { LEASES } from '../../src/cluster/resources.ts';
import { eventually, openCluster, type TestCluster } from './support/cluster.ts';
import { goesWithTest } from './support/tidy.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await openCluster();
});
afterAll(() => cluster?.close());

it('hands the lead from one program to the next', async () => {
  const { client, namespace } = cluster;
  const lease = { namespace, name: 'leader' };
  goesWithTest(client, LEASES, { namespace, names: ['leader'] });
  const told: string[] = [];
  const faults: string[] = [];
  const join = (identity: string) =>
    createLeaderElection({
      client,
      lease,
      identity,
      onLead: () => told.push(`${identity} leads`),
      onLose: () => void told.push(`${identity} stops`),
      onFault: (error) => faults.push(error.message),
    });
  const one = join('one');
  await eventually('a leader', () => one.leading);
  const two = join('two');
  await eventually('the other to know', () => two.leader === 'one');
  await one.close();
  expect(await client.get<Lease>(LEASES, lease)).toMatchObject({ spec: { holderIdentity: '' } });
  await eventually('the next leader', () => two.leading);
  expect(await client.get<Lease>(LEASES, lease)).toMatchObject({
    spec: { holderIdentity: 'two', leaseTransitions: 1 },
  });
  await client.remove(LEASES, lease);
  await eventually('the lease again', async () => (await client.get(LEASES, lease)) !== undefined);
  expect(two.leading).toBe(true);
  await two.close();
  expect(told).toEqual(['one leads', 'one stops', 'two leads', 'two stops']);
  expect(faults).toEqual([]);
});
