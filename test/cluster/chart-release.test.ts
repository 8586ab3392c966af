/** The life of a release: installed, upgraded, rolled back, beside another one, inside another chart, and removed. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  applyDefinition,
  attempt,
  CHART,
  everything,
  install,
  read,
  removeNamespaces,
  run,
  uniqueName,
} from './support/tools.ts';

interface DeploymentLike {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } };
  };
}

const set = (...values: readonly string[]): string[] => values.flatMap((value) => ['--set', value]);
const FEW = set('gateway.replicas=0', 'controller.replicas=0');

describe('a release', () => {
  const name = uniqueName();
  const [namespace, servers] = [`${name}-mcp`, `${name}-servers`];
  const helm = (...args: string[]): string => run('helm', [...args, '-n', namespace]);
  const keys = (): string =>
    read<{ data: { keys: string } }>('-n', namespace, 'secret', `${name}-api-keys`).data.keys;
  let before: string[] = [];

  beforeAll(() => {
    applyDefinition();
    before = everything([]);
  });

  afterAll(() => {
    attempt('helm', ['uninstall', name, '-n', namespace]);
    removeNamespaces(namespace, servers);
  });

  it('says the next step when it is installed', () => {
    const notes = helm('install', name, CHART, '--create-namespace', '--take-ownership', ...FEW);
    expect(notes).toContain(`kubectl -n ${namespace} rollout status deployment/${name}-gateway`);
    expect(notes).toContain(`kubectl -n ${namespace} get secret ${name}-api-keys`);
    expect(notes).toContain('claude mcp add --transport http');
    expect(notes).toMatch(/NetworkPolicies hold only where/);
  });

  it('restricts the pods of its servers', () => {
    const { metadata } = read<{ metadata: { labels: Record<string, string> } }>('namespace', servers);
    expect(metadata.labels['pod-security.kubernetes.io/enforce']).toBe('restricted');
  });

  it('keeps its keys and what was scaled over an upgrade and a roll-back', () => {
    const first = keys();
    run('kubectl', ['apply', '-f', '-'], mcpServer('made-by-hand'));
    run('kubectl', ['-n', servers, 'scale', 'mcps/made-by-hand', '--replicas=4']);
    helm(
      'upgrade',
      name,
      CHART,
      ...FEW,
      ...set('settings.logLevel=debug', 'servers.items.time.template=time'),
    );
    expect(keys()).toBe(first);
    expect(settingsOf()).toContain('logLevel: debug');
    helm('rollback', name, '1');
    expect(keys()).toBe(first);
    expect(settingsOf()).not.toContain('logLevel');
    const { spec } = read<{ spec: { replicas: number } }>('-n', servers, 'mcps', 'made-by-hand');
    expect(spec.replicas).toBe(4);
  });

  it('takes declared servers along when it goes, by the owner that the controller gives them', async () => {
    const { metadata } = read<{ metadata: { uid: string } }>('-n', servers, 'configmap', `${name}-servers`);
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: `${name}-servers`, uid: metadata.uid };
    run('kubectl', ['apply', '-f', '-'], mcpServer('declared', [owner]));
    helm('uninstall', name);
    run('kubectl', ['-n', servers, 'wait', '--for=delete', 'mcps/declared', '--timeout=60s']);
  });

  it('leaves the definition, the namespace of the servers and servers that the API made', async () => {
    const left = (): string[] => everything([namespace, servers]).filter((one) => !before.includes(one));
    // The pods of a Deployment that is gone take a moment to go.
    await expect
      .poll(left, { timeout: 90_000, interval: 1_000 })
      .toEqual(
        [
          `namespace/${namespace}`,
          `namespace/${servers}`,
          `${servers}: mcpserver.berth.dev/made-by-hand`,
        ].sort(),
      );
    expect(before).toContain('customresourcedefinition.apiextensions.k8s.io/mcpservers.berth.dev');
  });

  it('finds them again when it comes back', () => {
    helm('install', name, CHART, ...FEW);
    expect(read('-n', servers, 'mcps').items.map(({ metadata }) => metadata.name)).toEqual(['made-by-hand']);
  });

  function settingsOf(): string {
    return (
      read<{ data: Record<string, string> }>('-n', namespace, 'configmap', `${name}-gateway`).data[
        'berth.yaml'
      ] ?? ''
    );
  }

  function mcpServer(server: string, ownerReferences: readonly object[] = []): string {
    return JSON.stringify({
      apiVersion: 'berth.dev/v1alpha1',
      kind: 'MCPServer',
      metadata: { name: server, namespace: servers, ownerReferences },
      spec: { template: 'time' },
    });
  }
});

describe('a second release', () => {
  it('works in another namespace, and neither is bothered by the other', () => {
    const first = install();
    const second = install();
    try {
      const policies = read('validatingadmissionpolicies').items.map(({ metadata }) => metadata.name);
      for (const { name, namespace } of [first, second])
        expect(policies.filter((policy) => policy.startsWith(`${namespace}-${name}-`))).toHaveLength(11);
      const args = ['auth', 'can-i', 'list', 'mcps', '-n', second.servers];
      expect(attempt('kubectl', [...args, `--as=${second.gateway}`]).out.trim()).toBe('yes');
      expect(attempt('kubectl', [...args, `--as=${first.gateway}`]).out.trim()).toBe('no');
    } finally {
      first.close();
      second.close();
    }
  });

  it('is told when it would take the definition from the first', () => {
    const name = uniqueName();
    const args = ['install', name, CHART, '-n', name, '--create-namespace', '--dry-run=server'];
    run('kubectl', ['create', 'namespace', name]);
    try {
      expect(attempt('helm', args).err).toMatch(
        /mcpservers.berth.dev.*(exists|cannot be imported|conflict)/s,
      );
      expect(attempt('helm', [...args, ...set('crds.install=false')]).ok).toBe(true);
    } finally {
      removeNamespaces(name);
    }
  });
});

describe('a chart that has this one in it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-parent-'));
  const name = uniqueName();

  beforeAll(() => {
    cpSync(CHART, join(folder, 'charts/berth'), { recursive: true });
    writeFileSync(join(folder, 'Chart.yaml'), 'apiVersion: v2\nname: parent\nversion: 1.0.0\n');
    writeFileSync(
      join(folder, 'values.yaml'),
      'global: {imageRegistry: registry.example.com, anything: else}\nberth:\n  crds: {install: false}\n  gateway: {replicas: 0}\n  controller: {replicas: 0}\n',
    );
  });

  afterAll(() => {
    attempt('helm', ['uninstall', name, '-n', name]);
    removeNamespaces(name, `${name}-berth-servers`);
    rmSync(folder, { recursive: true });
  });

  it('is installed, with names of its own and the registry of all', () => {
    run('helm', ['install', name, folder, '-n', name, '--create-namespace']);
    const { items } = read<{ items: DeploymentLike[] }>('-n', name, 'deployments');
    expect(items.map(({ metadata }) => metadata.name).sort()).toEqual(
      ['controller', 'gateway', 'trees'].map((part) => `${name}-berth-${part}`),
    );
    expect(items[0]?.spec.template.spec.containers[0]?.image).toMatch(/^registry\.example\.com\/berth:/);
    expect(read('namespace', `${name}-berth-servers`)).toBeDefined();
  });
});
