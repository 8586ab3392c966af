/** What the API server says that the accounts may do is what the chart's Roles say, no more and no less. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROLES, rulesOf } from '../helm/chart-files.ts';
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

it('a Secret that is updated gives nothing back of what was in it', () => {
  const secret = (data: Readonly<Record<string, string>>): string => {
    const metadata = { name: 'mcp-demo-link', namespace: release.servers, labels: OURS };
    return JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data });
  };
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
