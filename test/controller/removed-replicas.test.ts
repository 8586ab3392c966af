/** Replicas whose server is gone: each is told once, by whatever way it goes, so that it waits for nobody. */
import { beforeEach, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import type { Pod } from '../../src/cluster/objects/pod-types.ts';
import { createLinkProbe } from '../../src/controller/link-probe.ts';
import { RemovedReplicas } from '../../src/controller/removed-replicas.ts';
import { BerthError } from '../../src/errors.ts';
import type { Link } from '../../src/link/link.ts';

interface Made {
  readonly of?: string;
  readonly server?: string;
  readonly ends?: boolean;
  readonly phase?: string;
}

function pod(uid: string, { of = 'gone', server = 'web', ends = true, phase = 'Running' }: Made = {}): Pod {
  const labels = { 'berth.dev/server': server, 'berth.dev/server-uid': of };
  return {
    metadata: { name: uid, uid, labels, ...(ends && { deletionTimestamp: '2026-11-27T12:00:00Z' }) },
    status: { phase },
  } as Pod;
}

let clock: ManualClock;
let told: string[];
/** What stands in the way, by pod. */
let faults: Map<string, BerthError>;
let again: string[];
let removed: RemovedReplicas;

beforeEach(() => {
  clock = new ManualClock();
  told = [];
  faults = new Map();
  again = [];
  const open = (current: () => Pod): Link => ({
    conversation: () => {
      throw new Error('nothing is called');
    },
    ask: async ({ what, server }) => {
      const { uid = '' } = current().metadata;
      told.push(`${uid} ${what} ${server}`);
      const fault = faults.get(uid);
      if (fault) throw fault;
      return true;
    },
    close: async () => {},
  });
  const probe = createLinkProbe({ open, now: () => 0, clock });
  removed = new RemovedReplicas({ probe, clock, again: (name) => again.push(name) });
});

async function tell(pods: readonly Pod[], uid?: string): Promise<void> {
  removed.tell('web', uid, pods);
  await new Promise((resolve) => setImmediate(resolve));
}

it('are told once, each', async () => {
  const pods = [pod('a'), pod('b')];
  await tell(pods);
  await tell(pods);
  expect(told).toEqual(['a removed gone', 'b removed gone']);
});

it('are told when another server has the name by now, whose own are not', async () => {
  await tell([pod('a'), pod('new', { of: 'another' })], 'another');
  expect(told).toEqual(['a removed gone']);
});

it('are not told while they are not being ended, do not run, or are of another server', async () => {
  await tell([pod('a', { ends: false }), pod('b', { phase: 'Pending' }), pod('c', { server: 'other' })]);
  expect(told).toEqual([]);
});

it('are told again a while after they could not be reached, until they could', async () => {
  faults.set('a', new BerthError('busy', 'no answer'));
  await tell([pod('a')]);
  expect(again).toEqual([]);
  clock.advance(5_000);
  expect(again).toEqual(['web']);
  faults.clear();
  await tell([pod('a')]);
  clock.advance(60_000);
  await tell([pod('a')]);
  expect([told.length, again]).toEqual([2, ['web']]);
});

it('are let alone when they are of a version that does not know the question', async () => {
  faults.set('a', new BerthError('internal', 'a question that this supervisor does not know'));
  await tell([pod('a')]);
  await tell([pod('a')]);
  clock.advance(60_000);
  expect([told.length, again]).toEqual([1, []]);
});

it('are told no more by one that has closed', async () => {
  faults.set('a', new BerthError('busy', 'no answer'));
  await tell([pod('a')]);
  removed.close();
  clock.advance(60_000);
  expect(again).toEqual([]);
});
