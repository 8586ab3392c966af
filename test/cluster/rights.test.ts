/** What the API server says that the accounts may do is what the chart's Roles say, no more and no less. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkSecret } from '../../src/cluster/objects/config-secret.ts';
import { deployment } from '../../src/cluster/objects/deployment.ts';
import { networkPolicy } from '../../src/cluster/objects/network-policy.ts';
import { ROLES, rulesOf } from '../helm/chart-files.ts';
import { blueprint, programs, settings } from '../support/blueprints.ts';
import { kubectlRemoves } from './support/tidy.ts';
import { applyDefinition, attempt, install, type Release, run } from './support/tools.ts';

const OURS = { 'app.kubernetes.io/managed-by': 'berth' };

let release: Release;

beforeAll(() => {
  applyDefinition();
  // Every right that the chart can give.
  release = install('link.carrier=network');
});

afterAll(() => release?.close());

/** What the account may do in the namespace and an account without any rights may not. */
function allowed(user: string, namespace: string): string[] {
  const forAll = new Set(everythingAllowed(user.replace(/:[^:]*$/, ':nobody'), namespace));
  return everythingAllowed(user, namespace).filter((right) => !forAll.has(right));
}

/** `resource [names] verbs` of all that the account may do in the namespace. */
function everythingAllowed(user: string, namespace: string): string[] {
  const lines = run('kubectl', ['auth', 'can-i', '--list', '-n', namespace, `--as=${user}`, '--no-headers']);
  return lines
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, resource = '', names = '', verbs = ''] =
        /^(\S*)\s+\[.*?\]\s+\[(.*?)\]\s+\[(.*?)\]/.exec(line) ?? [];
      return { resource, names, verbs };
    })
    .filter(({ resource }) => resource !== '')
    .map(({ resource, names, verbs }) => `${resource} [${names}] ${verbs.split(' ').sort().join(' ')}`)
    .sort();
}

function granted(account: string, where: string): string[] {
  const single = ROLES.filter((role) => role.account === account && role.where === where)
    .flatMap(({ path }) => rulesOf(path))
    .flatMap(({ apiGroups, resources, resourceNames = [], verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => {
          const [name, part] = resource.split('/');
          const full = `${group === '' ? name : `${name}.${group}`}${part ? `/${part}` : ''}`;
          const names = resourceNames.map((one) => one.replace('<release>', release.name));
          return (names.length > 0 ? names : ['']).map((one) => ({ of: `${full} [${one}]`, verbs }));
        }),
      ),
    );
  // Of several rules about one object the API server tells the sum.
  const sums = Map.groupBy(single, ({ of }) => of);
  return [...sums]
    .map(([of, rules]) => `${of} ${[...new Set(rules.flatMap(({ verbs }) => verbs))].sort().join(' ')}`)
    .sort();
}

describe.each(['gateway', 'controller'] as const)('the account of the %s', (account) => {
  it('may do among the servers what its Role says', () => {
    const rights = allowed(release[account], release.servers);
    expect(rights).toEqual(granted(account, 'servers'));
    expect(rights.length).toBeGreaterThan(5);
  });

  it('may do in its own namespace what its Role says', () => {
    expect(allowed(release[account], release.namespace)).toEqual(granted(account, 'release'));
  });

  it.each(['default', 'kube-system'])('may do nothing in %s', (namespace) => {
    expect(allowed(release[account], namespace)).toEqual([]);
  });

  it.each([
    ['list', 'nodes'],
    ['list', 'namespaces'],
    ['list', 'pods'],
    ['get', 'secrets'],
    ['list', 'mcpservers.berth.dev'],
    ['create', 'pods/exec'],
    ['impersonate', 'users'],
  ])('may not %s %s of the cluster', (verb, resource) => {
    const args = ['auth', 'can-i', verb, resource, '--all-namespaces', `--as=${release[account]}`];
    expect(() => run('kubectl', args)).toThrow();
  });
});

describe('where links go by exec alone', () => {
  let plain: Release;
  beforeAll(() => {
    plain = install();
  });
  afterAll(() => plain?.close());

  it('no certificate can be renewed, and no authority is read', () => {
    expect(allowed(plain.controller, plain.servers)).toContain('secrets [] create delete');
    expect(allowed(plain.controller, plain.namespace).join('\n')).not.toMatch(/link-(ca|client)/);
  });
});

describe('where no link goes by exec any more', () => {
  let network: Release;
  beforeAll(() => {
    network = install('link.carrier=network', 'link.keepExec=false');
  });
  afterAll(() => network?.close());

  it.each(['gateway', 'controller'] as const)('the %s may not exec', (account) => {
    expect(allowed(network[account], network.servers).join('\n')).not.toMatch(/exec/);
  });
});

describe('where links go over the network', () => {
  const may = (namespace: string, verb: 'create' | 'replace', object: object): string => {
    const args = [
      '-n',
      namespace,
      verb,
      '--dry-run=server',
      '--validate=strict',
      `--as=${release.controller}`,
    ];
    return attempt('kubectl', [...args, '-f', '-'], JSON.stringify(object)).err;
  };

  it('the controller may make the pods, the policy and the certificate of a server', () => {
    const overNetwork = { ...settings, linkPort: 8643 };
    const owner = { name: 'demo', namespace: release.servers, uid: '6f1c2c0e-0000-4000-8000-000000000001' };
    const given = blueprint(programs.package!, { owner, replicas: 0 });
    const made = { blueprint: given, settings: overNetwork, generation: 'a1b2c3d4', annotations: {} };
    const objects = [
      deployment(made),
      networkPolicy(given, overNetwork),
      linkSecret(owner, { 'tls.key': 'key' }),
    ];
    expect(objects.map((object) => may(release.servers, 'create', object))).toEqual(['', '', '']);
  });

  it('the controller may make the two Secrets of links beside the gateway, and no others', () => {
    const secret = (name: string) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: `${release.name}-${name}`, labels: OURS },
    });
    for (const name of ['link-ca', 'link-client'])
      expect(may(release.namespace, 'create', secret(name))).toBe('');
    expect(may(release.namespace, 'create', secret('other'))).toMatch(/only our keys/);
  });
});

it('a Secret that is updated gives nothing back of what was in it', () => {
  const secret = (data: Readonly<Record<string, string>>): string => {
    const metadata = { name: 'mcp-demo-link', namespace: release.servers, labels: OURS };
    return JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data });
  };
  kubectlRemoves(release.servers, { kind: 'secrets', name: 'mcp-demo-link' });
  run('kubectl', ['create', '-f', '-'], secret({ 'tls.key': 'b2xk' }));
  // `kubectl replace` would read it first.
  const path = `/api/v1/namespaces/${release.servers}/secrets/mcp-demo-link`;
  const args = ['replace', '--raw', path, '-f', '-', `--as=${release.controller}`];
  const answer = JSON.parse(run('kubectl', args, secret({ 'ca.crt': 'bmV3' }))) as { data: object };
  expect(answer.data).toEqual({ 'ca.crt': 'bmV3' });
  expect(attempt('kubectl', ['get', '--raw', path, `--as=${release.controller}`]).ok).toBe(false);
});

it('the package store has no token, and its account no rights', () => {
  const user = release.gateway.replace(/gateway$/, 'trees');
  expect(allowed(user, release.namespace)).toEqual([]);
  expect(allowed(user, release.servers)).toEqual([]);
});
