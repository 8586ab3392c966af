import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLeaderElection, type LeaderElectionOptions } from '../../src/cluster/lease.ts';
import type { Lease } from '../../src/cluster/lease-record.ts';
import { type KubeObject, LEASES } from '../../src/cluster/resources.ts';
import { eventually, openCluster, type TestCluster } from './support/cluster.ts';
import { goesWithTest } from './support/tidy.ts';

const SKEW = 5 * 60_000;

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

it('believes no clock: neither one that is five minutes ahead nor one that is as much behind', async () => {
  const { client, namespace } = cluster;
  goesWithTest(client, LEASES, { namespace, names: ['skewed'] });
  const renewals: number[] = [];
  /** What a program writes whose clock is so many milliseconds ahead. */
  const skewed = (ahead: number): LeaderElectionOptions['client'] => {
    const shifted = (at: string | null | undefined) =>
      at && new Date(Date.parse(at) + ahead).toISOString().replace('Z', '000Z');
    const written = <T extends KubeObject>(object: T): T => {
      const { spec } = object as Lease;
      if (spec?.holderIdentity) renewals.push(ahead);
      const times = { renewTime: shifted(spec?.renewTime), acquireTime: shifted(spec?.acquireTime) };
      return { ...object, spec: { ...spec, ...times } };
    };
    return {
      get: (...given) => client.get(...given),
      create: (kind, object, options) => client.create(kind, written(object), options),
      replace: (kind, object, options) => client.replace(kind, written(object), options),
    };
  };
  const lease = { namespace, name: 'skewed' };
  const join = (identity: string, ahead: number) =>
    createLeaderElection({ client: skewed(ahead), lease, identity, onLead: () => {}, onLose: () => {} });
  const behind = join('behind', -SKEW);
  await eventually('a leader', () => behind.leading);
  const ahead = join('ahead', SKEW);
  await eventually('the other to know', () => ahead.leader === 'behind');
  // What it sees is a lease that ran out minutes ago, renewed again and again.
  const before = renewals.length;
  await eventually('its renewals', () => renewals.length >= before + 4);
  expect(renewals).not.toContain(SKEW);
  expect([behind.leading, ahead.leading]).toEqual([true, false]);
  await behind.close();
  await eventually('the next leader', () => ahead.leading);
  // What it wrote is minutes in the future; a leader that has died is followed all the same.
  const held = await client.get<Lease>(LEASES, lease);
  expect(Date.parse(held?.spec?.renewTime ?? '') - Date.now()).toBeGreaterThan(SKEW / 2);
  await ahead.close();
  await client.patch(LEASES, lease, { patch: { spec: held?.spec } });
  const next = join('next', 0);
  await eventually('the one after it', () => next.leading);
  await next.close();
});
