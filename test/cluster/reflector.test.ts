import { afterAll, beforeAll, expect, it } from 'vitest';
import { createReflector } from '../../src/cluster/reflector.ts';
import { CONFIG_MAPS, type KubeObject } from '../../src/cluster/resources.ts';
import type { BerthError } from '../../src/errors.ts';
import { eventually, openCluster, type TestCluster } from './support/cluster.ts';

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
