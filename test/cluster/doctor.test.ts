/** What the doctor says of real clusters that lack something: rights, a level, room, an image; and of one that lacks nothing. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/program.ts';
import { ApiClient } from '../../src/cluster/api-client.ts';
import { type DoctorOptions, examine } from '../../src/cluster/doctor/doctor.ts';
import type { Finding } from '../../src/cluster/doctor/finding.ts';
import { BINDINGS, POLICIES } from '../../src/cluster/doctor/release-checks.ts';
import { loadClusterAccess } from '../../src/cluster/kube-config.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  EVENTS,
  type KubeObject,
  NAMESPACES,
  resource,
  SERVICE_ACCOUNTS,
} from '../../src/cluster/resources.ts';
import { EventRecorder } from '../../src/controller/event-recorder.ts';
import { BerthError } from '../../src/errors.ts';
import { openCluster, type TestCluster } from './support/cluster.ts';
import { enforcing, enforcingLack } from './support/enforced-policies.ts';
import { IMAGES } from './support/images.ts';
import { objectOf, render } from './support/rendered.ts';
import { goesWithTest } from './support/tidy.ts';
import { applyDefinition, run, uniqueName } from './support/tools.ts';

const QUOTAS = resource('v1', 'ResourceQuota', 'resourcequotas');
const ROLES = resource('rbac.authorization.k8s.io/v1', 'Role', 'roles');
const ROLE_BINDINGS = resource('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings');
const RANGES = resource('v1', 'LimitRange', 'limitranges');

let cluster: TestCluster;
let folder: string;

beforeAll(async () => {
  applyDefinition();
  cluster = await openCluster();
  folder = mkdtempSync(join(tmpdir(), 'berth-doctor-'));
  await tellImages(IMAGES);
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await cluster?.close();
});

/** As the chart leaves its settings for the controller. */
async function tellImages({ supervisor, runner }: { supervisor: string; runner: string }): Promise<void> {
  const metadata = { namespace: cluster.namespace, name: 'berth-controller' };
  const data = { 'controller.json': JSON.stringify({ images: { supervisor, runner } }) };
  await cluster.client.apply(CONFIG_MAPS, { metadata, data } as KubeObject, { manager: 'helm' });
}

async function another(labels: Record<string, string> = {}): Promise<string> {
  const name = uniqueName();
  goesWithTest(cluster.client, NAMESPACES, { names: [name] });
  await cluster.client.create(NAMESPACES, { metadata: { name, labels } });
  return name;
}

const optionsFor = (servers: string, more: Partial<DoctorOptions> = {}): DoctorOptions => ({
  places: { release: 'berth', namespace: cluster.namespace, servers },
  env: {},
  accounts: ['gateway', 'controller'],
  probe: false,
  ...more,
});
const look = (servers = cluster.namespace, more?: Partial<DoctorOptions>): Promise<Finding[]> =>
  examine(cluster.client, optionsFor(servers, more));
const of = (findings: readonly Finding[], check: string): Finding | undefined =>
  findings.find((one) => one.check === check);

describe('the doctor', () => {
  it('finds nothing amiss where nothing is, and tries images and policies with pods that it removes', async () => {
    const findings = await look(cluster.namespace, { probe: true });
    const states = Object.fromEntries(findings.map(({ check, state }) => [check, state]));
    expect(states).toMatchObject({
      Kubernetes: 'ok',
      MCPServer: 'ok',
      'rights of the gateway': 'ok',
      'rights of the controller': 'ok',
      'Pod Security': 'ok',
      'a server’s pod': 'ok',
      quota: 'ok',
      image: 'ok',
    });
    // Whether this cluster limits processes and enforces policies is its own affair; that it is told is not.
    expect(['ok', 'warning']).toContain(states['process limit']);
    expect(['ok', 'problem']).toContain(states['network policies']);
    for (const { state, fix } of findings) expect(fix !== undefined).toBe(state !== 'ok');
    expect(run('kubectl', ['-n', cluster.namespace, 'get', 'netpol', '-o', 'name']).trim()).toBe('');
  });

  it('finds the installation of the chart, and where its servers are', async () => {
    const { client, namespace } = cluster;
    const made = render(namespace, ['--set', 'servers.namespace=elsewhere']);
    const gateway = objectOf(made, 'Deployment', 'berth-gateway');
    goesWithTest(client, DEPLOYMENTS, { namespace, names: ['berth-gateway'] });
    await client.create(DEPLOYMENTS, {
      ...gateway,
      metadata: { ...gateway.metadata, namespace },
      spec: { ...gateway.spec, replicas: 0 },
    });
    const findings = await look(namespace, { places: { namespace } });
    expect(of(findings, 'installation')).toEqual({
      ...{ check: 'installation', state: 'ok' },
      message: `${namespace}/berth, its servers in elsewhere`,
    });
    expect(of(findings, 'Pod Security')?.message).toBe('there is no namespace elsewhere');
  });

  it('tells a network that enforces policies', async ({ skip }) => {
    const lack = await enforcingLack(cluster.client);
    if (lack !== undefined) return skip(lack);
    const findings = await enforcing(cluster, () => look(cluster.namespace, { probe: true }));
    expect(of(findings, 'network policies')).toEqual({
      check: 'network policies',
      state: 'ok',
      message: expect.stringContaining('policies are enforced'),
    });
  });

  it('names an image that cannot be pulled', async () => {
    await tellImages({ supervisor: 'localhost:1/berth/none:1', runner: IMAGES.runner });
    const findings = await look(cluster.namespace, { probe: true });
    await tellImages(IMAGES);
    const [bad] = findings.filter(({ check }) => check === 'image');
    expect(bad).toMatchObject({ state: 'problem', fix: expect.stringContaining('images.registry') });
    expect(bad?.message).toContain('localhost:1/berth/none:1');
  });

  it('names the rights that an account lacks, and says what it cannot see', async () => {
    const { namespace, client } = cluster;
    for (const kind of [SERVICE_ACCOUNTS, ROLES, ROLE_BINDINGS])
      goesWithTest(client, kind, { namespace, names: ['weak'] });
    run('kubectl', ['-n', namespace, 'create', 'serviceaccount', 'weak']);
    const verbs = '--verb=get,list,watch';
    run('kubectl', ['-n', namespace, 'create', 'role', 'weak', verbs, '--resource=mcpservers.berth.dev']);
    run('kubectl', [
      '-n',
      namespace,
      'create',
      'rolebinding',
      'weak',
      '--role=weak',
      `--serviceaccount=${namespace}:weak`,
    ]);
    const token = run('kubectl', ['-n', namespace, 'create', 'token', 'weak']).trim();
    const config = JSON.parse(run('kubectl', ['config', 'view', '--raw', '--minify', '-o', 'json']));
    config.users = [{ name: 'weak', user: { token } }];
    config.contexts[0].context.user = 'weak';
    const file = join(folder, 'kubeconfig');
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    const weak = new ApiClient({ access: await loadClusterAccess({ file }) });
    try {
      const findings = await examine(weak, optionsFor(namespace));
      const rights = of(findings, 'rights of the gateway');
      expect(rights).toMatchObject({ state: 'problem', fix: expect.stringContaining('berth-gateway') });
      expect(rights?.message).toContain(`create pods/exec in ${namespace}`);
      expect(rights?.message).toContain('patch mcpservers.berth.dev');
      expect(rights?.message).not.toContain('list mcpservers.berth.dev');
      expect(of(findings, 'MCPServer')?.state).toBe('ok');
      for (const check of ['Pod Security', 'process limit', 'a server’s pod'])
        expect(of(findings, check)).toMatchObject({
          state: 'unknown',
          fix: expect.stringContaining('administrator'),
        });
    } finally {
      weak.close();
    }
    expect((await client.list(CONFIG_MAPS, { namespace })).items.length).toBeGreaterThan(0);
  });

  it('names a namespace that is not there, or holds its pods to another level', async () => {
    expect(of(await look('nobody-has-this'), 'Pod Security')).toMatchObject({
      state: 'problem',
      message: 'there is no namespace nobody-has-this',
    });
    const bare = await another();
    expect(of(await look(bare), 'Pod Security')).toMatchObject({
      state: 'problem',
      message: expect.stringContaining('no level'),
      fix: `kubectl label --overwrite namespace ${bare} pod-security.kubernetes.io/enforce=restricted`,
    });
    const lax = await another({ 'pod-security.kubernetes.io/enforce': 'baseline' });
    expect(of(await look(lax), 'Pod Security')?.message).toContain('enforces baseline');
  });

  it('names a quota that is used up, and a limit range that forbids a server’s pod', async () => {
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    const full = await another(labels);
    await cluster.client.create(QUOTAS, {
      metadata: { name: 'none', namespace: full },
      spec: { hard: { pods: '0' } },
    } as KubeObject);
    let quota: Finding | undefined;
    // A quota counts once its controller has seen it.
    for (let round = 0; round < 60 && quota?.state !== 'problem'; round++)
      quota = of(await look(full), 'quota');
    expect(quota).toMatchObject({
      message: expect.stringContaining('exceeded quota'),
      fix: expect.stringContaining('Raise'),
    });
    const tight = await another(labels);
    const limits = [{ type: 'Container', max: { memory: '32Mi' } }];
    await cluster.client.create(RANGES, {
      metadata: { name: 'tight', namespace: tight },
      spec: { limits },
    } as KubeObject);
    expect(of(await look(tight), 'limit range')).toMatchObject({ state: 'problem' });
  });

  it('names the admission policies that a release lacks', async () => {
    const { client, namespace } = cluster;
    expect(of(await look(), 'admission policies')).toMatchObject({
      state: 'warning',
      fix: 'Set admissionPolicies.enabled of the chart.',
    });
    const made = render(namespace, []).filter(({ kind }) => kind.startsWith('ValidatingAdmissionPolicy'));
    for (const kind of [POLICIES, BINDINGS]) {
      const these = made.filter((one) => one.kind === kind.kind);
      goesWithTest(client, kind, { names: these.map(({ metadata }) => metadata.name) });
      for (const { apiVersion: _, kind: __, ...object } of these)
        await client.create(kind, object as KubeObject);
    }
    expect(of(await look(), 'admission policies')?.state).toBe('ok');
    await client.remove(BINDINGS, { name: `${namespace}-berth-exec` });
    expect(of(await look(), 'admission policies')).toMatchObject({
      state: 'problem',
      message: `missing: ValidatingAdmissionPolicyBinding ${namespace}-berth-exec`,
    });
    // Where nothing is installed nothing of it can be missing.
    const nowhere = { places: { release: 'none', namespace, servers: namespace } };
    expect(of(await look(namespace, nowhere), 'admission policies')).toBeUndefined();
  });

  it('names the servers of the values that cannot be made, as long as they cannot', async () => {
    const { client, namespace } = cluster;
    expect(of(await look(), 'servers of the values')?.state).toBe('ok');
    const metadata = { namespace, name: 'berth-servers' };
    goesWithTest(client, CONFIG_MAPS, { namespace, names: [metadata.name] });
    const object = await client.create<KubeObject>(CONFIG_MAPS, { metadata });
    const error = new BerthError('bad-setting', 'server brave: spec.source is missing', {
      hint: 'Say which.',
    });
    const recorder = new EventRecorder({ api: client, instance: 'one', now: Date.now });
    await recorder.refused({ kind: CONFIG_MAPS, object }, 'ServerRefused', error);
    const { items } = await client.list(EVENTS, { namespace, fieldSelector: 'reason=ServerRefused' });
    goesWithTest(client, EVENTS, { namespace, names: items.map(({ metadata }) => metadata.name ?? '') });
    expect(of(await look(), 'servers of the values')).toMatchObject({
      state: 'problem',
      message: 'server brave: spec.source is missing — Say which.',
      fix: expect.stringContaining('servers.items'),
    });
  });

  it('speaks on the command line, and ends with 5 when there is a problem', async () => {
    let text = '';
    const out = (more: string): void => {
      text += more;
    };
    const system = { out, err: () => {}, env: {} };
    const doctor = (...argv: string[]) =>
      runCli({ argv: ['doctor', '-n', cluster.namespace, ...argv], system: system as never });
    expect(await doctor('--servers-namespace', 'nobody-has-this')).toBe(5);
    expect(text).toMatch(/^✓ Kubernetes: .*\n/);
    expect(text).toMatch(/✗ Pod Security: there is no namespace nobody-has-this\n {2}fix: Install the chart/);
    text = '';
    expect(await doctor('--servers-namespace', cluster.namespace, '-o', 'json')).toBe(0);
    expect(JSON.parse(text).findings).toEqual(
      expect.arrayContaining([expect.objectContaining({ check: 'MCPServer' })]),
    );
  });
});
