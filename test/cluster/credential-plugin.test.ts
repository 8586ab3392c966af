/** A kubeconfig whose credentials a program makes, against a real API server that takes them and, once they are withdrawn, refuses them. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ApiClient } from '../../src/cluster/api-client.ts';
import { loadClusterAccess } from '../../src/cluster/kube-config.ts';
import {
  CONFIG_MAPS,
  type KubeObject,
  resource,
  SECRETS,
  SERVICE_ACCOUNTS,
} from '../../src/cluster/resources.ts';
import { eventually, openCluster, type TestCluster } from './support/cluster.ts';
import { goesWithTest } from './support/tidy.ts';

const ROLES = resource('rbac.authorization.k8s.io/v1', 'Role', 'roles');
const ROLE_BINDINGS = resource('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings');
const folder = mkdtempSync(join(tmpdir(), 'berth-plugin-'));
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await openCluster();
  const { client, namespace } = cluster;
  const metadata = { namespace, name: 'reader' };
  await client.create(SERVICE_ACCOUNTS, { metadata });
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list'] }];
  await client.create(ROLES, { metadata, rules } as KubeObject);
  await client.create(ROLE_BINDINGS, {
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
    subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace }],
  } as KubeObject);
});

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await cluster?.close();
});

/** A token is good for as long as the Secret is there to which it is bound. */
async function bindTo(secret: string): Promise<void> {
  const { client, namespace } = cluster;
  goesWithTest(client, SECRETS, { namespace, names: [secret] });
  await client.create(SECRETS, { metadata: { namespace, name: secret } });
  writeFileSync(join(folder, 'bound'), secret);
}

/** The kubeconfig of this run, with a program in place of its user's credentials, which makes tokens as a cloud's program does. */
function withPlugin(): string {
  const script = join(folder, 'plugin.cjs');
  const create = ['create', 'token', 'reader', '-n', cluster.namespace, '--bound-object-kind=Secret'];
  const text = `
    const { appendFileSync, readFileSync } = require('node:fs');
    appendFileSync(${JSON.stringify(join(folder, 'runs'))}, '.');
    const bound = readFileSync(${JSON.stringify(join(folder, 'bound'))}, 'utf8');
    const args = [...${JSON.stringify(create)}, '--bound-object-name=' + bound];
    const token = require('node:child_process').execFileSync('kubectl', args, { encoding: 'utf8' }).trim();
    const apiVersion = 'client.authentication.k8s.io/v1';
    console.log(JSON.stringify({ apiVersion, kind: 'ExecCredential', status: { token } }));
  `;
  writeFileSync(script, text);
  const view = ['config', 'view', '--raw', '--flatten', '--minify', '-o', 'json'];
  const config = JSON.parse(execFileSync('kubectl', view, { encoding: 'utf8' }));
  const { name } = config.users[0];
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: process.execPath,
    args: [script],
    interactiveMode: 'Never',
  };
  const file = join(folder, 'kubeconfig');
  writeFileSync(file, JSON.stringify({ ...config, users: [{ name, user: { exec } }] }), { mode: 0o600 });
  return file;
}

const runs = (): number => (existsSync(join(folder, 'runs')) ? readFileSync(join(folder, 'runs')).length : 0);

it('is used for what its program makes, and asks it again when that is refused', async () => {
  const { namespace } = cluster;
  await bindTo('first');
  const client = new ApiClient({ access: await loadClusterAccess({ file: withPlugin() }) });
  const list = () => client.list(CONFIG_MAPS, { namespace });
  expect((await list()).items.map(({ metadata }) => metadata.name)).toEqual(['kube-root-ca.crt']);
  await list();
  expect(runs()).toBe(1);
  // It is this account that asks, and no other.
  await expect(client.list(SECRETS, { namespace })).rejects.toMatchObject({
    hint: expect.stringContaining(
      `Grant system:serviceaccount:${namespace}:reader in namespace ${namespace}`,
    ),
  });

  await bindTo('second');
  await cluster.client.remove(SECRETS, { namespace, name: 'first' });
  // The API server remembers for some seconds that a token was good.
  await eventually('a new token', async () => {
    await list();
    return runs() > 1;
  });
  expect((await list()).items).toHaveLength(1);
  client.close();
});
