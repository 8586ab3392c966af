import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClusterAccess } from '../../src/cluster/access.ts';
import { ApiClient } from '../../src/cluster/api-client.ts';
import { openExec } from '../../src/cluster/exec-channel.ts';
import { listAll } from '../../src/cluster/list-all.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  type KubeObject,
  resource,
  SERVICE_ACCOUNTS,
} from '../../src/cluster/resources.ts';
import { openCluster, type TestCluster } from './support/cluster.ts';
import { IDLE } from './support/switchboard.ts';
import { goesWithTest } from './support/tidy.ts';

const ROLES = resource('rbac.authorization.k8s.io/v1', 'Role', 'roles');
const ROLE_BINDINGS = resource('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings');

interface ConfigMap extends KubeObject {
  readonly data?: Record<string, string>;
}

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await openCluster();
});
afterAll(() => cluster?.close());

const named = (name: string) => ({ namespace: cluster.namespace, name });

describe('objects of a real cluster', () => {
  it('are made, read, changed and removed', async () => {
    const { client } = cluster;
    const made = await client.create<ConfigMap>(CONFIG_MAPS, { metadata: named('one'), data: { a: '1' } });
    expect(await client.get(CONFIG_MAPS, named('one'))).toEqual(made);
    const again = client.create(CONFIG_MAPS, { metadata: named('one') });
    await expect(again).rejects.toMatchObject({ code: 'conflict' });
    const patched = await client.patch<ConfigMap>(CONFIG_MAPS, named('one'), {
      patch: { data: { a: null, b: '2' } },
    });
    expect(patched.data).toEqual({ b: '2' });
    await expect(client.replace(CONFIG_MAPS, { ...made, data: {} })).rejects.toMatchObject({
      code: 'conflict',
    });
    const stale = client.remove(CONFIG_MAPS, named('one'), { uid: '00000000-0000-0000-0000-000000000000' });
    await expect(stale).rejects.toMatchObject({ code: 'conflict' });
    expect(await client.remove(CONFIG_MAPS, named('one'), { uid: made.metadata.uid ?? '' })).toBe(true);
    expect(await client.remove(CONFIG_MAPS, named('one'))).toBe(false);
    expect(await client.get(CONFIG_MAPS, named('one'))).toBeUndefined();
  });

  it('are applied field by field, and on trial', async () => {
    const { client, namespace } = cluster;
    goesWithTest(client, CONFIG_MAPS, { namespace, names: ['applied'] });
    const apply = (data: Record<string, string>, manager: string, force = false) =>
      client.apply<ConfigMap>(CONFIG_MAPS, { metadata: named('applied'), data }, { manager, force });
    await apply({ a: '1', b: '1' }, 'berth/one');
    expect((await apply({ b: '1', c: '1' }, 'berth/two')).data).toEqual({ a: '1', b: '1', c: '1' });
    await expect(apply({ c: '2' }, 'berth/one')).rejects.toMatchObject({ code: 'conflict' });
    expect((await apply({ c: '2' }, 'berth/one', true)).data).toEqual({ b: '1', c: '2' });
    const trial = { manager: 'berth/one', force: true, dryRun: true };
    await client.apply<ConfigMap>(CONFIG_MAPS, { metadata: named('applied'), data: { c: '3' } }, trial);
    expect((await client.get<ConfigMap>(CONFIG_MAPS, named('applied')))?.data).toEqual({ b: '1', c: '2' });
  });

  it('are listed page by page', async () => {
    const { client, namespace } = cluster;
    const labels = { group: 'many' };
    const names = ['p1', 'p2', 'p3', 'p4', 'p5'];
    goesWithTest(client, CONFIG_MAPS, { namespace, names });
    for (const name of names) await client.create(CONFIG_MAPS, { metadata: { ...named(name), labels } });
    const selection = { namespace, labelSelector: 'group=many' };
    const pages: string[][] = [];
    let next: string | undefined;
    do {
      const page = await client.list(CONFIG_MAPS, { ...selection, limit: 2, continue: next });
      pages.push(page.items.map(({ metadata }) => metadata.name ?? ''));
      next = page.continue;
    } while (next !== undefined);
    expect(pages).toEqual([['p1', 'p2'], ['p3', 'p4'], ['p5']]);
    const { signal } = new AbortController();
    const all = await listAll(client, CONFIG_MAPS, { ...selection, signal });
    expect(all.items.map(({ metadata }) => metadata.name)).toEqual(names);
    expect(all.resourceVersion).toMatch(/^\d+$/);
  });

  it('have parts of their own: scale and status', async () => {
    const { client } = cluster;
    const template = {
      metadata: { labels: { app: 'none' } },
      spec: { containers: [{ name: 'c', image: 'none.invalid/none' }] },
    };
    const spec = { replicas: 0, selector: { matchLabels: { app: 'none' } }, template };
    const metadata = named('none');
    await client.apply(DEPLOYMENTS, { metadata, spec } as KubeObject, { manager: 'berth' });
    const scale = { subresource: 'scale' };
    await client.patch(DEPLOYMENTS, metadata, { ...scale, patch: { metadata: { annotations: {} } } });
    expect(await client.get(DEPLOYMENTS, metadata, scale)).toMatchObject({ kind: 'Scale', spec: {} });
    expect(await client.get(DEPLOYMENTS, metadata, { subresource: 'status' })).toMatchObject({
      kind: 'Deployment',
    });
    await client.remove(DEPLOYMENTS, metadata, { propagation: 'Foreground' });
  });
});

describe('an account with few rights', () => {
  let limited: ClusterAccess;
  let account: string;

  beforeAll(async () => {
    const { client, access, namespace } = cluster;
    account = `system:serviceaccount:${namespace}:few`;
    await client.create(SERVICE_ACCOUNTS, { metadata: named('few') });
    const rules = [{ apiGroups: [''], resources: ['pods/exec'], verbs: ['get'] }];
    await client.create(ROLES, { metadata: named('few'), rules } as KubeObject);
    await client.create(ROLE_BINDINGS, {
      metadata: named('few'),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'few' },
      subjects: [{ kind: 'ServiceAccount', name: 'few', namespace }],
    } as KubeObject);
    limited = {
      ...access,
      baseUrl: access.baseUrl,
      refresh: () => access.refresh(),
      credentials: async () => {
        const { headers, ...rest } = await access.credentials();
        return { ...rest, headers: { ...headers, 'impersonate-user': account } };
      },
    };
    await cluster.pod('idle', IDLE);
  });

  it('is told which right it lacks', async () => {
    const client = new ApiClient({ access: limited });
    await expect(client.list(CONFIG_MAPS, { namespace: cluster.namespace })).rejects.toMatchObject({
      code: 'cluster-refused',
      hint: `Grant ${account} in namespace ${cluster.namespace}: apiGroups [""], resources ["configmaps"], verbs ["list"].`,
    });
    client.close();
  });

  it('may ask what it may do', async () => {
    const client = new ApiClient({ access: limited });
    const question = { group: '', resource: 'pods', subresource: 'exec', namespace: cluster.namespace };
    expect(await client.may({ ...question, verb: 'get' })).toMatchObject({ allowed: true });
    expect(await client.may({ ...question, verb: 'create' })).toMatchObject({ allowed: false });
    client.close();
  });

  it('needs both rights for an exec: this server asks for create, too', async () => {
    const target = { namespace: cluster.namespace, pod: 'idle', container: 'main', command: ['cat'] };
    await expect(openExec({ access: limited, target })).rejects.toMatchObject({
      code: 'cluster-refused',
      hint: expect.stringContaining('verbs ["get", "create"]'),
    });
  });
});
