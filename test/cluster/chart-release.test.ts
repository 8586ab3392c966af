/** The life of a release without pods: installed, upgraded, rolled back, removed, and what helm makes of it inside another chart. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { leaveForLater } from './support/left-for-later.ts';
import {
  applyDefinition,
  attempt,
  CHART,
  everything,
  read,
  removeNamespaces,
  run,
  uniqueName,
} from './support/tools.ts';
import { openUmbrella } from './support/umbrella.ts';

interface DeploymentLike {
  readonly metadata: { readonly name: string };
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: { readonly spec: { readonly containers: readonly { readonly image: string }[] } };
  };
}

interface Annotated {
  readonly spec: {
    readonly template: { readonly metadata: { readonly annotations: Readonly<Record<string, string>> } };
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
  let notes: string;

  beforeAll(() => {
    applyDefinition();
    before = everything([]);
    notes = helm('install', name, CHART, '--create-namespace', '--take-ownership', ...FEW);
  });

  afterAll(() => {
    attempt('helm', ['uninstall', name, '-n', namespace]);
    removeNamespaces(namespace, servers);
  });

  it('says the next step when it is installed', () => {
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
    leaveForLater('mcpservers made-by-hand');
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
    onTestFinished(() => void helm('uninstall', name));
    helm('install', name, CHART, ...FEW);
    expect(read('-n', servers, 'mcps').items.map(({ metadata }) => metadata.name)).toEqual(['made-by-hand']);
  });

  /** Of the gateway's pods. */
  function settingsOf(): string {
    const { spec } = read<Annotated>('-n', namespace, 'deployment', `${name}-gateway`);
    return spec.template.metadata.annotations['berth.dev/settings'] ?? '';
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
  it.each([
    ['berth', 'under its own name', undefined],
    ['tools', 'under another name', 'tools'],
  ])('gives it values and names by %s: %s', (key, _how, alias) => {
    const umbrella = openUmbrella(alias);
    try {
      const values = set('global.imageRegistry=registry.example.com', `${key}.gateway.replicas=7`);
      const text = run('helm', ['template', 'one', umbrella.folder, '-n', 'here', ...values]);
      const objects = parseAllDocuments(text).map((document) => document.toJS() as DeploymentLike | null);
      const gateway = objects.find(
        (one) => one?.metadata.name === `one-${key}-gateway` && one.spec?.replicas,
      );
      expect(gateway?.spec?.replicas).toBe(7);
      expect(gateway?.spec?.template?.spec.containers[0]?.image).toMatch(/^registry\.example\.com\/berth:/);
      expect(objects.some((one) => one?.metadata.name === `one-${key}-servers`)).toBe(true);
    } finally {
      umbrella.close();
    }
  });
});
