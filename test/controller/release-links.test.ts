import { expect, it } from 'vitest';
import { SECRETS } from '../../src/cluster/resources.ts';
import { createReleaseLinks } from '../../src/controller/release-links.ts';
import { parseControllerSettings } from '../../src/controller/settings.ts';
import { FakeCluster } from '../support/fake-cluster.ts';

const settings = (carrier: 'exec' | 'network') =>
  parseControllerSettings({
    release: 'berth',
    releaseNamespace: 'mcp',
    serversNamespace: 'berth-servers',
    images: { supervisor: 's:1', runner: 'r:1' },
    carrier,
  });
const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'berth-controller', uid: 'u' };

it('has nothing, and asks for nothing, where links go by exec', async () => {
  const cluster = new FakeCluster();
  const links = createReleaseLinks(cluster, settings('exec'), Date.now);
  expect(await links.keep(owner)).toBe(false);
  expect([links.authority, links.identity, cluster.names]).toEqual([undefined, undefined, []]);
});

it('makes both Secrets for the release, and says when every certificate is to be renewed', async () => {
  const cluster = new FakeCluster();
  const links = createReleaseLinks(cluster, settings('network'), Date.now);
  expect(await links.keep(owner)).toBe(false);
  expect(
    cluster.list(SECRETS).map(({ metadata: { name, ownerReferences } }) => [name, ownerReferences]),
  ).toEqual([
    ['berth-link-ca', [owner]],
    ['berth-link-client', [owner]],
  ]);
  const first = links.identity;
  expect(await links.keep(owner)).toBe(false);
  expect(links.identity).toEqual(first);
  // Somebody wants everything anew.
  for (const name of ['berth-link-ca', 'berth-link-client'])
    cluster.drop(SECRETS, { namespace: 'mcp', name });
  expect(await links.keep(owner)).toBe(true);
  expect(links.identity?.ca).not.toBe(first?.ca);
  expect(await links.keep(owner)).toBe(false);
  // A new run of the controller finds what is there, and renews nothing.
  const next = createReleaseLinks(cluster, settings('network'), Date.now);
  expect(await next.keep(owner)).toBe(false);
  expect(next.identity).toEqual(links.identity);
});
