/** What the API server says that the accounts may do is what the chart's Roles say, no more and no less. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROLES, rulesOf } from '../helm/chart-files.ts';
import { applyDefinition, install, type Release, run } from './support/tools.ts';

let release: Release;

beforeAll(() => {
  applyDefinition();
  release = install();
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
  return ROLES.filter((role) => role.account === account && role.where === where)
    .flatMap(({ path }) => rulesOf(path))
    .flatMap(({ apiGroups, resources, resourceNames = [], verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => {
          const [name, part] = resource.split('/');
          const full = `${group === '' ? name : `${name}.${group}`}${part ? `/${part}` : ''}`;
          const names = resourceNames.map((one) => one.replace('<release>', release.name));
          return (names.length > 0 ? names : ['']).map(
            (one) => `${full} [${one}] ${[...verbs].sort().join(' ')}`,
          );
        }),
      ),
    )
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

it('the package store has no token, and its account no rights', () => {
  const user = release.gateway.replace(/gateway$/, 'trees');
  expect(allowed(user, release.namespace)).toEqual([]);
  expect(allowed(user, release.servers)).toEqual([]);
});
