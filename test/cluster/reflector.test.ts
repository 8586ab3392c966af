import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ApiClient } from '../../src/cluster/api-client.ts';
import { createReflector } from '../../src/cluster/reflector.ts';
import { CONFIG_MAPS, type KubeObject } from '../../src/cluster/resources.ts';
import type { BerthError } from '../../src/errors.ts';
import { eventually, openCluster, type TestCluster } from './support/cluster.ts';
import { type Fault, openFaultProxy } from './support/fault-proxy.ts';
import { figure } from './support/figures.ts';
import { goesWithTest } from './support/tidy.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await openCluster();
});
afterAll(() => cluster?.close());

it('shows what happens in a real cluster', async () => {
  const { client, namespace } = cluster;
  const labels = { watched: 'yes' };
  const named = (name: string) => ({ namespace, name });
  const told: string[] = [];
  const faults: BerthError[] = [];
  goesWithTest(client, CONFIG_MAPS, { namespace, names: ['before', 'after', 'other'] });
  await client.create(CONFIG_MAPS, { metadata: { ...named('before'), labels } });
  const reflector = createReflector<KubeObject>({
    client,
    resource: CONFIG_MAPS,
    selection: { namespace, labelSelector: 'watched=yes' },
    handler: {
      added: ({ metadata }) => told.push(`+${metadata.name}`),
      modified: ({ metadata }) => told.push(`~${metadata.name}`),
      deleted: ({ metadata }) => told.push(`-${metadata.name}`),
    },
    onFault: (error) => faults.push(error),
  });
  await reflector.synced;
  expect(told).toEqual(['+before']);
  await client.create(CONFIG_MAPS, { metadata: { ...named('after'), labels } });
  await client.create(CONFIG_MAPS, { metadata: named('other') });
  await client.patch(CONFIG_MAPS, named('before'), { patch: { data: { a: '1' } } });
  // Out of the selection is gone.
  await client.patch(CONFIG_MAPS, named('after'), { patch: { metadata: { labels: { watched: 'no' } } } });
  await client.remove(CONFIG_MAPS, named('before'));
  await eventually('all changes', () => told.length === 5);
  expect(told).toEqual(['+before', '+after', '~before', '-after', '-before']);
  expect(reflector.items).toEqual([]);
  expect(faults).toEqual([]);
  await reflector.close();
});

/** What may become of a watch that is asked for: it begins late, is refused, or has lost its place. */
const FAULTS: readonly Fault[] = [
  {},
  {},
  { delay: 300 },
  { refusal: { status: 410, reason: 'Expired' } },
  { refusal: { status: 500, reason: 'InternalError' } },
  { refusal: { status: 429, reason: 'TooManyRequests' } },
];
/** Changes that are made while watches break: so many, and on until each fault has come twice. */
const CHANGES = 150;
const MOST_CHANGES = 3_000;
const WATCHES = 2 * FAULTS.length;
const NAMES = 20;

it('ends with what there is, and has told of all of it, though watches break, are refused and lose their place', async () => {
  const { client, namespace } = cluster;
  const labels = { watched: 'broken' };
  const names = Array.from({ length: NAMES }, (_, at) => `broken-${at}`);
  goesWithTest(client, CONFIG_MAPS, { namespace, names });
  const hop = await openFaultProxy(cluster.access);
  const through = new ApiClient({ access: hop.access });
  const told = new Map<string, string>();
  const wrong: string[] = [];
  const uidOf = ({ metadata }: KubeObject): string => metadata.uid ?? '';
  let watches = 0;
  hop.fault = ({ url }) => (url.searchParams.has('watch') ? (FAULTS[watches++ % FAULTS.length] ?? {}) : {});
  const selection = { namespace, labelSelector: 'watched=broken' };
  const reflector = createReflector<KubeObject>({
    client: through,
    resource: CONFIG_MAPS,
    selection,
    random: () => 0,
    handler: {
      added: (object) => {
        if (told.has(uidOf(object))) wrong.push(`twice: ${object.metadata.name}`);
        told.set(uidOf(object), object.metadata.resourceVersion ?? '');
      },
      modified: (object) => {
        if (!told.has(uidOf(object))) wrong.push(`never added: ${object.metadata.name}`);
        told.set(uidOf(object), object.metadata.resourceVersion ?? '');
      },
      deleted: (object) => {
        if (!told.delete(uidOf(object))) wrong.push(`never there: ${object.metadata.name}`);
      },
    },
  });
  try {
    await reflector.synced;
    let change = 0;
    for (; change < CHANGES || (watches < WATCHES && change < MOST_CHANGES); change++) {
      const target = { namespace, name: names[Math.floor(Math.random() * NAMES)] ?? '' };
      if (Math.random() < 0.3) await client.remove(CONFIG_MAPS, target);
      else {
        const object = { metadata: { ...target, labels }, data: { change: String(change) } };
        await client.apply(CONFIG_MAPS, object, { manager: 'test', force: true });
      }
      if (change % 5 === 0) hop.cutWatches();
      await sleep(10);
    }
    hop.fault = () => ({});
    const there = (await client.list<KubeObject>(CONFIG_MAPS, selection)).items;
    const versions = (objects: readonly KubeObject[]) =>
      objects.map(({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`).sort();
    await eventually('the same picture', () => {
      return JSON.stringify(versions(reflector.items)) === JSON.stringify(versions(there));
    });
    expect([...told].map(([uid, version]) => `${uid} ${version}`).sort()).toEqual(versions(there));
    expect(wrong).toEqual([]);
    const lists = hop.seen.filter(({ url }) => !url.searchParams.has('watch')).length;
    expect([watches >= WATCHES, lists > 1]).toEqual([true, true]);
    figure(`${change} changes, of ${NAMES} objects`, `${watches} watches, ${lists} lists`);
  } finally {
    await reflector.close();
    through.close();
    hop.close();
  }
});
