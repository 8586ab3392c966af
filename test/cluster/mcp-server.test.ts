/** What an API server takes for an MCPServer and what it refuses, and that the gateway's API judges alike. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { McpServerSpec } from '../../src/cluster/mcp-server.ts';
import { toServerSpec } from '../../src/cluster/server-convert.ts';
import { workloadFaults } from '../../src/servers/workload-rules.ts';
import { kubectlRemoves } from './support/tidy.ts';
import {
  applyDefinition,
  attempt,
  type Outcome,
  read,
  removeNamespaces,
  run,
  uniqueName,
} from './support/tools.ts';

const namespace = uniqueName();

beforeAll(() => {
  applyDefinition();
  run('kubectl', ['create', 'namespace', namespace]);
});

afterAll(() => removeNamespaces(namespace));

function manifest(name: string, spec: object): string {
  return JSON.stringify({
    apiVersion: 'berth.dev/v1alpha1',
    kind: 'MCPServer',
    metadata: { name, namespace },
    spec,
  });
}

function dryRun(spec: object, name = 'x'): Outcome {
  const args = ['create', '--dry-run=server', '--validate=strict', '-o', 'json', '-f', '-'];
  return attempt('kubectl', args, manifest(name, spec));
}

function isTakenByApi(spec: object, name = 'x'): boolean {
  try {
    toServerSpec(name, spec as McpServerSpec);
    return true;
  } catch {
    return false;
  }
}

const npm = { npm: { name: '@scope/server', version: '^1.2.3' } };
const image = 'registry.example.com:5000/team/server:1.0';
const secretKeyRef = { name: 'brave', key: 'token' };

describe('an API server takes', () => {
  it.each<readonly [string, object]>([
    ['a template', { template: 'brave-search', version: '1.2.3' }],
    ['an npm package', { source: npm, bin: 'server', args: ['--root', '/tmp'] }],
    ['a PyPI package', { source: { pypi: { name: 'mcp-server-time' } } }],
    [
      'a stdio image',
      { source: { image: { image, entrypoint: ['/bin/server'], writablePaths: ['/data'] } } },
    ],
    ['an HTTP image', { source: { image: { image } }, transport: 'http', port: 8080 }],
    ['archon', { source: { archon: {} } }],
    ['a remote server', { source: { remote: { url: 'https://mcp.example.com/mcp' } } }],
    [
      'a remote server with a header',
      {
        source: {
          remote: {
            url: 'https://mcp.example.com/sse',
            transport: 'sse',
            headers: [{ name: 'Authorization', scheme: 'Bearer', secretKeyRef }],
          },
        },
      },
    ],
    ['a script', { source: { script: { runtime: 'node', code: 'process.stdin.resume()' } } }],
    [
      'a script of a ConfigMap',
      { source: { script: { runtime: 'python', configMapRef: { name: 'a', key: 'b.py' } } } },
    ],
    [
      'variables and secrets',
      {
        source: npm,
        env: [
          { name: 'LOG_LEVEL', value: 'debug' },
          { name: 'NODE_ENV', value: 'production' },
        ],
        secrets: [{ name: 'BRAVE_API_KEY', secretKeyRef }],
        configMaps: [{ name: 'GREETING', configMapKeyRef: { name: 'words', key: 'greeting' } }],
      },
    ],
    [
      'all that can be tuned',
      {
        template: 'time',
        isolation: 'shared',
        sessions: 'none',
        era: 'auto',
        replicas: 10,
        suspend: true,
        resources: { requests: { cpu: '0.5', memory: '64Mi' }, limits: { 'ephemeral-storage': '1Gi' } },
        network: { egress: 'allow', allow: [{ cidr: '10.1.0.0/16', ports: [5432] }, { cidr: 'fd00::/8' }] },
        limits: { idle: 60_000, sessions: 5, spares: 2, lineBytes: 1_073_741_824, drain: 300_000 },
        health: { interval: 0, failures: 3, timeout: 60_000 },
        placement: {
          nodeSelector: { pool: 'servers' },
          tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoSchedule' }],
          affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
        },
        description: 'What time it is.',
        dependencies: [
          { name: 'search', version: '^1.2', tools: ['find'] },
          { name: 'notes', optional: true },
        ],
        persistence: { size: '2Gi', accessMode: 'ReadWriteMany', annotations: { backup: 'daily' } },
      },
    ],
    ['a folder that stays', { source: npm, persistence: {} }],
    [
      'a home that stays, in a folder of a claim that is there',
      {
        source: { image: { image, entrypoint: ['/bin/server'], pullPolicy: 'Always' } },
        persistence: {
          existingClaim: 'shared',
          mountPath: '/home/mcp',
          subPath: 'a/b',
          accessMode: 'ReadOnlyMany',
        },
      },
    ],
  ])('%s, and so does the API', (_what, spec) => {
    expect(dryRun(spec).err).toBe('');
    expect(isTakenByApi(spec)).toBe(true);
  });

  it('a name of 52 characters', () => {
    expect(dryRun({ template: 'time' }, 'x'.repeat(52)).err).toBe('');
  });

  it('nothing more than a template, and fills in the rest', () => {
    const { spec } = JSON.parse(dryRun({ template: 'time' }).out) as { spec: McpServerSpec };
    expect(spec).toEqual({ template: 'time', replicas: 1, suspend: false });
    const source = { image: { image, entrypoint: ['/server'] } };
    const other = JSON.parse(dryRun({ source, network: {} }).out) as { spec: McpServerSpec };
    expect(other.spec.source?.image?.runAsUser).toBe(10_002);
    expect(other.spec.network).toEqual({ egress: 'public' });
    const kept = JSON.parse(
      dryRun({ template: 'time', persistence: {}, dependencies: [{ name: 'a' }] }).out,
    ) as {
      spec: McpServerSpec;
    };
    expect(kept.spec.persistence).toEqual({
      ...{ accessMode: 'ReadWriteOnce', mountPath: '/data', whenDeleted: 'Retain' },
    });
    expect(kept.spec.dependencies).toEqual([{ name: 'a', optional: false }]);
  });
});

describe('an API server refuses', () => {
  it.each<readonly [string, object, RegExp]>([
    ['neither template nor source', {}, /exactly one of template and source/],
    ['template and source', { template: 'time', source: npm }, /exactly one of template and source/],
    ['no kind of source', { source: {} }, /exactly one of npm/],
    ['two kinds of source', { source: { ...npm, archon: {} } }, /exactly one of npm/],
    ['a version beside a source', { source: npm, version: '1' }, /version stands inside source/],
    ['a command', { source: npm, command: ['sh'] }, /unknown field "spec.command"/],
    ['a path for a package', { source: { npm: { name: '../evil' } } }, /should match/],
    ['an option for a version', { source: { npm: { name: 'a', version: '--flag' } } }, /should match/],
    ['a shell for a program', { source: npm, bin: 'a;b' }, /should match/],
    ['eleven replicas', { template: 'time', replicas: 11 }, /less than or equal to 10/],
    ['minus one replica', { template: 'time', replicas: -1 }, /greater than or equal to 0/],
    ['NODE_OPTIONS', { source: npm, env: [{ name: 'NODE_OPTIONS', value: '' }] }, /how programs are found/],
    ['a proxy', { source: npm, env: [{ name: 'https_proxy', value: '' }] }, /where connections go/],
    [
      'a secret LD_PRELOAD',
      { source: npm, secrets: [{ name: 'LD_PRELOAD', secretKeyRef }] },
      /how programs are found/,
    ],
    [
      'a variable in env and in secrets',
      { source: npm, env: [{ name: 'A', value: '' }], secrets: [{ name: 'A', secretKeyRef }] },
      /in env and in secrets/,
    ],
    [
      'a variable in env and in a ConfigMap',
      {
        source: npm,
        env: [{ name: 'A', value: '' }],
        configMaps: [{ name: 'A', configMapKeyRef: secretKeyRef }],
      },
      /given in env or in secrets too/,
    ],
    [
      'a ConfigMap for a remote server',
      {
        source: { remote: { url: 'https://mcp.example.com/mcp' } },
        configMaps: [{ name: 'A', configMapKeyRef: secretKeyRef }],
      },
      /can be given no configMaps/,
    ],
    [
      'a NODE_OPTIONS of a ConfigMap',
      { source: npm, configMaps: [{ name: 'NODE_OPTIONS', configMapKeyRef: secretKeyRef }] },
      /how programs are found/,
    ],
    [
      'arguments for a remote server',
      { source: { remote: { url: 'https://mcp.example.com/mcp' } }, args: ['a'] },
      /can be given no bin, args/,
    ],
    ['another scheme', { source: { remote: { url: 'file:///etc/passwd' } } }, /should match/],
    ['credentials in a URL', { source: { remote: { url: 'https://a:b@example.com/' } } }, /should match/],
    ['a script with two texts', { source: { script: { runtime: 'node' } } }, /exactly one of code/],
    ['another runtime', { source: { script: { runtime: 'bash', code: 'id' } } }, /Unsupported value/],
    [
      'no range',
      { template: 'time', network: { egress: 'allow', allow: [{ cidr: '10.0.0.300/8' }] } },
      /range of addresses/,
    ],
    ['a quantity that is none', { template: 'time', resources: { limits: { cpu: 'much' } } }, /should match/],
    [
      'another resource',
      { template: 'time', resources: { limits: { 'nvidia.com/gpu': '1' } } },
      /unknown field/,
    ],
    [
      'the root user',
      { source: { image: { image, entrypoint: ['a'], runAsUser: 0 } } },
      /greater than or equal to 1/,
    ],
    ['an image that is none', { source: { image: { image: 'a b', entrypoint: ['a'] } } }, /should match/],
    [
      'a path upwards',
      { source: { image: { image, entrypoint: ['a'], writablePaths: ['/a/../b'] } } },
      /may not contain/,
    ],
    ['an unknown isolation', { template: 'time', isolation: 'none' }, /Unsupported value/],
    ['a duration of no time', { template: 'time', limits: { idle: 1 } }, /greater than or equal to 1000/],
    ['checks that never rest', { template: 'time', health: { interval: 5 } }, /0 or at least 1000/],
    ['a check of no time', { template: 'time', health: { timeout: 10 } }, /greater than or equal to 1000/],
    ['a size of nothing', { template: 'time', persistence: { size: 'large' } }, /should match/],
    ['a folder upwards', { template: 'time', persistence: { subPath: '../b' } }, /may not contain/],
    ['a folder that is no path', { template: 'time', persistence: { mountPath: 'data' } }, /should match/],
    ['a class with a space', { template: 'time', persistence: { storageClass: 'a b' } }, /should match/],
    ['a need without a name', { template: 'time', dependencies: [{ version: '1' }] }, /Required value/],
    ['a need of no server', { template: 'time', dependencies: [{ name: 'A.b' }] }, /should match/],
    ['a need that is an option', { template: 'time', dependencies: [{ name: 'a', version: '-x' }] }, /match/],
    ['another way to pull', { source: { archon: { pullPolicy: 'Sometimes' } } }, /Unsupported value/],
  ])('%s, and so does the API', (_what, spec, why) => {
    const { ok, err } = dryRun(spec);
    expect(err).toMatch(why);
    expect(ok).toBe(false);
    expect(isTakenByApi(spec)).toBe(false);
  });

  it.each<readonly [string, object, RegExp]>([
    [
      "the supervisor's user id",
      { image, entrypoint: ['a'], runAsUser: 10_001 },
      /user id of the supervisor/,
    ],
    [
      'a path of ours',
      { image, entrypoint: ['a'], writablePaths: ['/berth/bin'] },
      /not the server's to write/,
    ],
    ['a stdio image without its program', { image }, /needs its entrypoint/],
  ])('%s', (_what, source, why) => {
    expect(dryRun({ source: { image: source } }).err).toMatch(why);
  });

  it('an HTTP image without its port, and a package over HTTP', () => {
    expect(dryRun({ source: { image: { image } }, transport: 'http' }).err).toMatch(/needs its port/);
    expect(dryRun({ source: npm, transport: 'http' }).err).toMatch(/packages and scripts speak stdio/);
  });

  it('an allow list without its class', () => {
    const network = { egress: 'public', allow: [{ cidr: '10.0.0.0/8' }] };
    expect(dryRun({ template: 'time', network }).err).toMatch(/only with egress allow/);
  });

  it.each<readonly [string, object, RegExp]>([
    [
      'folders of one node for two replicas',
      { replicas: 2, persistence: {} },
      /needs persistence with ReadW/,
    ],
    ['a size of a claim that is there', { persistence: { existingClaim: 'a', size: '1Gi' } }, /say nothing/],
    ['an empty volume to read', { persistence: { accessMode: 'ReadOnlyMany' } }, /needs an existingClaim/],
    ['the claim of another server', { persistence: { existingClaim: 'mcp-x-data' } }, /of a server of Berth/],
    ['a folder of ours', { persistence: { mountPath: '/run/berth/link' } }, /a folder of the pod itself/],
    ['a need of itself', { dependencies: [{ name: 'x' }] }, /cannot need itself/],
    ['a need told twice', { dependencies: [{ name: 'a' }, { name: 'a' }] }, /Duplicate value/],
  ])('%s, and so does the API before it asks', (_what, member, why) => {
    const spec = { template: 'time', ...member };
    expect(dryRun(spec).err).toMatch(why);
    expect(workloadFaults(toServerSpec('x', spec as McpServerSpec))).not.toEqual([]);
  });

  it('a folder for what runs elsewhere', () => {
    const source = { remote: { url: 'https://mcp.example.com/mcp' } };
    expect(dryRun({ source, persistence: {} }).err).toMatch(/a remote server has no folder/);
  });

  it('names of 53 characters and names with dots', () => {
    expect(dryRun({ template: 'time' }, 'x'.repeat(53)).err).toMatch(/at most 52 characters/);
    expect(dryRun({ template: 'time' }, 'a.b').err).toMatch(/must be a DNS label/);
  });
});

describe('an MCPServer', () => {
  beforeAll(() => {
    run('kubectl', ['create', '-f', '-'], manifest('search', { template: 'brave-search', replicas: 2 }));
    const status = {
      state: 'running',
      ready: '2/2',
      replicas: 2,
      selector: 'berth.dev/server=search',
      sessions: 0,
      era: 'legacy',
    };
    run('kubectl', [
      ...['-n', namespace, 'patch', 'mcps', 'search', '--subresource=status', '--type=merge'],
      ...['-p', JSON.stringify({ status })],
    ]);
  });

  it('is shown as in the documentation', () => {
    const [head = '', line = ''] = run('kubectl', ['-n', namespace, 'get', 'mcps']).split('\n');
    expect(head.split(/\s+/)).toEqual(['NAME', 'TEMPLATE', 'STATE', 'READY', 'SESSIONS', 'ERA', 'AGE']);
    expect(line.split(/\s+/).slice(0, 6)).toEqual([
      'search',
      'brave-search',
      'running',
      '2/2',
      '0',
      'legacy',
    ]);
    expect(run('kubectl', ['-n', namespace, 'get', 'mcp', '-o', 'name']).trim()).toBe(
      'mcpserver.berth.dev/search',
    );
  });

  it('is scaled by kubectl scale, within its bounds', () => {
    run('kubectl', ['-n', namespace, 'scale', 'mcps/search', '--replicas=5']);
    const { spec } = read<{ spec: McpServerSpec }>('-n', namespace, 'mcps', 'search');
    expect(spec.replicas).toBe(5);
    const { ok, err } = attempt('kubectl', ['-n', namespace, 'scale', 'mcps/search', '--replicas=11']);
    expect(ok).toBe(false);
    expect(err).toMatch(/less than or equal to 10/);
  });

  it('is not scaled beyond one while its folder is of one node, and its volume only grows', () => {
    const change = (spec: object): Outcome =>
      attempt('kubectl', [
        ...['-n', namespace, 'patch', 'mcps', 'notes', '--type=merge', '-p', JSON.stringify({ spec })],
      ]);
    const persistence = { size: '2Gi', storageClass: 'fast' };
    kubectlRemoves(namespace, { kind: 'mcpservers', name: 'notes' });
    run('kubectl', ['create', '-f', '-'], manifest('notes', { template: 'memory', persistence }));
    const scaled = attempt('kubectl', ['-n', namespace, 'scale', 'mcps/notes', '--replicas=2']);
    expect(scaled.err).toMatch(/more than one replica needs persistence with ReadWriteMany/);
    expect(change({ persistence: { size: '1Gi' } }).err).toMatch(/can be made larger, not smaller/);
    expect(change({ persistence: { storageClass: null } }).err).toMatch(/cannot be changed/);
    expect(change({ persistence: { accessMode: 'ReadWriteMany' } }).err).toMatch(/cannot be changed/);
    expect(change({ persistence: { size: '3000Mi' } }).err).toBe('');
    expect(change({ persistence: null }).err).toBe('');
  });

  it('keeps its specification when its status is written, and the other way round', () => {
    run('kubectl', [
      ...['-n', namespace, 'patch', 'mcps', 'search', '--subresource=status', '--type=merge'],
      ...['-p', JSON.stringify({ spec: { replicas: 1 }, status: { sessions: 7 } })],
    ]);
    run('kubectl', [
      ...['-n', namespace, 'patch', 'mcps', 'search', '--type=merge'],
      ...['-p', JSON.stringify({ spec: { suspend: true }, status: { sessions: 9 } })],
    ]);
    const seen = read<{ spec: McpServerSpec; status: { sessions: number } }>(
      '-n',
      namespace,
      'mcps',
      'search',
    );
    expect(seen.spec).toMatchObject({ replicas: 5, suspend: true });
    expect(seen.status.sessions).toBe(7);
  });
});
