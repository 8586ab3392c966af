/** Packages tried in a cluster: what a gateway writes for one, what it waits for, what it tells, and that nothing stays. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiClient } from '../../../src/cluster/api-client.ts';
import { ClusterInspections } from '../../../src/cluster/gateway/cluster-inspections.ts';
import type { ClusterView } from '../../../src/cluster/gateway/cluster-view.ts';
import type { Pod } from '../../../src/cluster/gateway/replica-pod.ts';
import { inspectionMeta } from '../../../src/cluster/inspection.ts';
import type { PackageInfo } from '../../../src/discovery/package-info.ts';
import { BerthError } from '../../../src/errors.ts';
import { parseInspection } from '../../../src/inspection/inspection-spec.ts';
import type { LinkQuestion } from '../../../src/link/question.ts';
import { createRemotePolicy } from '../../../src/servers/remote-policy.ts';
import { parseServerSpec } from '../../../src/servers/server-spec.ts';
import type { PodInspection, PodObservation } from '../../../src/supervisor/inspection-report.ts';
import { loadCatalogue } from '../../../src/templates/catalogue.ts';
import { REPORT, TEMPLATES } from '../../servers/doubles.ts';
import { tree } from '../../support/blueprints.ts';
import { status } from '../stand-in-api.ts';
import { createFixture, type Fixture } from './fixture.ts';

const NPM = { source: { npm: { name: 'some-server' } } };
const SEEN: PodObservation = {
  ...{ platform: 'linux-arm64', engine: 'Node 24.1.0', isolation: 'yes' },
  report: { ...REPORT, eras: ['legacy'] },
  offers: { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] },
  phases: [
    { phase: 'sandbox', ms: 900 },
    { phase: 'start', ms: 340 },
    { phase: 'list', ms: 12 },
  ],
  peakMemoryBytes: 80 * 1024 ** 2,
  written: { files: [{ path: '~/cache.db', bytes: 12 }], total: 1 },
  stderr: ['started'],
};

let fixture: Fixture;
let client: ApiClient;
let inspections: ClusterInspections;
/** What the supervisor of the pod tells; undefined while there is none. */
let told: PodInspection | undefined;
/** Of the pod, as the cluster has them. */
let containers: object[];
/** Thrown instead of what is told, by the number of the question. */
let lose: (question: number) => BerthError | undefined;
let asked: LinkQuestion[];
let left: string[];
/** Looks at an object that was there. */
let looks: number;
let allow: { npm: boolean; pypi: boolean; remote: boolean };

beforeEach(async () => {
  fixture = await createFixture();
  [told, asked, left, looks] = [undefined, [], [], 0];
  [containers, lose] = [[], () => undefined];
  allow = { npm: true, pypi: true, remote: true };
  client = new ApiClient({ access: fixture.cluster.api.access() });
  inspections = new ClusterInspections({
    ...{ client, view: viewOf(fixture.view), namespace: 'demo', every: 2 },
    rules: {
      templates: await loadCatalogue(TEMPLATES, { cluster: true }),
      allow,
      remote: createRemotePolicy([]),
    },
    info: async () =>
      ({ provenance: 'yes', integrity: 'sha512-abc', description: 'A server' }) as PackageInfo,
    onLeft: (name) => left.push(name),
  });
});
afterEach(async () => {
  await inspections.close();
  client.close();
  await fixture.close();
});

/** The real one but for the way into pods. */
function viewOf(view: ClusterView) {
  const link = {
    ask: async (question: LinkQuestion) => {
      asked.push(question);
      const lost = lose(asked.length);
      if (lost) throw lost;
      return told;
    },
  };
  const replicas = {
    reach: () => {},
    of: () => (told ? [{ name: 'pod' }] : []),
    replica: () => link,
  } as unknown as ClusterView['replicas'];
  return new TrialView(view, replicas);
}

const killed = () => ({ terminated: { reason: 'OOMKilled' } });

class TrialView {
  readonly #view: ClusterView;
  readonly replicas: ClusterView['replicas'];

  constructor(view: ClusterView, replicas: ClusterView['replicas']) {
    this.#view = view;
    this.replicas = replicas;
  }

  inspection(name: string) {
    const found = this.#view.inspection(name);
    if (found) looks++;
    return found;
  }

  get inspections() {
    return this.#view.inspections;
  }

  podsOf(): Pod[] {
    return [{ metadata: {}, status: { containerStatuses: containers } } as Pod];
  }

  deployment(name: string) {
    return this.#view.deployment(name);
  }
}

const made = () => fixture.view.inspections[0];
const inspect = (body: object, more = {}) => inspections.inspect(parseInspection(body), more);

/** Begins one, and gives its object once it is there. */
async function begin(body: object, more = {}) {
  const outcome = inspect(body, more);
  outcome.catch(() => {});
  await expect.poll(made).toBeDefined();
  const { name = '' } = made()?.metadata ?? {};
  return { outcome, name };
}

/** What the controller has installed for it. */
function install(name: string): void {
  const installed = {
    source: 'x',
    runner: 'y',
    tree: { ...tree, signatures: { total: 2, verified: 2, forged: [] } },
  };
  fixture.cluster.put('deployments', {
    metadata: {
      name: `mcp-${name}`,
      labels: { 'app.kubernetes.io/component': 'mcp-server', 'app.kubernetes.io/managed-by': 'berth' },
      annotations: { 'berth.dev/tree': JSON.stringify(installed) },
    },
    spec: { replicas: 1 },
  });
}

async function finish(body: object, seen: PodObservation = SEEN) {
  const { outcome, name } = await begin(body);
  install(name);
  told = { state: 'done', seen };
  return await outcome;
}

describe('a package tried in a cluster', () => {
  it('is told of with what its pod has seen, and the word unknown for everything else', async () => {
    const { report, pinned } = await finish(NPM);
    expect(report).toEqual({
      v: 1,
      inspectedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      platform: 'linux-arm64',
      result: 'passed',
      package: { ...tree.package, integrity: 'sha512-abc' },
      engine: { needs: 'unknown', used: 'Node 24.1.0' },
      provenance: 'known',
      signatures: { total: 2, verified: 2, forged: [] },
      sandbox: { kind: 'pod', network: 'none', enforced: 'yes' },
      server: expect.objectContaining({ name: 'fixture', eras: ['legacy'] }),
      tools: [expect.objectContaining({ name: 'echo' })],
      prompts: [],
      resources: [],
      resourceTemplates: [],
      phases: [{ phase: 'install', ms: expect.any(Number) }, ...SEEN.phases],
      peakMemoryBytes: 80 * 1024 ** 2,
      filesWritten: { files: [{ path: '~/cache.db', bytes: 12 }], total: 1, elsewhere: 'unknown' },
      filesRead: 'unknown',
      hosts: 'unknown',
      addresses: 'unknown',
      inputs: [],
      stderr: ['started'],
    });
    expect(pinned).toMatchObject({
      slug: 'some-server',
      server: { packages: [{ identifier: tree.package.name, version: tree.package.version }] },
    });
    expect(new Set(asked.map(({ what }) => what))).toEqual(new Set(['inspection']));
  });

  it('claims nothing that its pod could not see', async () => {
    const { written: _w, peakMemoryBytes: _p, engine: _e, ...bare } = SEEN;
    const { report } = await finish(NPM, { ...bare, isolation: 'unknown' });
    expect(report).toMatchObject({
      engine: { used: 'Node' },
      sandbox: { enforced: 'unknown' },
      peakMemoryBytes: 'unknown',
      filesWritten: 'unknown',
    });
  });

  it('is told of with the reason when it does not start', async () => {
    const failure = {
      code: 'start-failed',
      message: 'exit code 1',
      hint: 'Look.',
      phase: 'handshake',
      exitCode: 1,
    } as const;
    const { report: _r, ...rest } = SEEN;
    const { report, pinned } = await finish(NPM, { ...rest, offers: {}, failure });
    expect(pinned).toBeUndefined();
    expect(report).toMatchObject({
      result: 'failed',
      tools: 'unknown',
      failure: { code: 'start-failed', message: 'exit code 1', phase: 'handshake', exitCode: 1 },
    });
  });

  it.each([
    ['lastState', { name: 'workload', state: { running: {} }, lastState: killed() }],
    ['state', { name: 'workload', state: killed() }],
  ])(
    'is told of with the reason that only the cluster knows: out of memory (%s)',
    async (_where, container) => {
      containers = [{ name: 'supervisor', state: { running: {} } }, container];
      const failure = {
        code: 'start-failed',
        message: 'it ended',
        hint: 'Look.',
        phase: 'handshake',
      } as const;
      const { report: _r, written: _w, peakMemoryBytes: _p, ...rest } = SEEN;
      const { report } = await finish(NPM, { ...rest, offers: {}, failure, containerLost: true });
      expect(report).toMatchObject({
        ...{ result: 'failed', peakMemoryBytes: 'unknown', filesWritten: 'unknown' },
        failure: { message: 'it ended', reason: 'OutOfMemory', hint: expect.stringMatching(/more memory/) },
      });
    },
  );

  it('is given no reason by a container that it did not run in', async () => {
    containers = [{ name: 'supervisor', lastState: killed() }];
    const failure = { code: 'start-failed', message: 'it ended', hint: 'Look.', phase: 'handshake' } as const;
    const { report } = await finish(NPM, { ...SEEN, failure });
    expect(report.failure).toMatchObject({ hint: 'Look.' });
    expect(report.failure).not.toHaveProperty('reason');
  });

  it('is written as restricted as can be, with made-up secrets beside it', async () => {
    const { name } = await begin({ template: 'brave-search', secrets: ['OTHER'], args: ['-v'] });
    expect(name).toMatch(/^inspect-[0-9a-f]{12}$/);
    const { metadata, spec } = fixture.cluster.get('mcpservers', name)!;
    expect(metadata.labels).toEqual({ 'berth.dev/inspection': 'true' });
    const mark = JSON.parse(metadata.annotations?.['berth.dev/inspection'] ?? '');
    expect(Object.keys(mark.secrets)).toEqual(['BRAVE_API_KEY', 'OTHER']);
    expect(Date.parse(mark.until)).toBeGreaterThan(Date.now());
    expect(spec).toMatchObject({
      ...{ template: 'brave-search', isolation: 'session', replicas: 1, args: ['-v'] },
      network: { egress: 'none' },
    });
    expect(spec.secrets).toBeUndefined();
    expect(JSON.stringify(spec)).not.toContain('made-up');
  });

  it('reaches public addresses only where that is asked for', async () => {
    const { name, outcome } = await begin({ ...NPM, network: true });
    expect(fixture.cluster.get('mcpservers', name)?.spec).toMatchObject({ network: { egress: 'public' } });
    install(name);
    told = { state: 'done', seen: SEEN };
    expect((await outcome).report.sandbox).toEqual({ kind: 'pod', network: 'public' });
  });

  it('is shown to nobody else', async () => {
    const { cluster, servers, view, directory } = fixture;
    const heard: string[] = [];
    view.changes.watch((name) => heard.push(name));
    const { name } = await begin(NPM);
    cluster.observe('mcpservers', name, { state: 'running', reason: 'Ready', message: 'it runs' });
    await expect.poll(() => made()?.status?.state).toBe('running');
    expect(await servers.list()).toEqual([]);
    expect(servers.peek(name)).toBeUndefined();
    for (const refused of [servers.get(name), servers.stop(name), servers.remove(name)])
      await expect(refused).rejects.toMatchObject({ code: 'not-found' });
    await expect(servers.run(parseServerSpec({ ...NPM, name }))).rejects.toMatchObject({ code: 'conflict' });
    expect(directory.find(name)).toBeUndefined();
    await directory.lookUp(name)?.(new AbortController().signal);
    expect(directory.find(name)).toBeUndefined();
    expect(view.servers).toEqual([]);
    expect(heard).toEqual([]);
  });

  it.each(['passed', 'failed', 'left', 'stopped', 'unwritten'])('leaves nothing behind: %s', async (how) => {
    const leaving = new AbortController();
    if (how === 'unwritten')
      fixture.cluster.intercept = ({ method }, response) => {
        if (method !== 'PATCH') return false;
        // It was written, and nobody heard of it.
        fixture.cluster.put('mcpservers', { metadata: { name: 'lost' }, spec: {} });
        status(response, 403, 'Forbidden', 'no');
        return true;
      };
    if (how === 'unwritten') {
      await expect(inspect(NPM)).rejects.toMatchObject({
        code: 'cluster-refused',
        message: expect.stringMatching(/cannot apply mcpservers demo\/inspect-/),
      });
      const [patched] = fixture.cluster.written.filter((one) => one.startsWith('PATCH'));
      const deleted = fixture.cluster.written.filter((one) => one.startsWith('DELETE'));
      expect(deleted).toEqual([patched?.replace('PATCH', 'DELETE')]);
      return;
    }
    const { outcome, name } = await begin(NPM, { signal: leaving.signal });
    if (how === 'passed') {
      install(name);
      told = { state: 'done', seen: SEEN };
    }
    if (how === 'failed')
      fixture.cluster.observe('mcpservers', name, {
        state: 'failed',
        reason: 'InstallFailed',
        message: 'no',
      });
    if (how === 'left') leaving.abort(new Error('left'));
    if (how === 'stopped') await inspections.close();
    await outcome.catch(() => {});
    expect(fixture.cluster.get('mcpservers', name)).toBeUndefined();
    expect(left).toEqual([]);
  });

  it('says what could not be removed, which the controller removes at its time', async () => {
    const { outcome, name } = await begin(NPM);
    fixture.cluster.intercept = ({ method }, response) => {
      if (method !== 'DELETE') return false;
      status(response, 403, 'Forbidden', 'no');
      return true;
    };
    install(name);
    told = { state: 'done', seen: SEEN };
    expect((await outcome).report.result).toBe('passed');
    expect(left).toEqual([name]);
  });
});

describe('what keeps a package from being tried', () => {
  it.each([
    ['ResolveFailed', 'resolve', 'resolve-failed'],
    ['InstallFailed', 'install', 'install-failed'],
    ['NotAllowed', 'plan', 'not-allowed'],
    ['QuotaExceeded', 'schedule', 'start-failed'],
  ])('is told as for any server: %s', async (reason, phase, code) => {
    const { outcome, name } = await begin(NPM);
    const about = { state: 'failed', reason, phase, message: 'in so many words', hint: 'Do this.' };
    fixture.cluster.observe('mcpservers', name, about);
    await expect(outcome).rejects.toMatchObject({ code, message: 'in so many words', hint: 'Do this.' });
  });

  it('counts for less than what the supervisor says itself', async () => {
    told = { state: 'trying' };
    const { outcome, name } = await begin(NPM);
    install(name);
    await expect.poll(() => asked.length).toBeGreaterThan(0);
    fixture.cluster.observe('mcpservers', name, {
      state: 'failed',
      reason: 'StartFailed',
      message: 'old news',
    });
    await expect.poll(() => made()?.status?.state).toBe('failed');
    told = { state: 'done', seen: SEEN };
    expect((await outcome).report.result).toBe('passed');
  });

  it('counts for no more where a question is lost than where it was answered', async () => {
    told = { state: 'trying' };
    const { outcome, name } = await begin(NPM);
    install(name);
    await expect.poll(() => asked.length).toBeGreaterThan(0);
    fixture.cluster.observe('mcpservers', name, {
      state: 'failed',
      reason: 'RolloutStuck',
      message: 'stuck',
    });
    await expect.poll(() => made()?.status?.state).toBe('failed');
    const [busy, before] = [new BerthError('busy', 'the supervisor does not answer just now'), asked.length];
    // One that is lost in the middle.
    lose = (question) => (question === before + 2 ? busy : undefined);
    await expect.poll(() => asked.length).toBeGreaterThan(before + 8);
    told = { state: 'done', seen: SEEN };
    expect((await outcome).report.result).toBe('passed');
  });

  it.each(['silent', 'gone'])('is told when the supervisor that was heard is %s', async (how) => {
    told = { state: 'trying' };
    const { outcome, name } = await begin(NPM);
    install(name);
    await expect.poll(() => asked.length).toBeGreaterThan(0);
    const busy = new BerthError('busy', 'the supervisor does not answer just now');
    if (how === 'silent') lose = () => busy;
    else told = undefined;
    const before = asked.length;
    const about = { state: 'failed', reason: 'QuotaExceeded', message: 'no room' };
    fixture.cluster.observe('mcpservers', name, about);
    await expect(outcome).rejects.toMatchObject({ code: 'start-failed', message: 'no room' });
    if (how === 'silent') expect(asked.length - before).toBeGreaterThanOrEqual(4);
  });

  it('is that its tree cannot be brought into its pod', async () => {
    const failure = {
      code: 'install-failed',
      message: 'the store is away',
      hint: 'Look at it.',
      phase: 'install',
    } as const;
    const { report: _r, ...rest } = SEEN;
    const outcome = finish(NPM, { ...rest, offers: {}, failure, untried: true });
    await expect(outcome).rejects.toMatchObject({
      ...{ code: 'install-failed', message: 'the store is away', hint: 'Look at it.' },
      details: { phase: 'install' },
    });
  });

  it('is a supervisor of before, while the cluster is upgraded', async () => {
    told = { state: 'trying' };
    lose = () => new BerthError('internal', 'a question that this supervisor does not know');
    const { outcome, name } = await begin(NPM);
    install(name);
    await expect(outcome).rejects.toMatchObject({
      code: 'busy',
      hint: expect.stringMatching(/being upgraded: try again/),
    });
    expect(fixture.cluster.get('mcpservers', name)).toBeUndefined();
  });

  it('is that somebody has removed it', async () => {
    const { outcome, name } = await begin(NPM);
    await expect.poll(() => looks).toBeGreaterThan(0);
    fixture.cluster.remove('mcpservers', name);
    await expect(outcome).rejects.toMatchObject({ code: 'stopped' });
  });

  it.each([
    ['a remote server', { source: { remote: { url: 'https://mcp.example.com/mcp' } } }, 'bad-input'],
    ['an image', { source: { image: { image: 'some' } } }, 'bad-input'],
    ['a template that stands for an image', { template: 'archon-core' }, 'not-allowed'],
    [
      'a variable that changes how programs are loaded',
      { ...NPM, env: { NODE_OPTIONS: '-r x' } },
      'bad-input',
    ],
    ['no pod around it', { ...NPM, unsafe: true }, 'not-allowed'],
  ])('is known before anything is written: %s', async (_what, body, code) => {
    await expect(inspect(body)).rejects.toMatchObject({ code });
    expect(fixture.cluster.writes).toEqual([]);
  });

  it('is what an operator forbids', async () => {
    allow.npm = false;
    await expect(inspect(NPM)).rejects.toMatchObject({ code: 'not-allowed', message: /MCP_ALLOW_NPX/ });
    expect(fixture.cluster.writes).toEqual([]);
  });

  it('is that as many are tried as may be', async () => {
    const meta = inspectionMeta({ until: '', secrets: {} });
    for (let one = 0; one < 8; one++)
      fixture.cluster.put('mcpservers', { metadata: { name: `inspect-${one}`, ...meta }, spec: NPM });
    await expect.poll(() => fixture.view.inspections.length).toBe(8);
    await expect(inspect(NPM)).rejects.toMatchObject({ code: 'limit-reached' });
    expect(fixture.cluster.writes).toEqual([]);
  });

  it('are two of its own gateway: a third waits', async () => {
    const all = [inspect(NPM), inspect(NPM), inspect(NPM)];
    await expect.poll(() => fixture.view.inspections.length).toBe(2);
    expect(fixture.cluster.writes).toHaveLength(2);
    told = { state: 'done', seen: SEEN };
    let over = false;
    const ended = Promise.all(all).then(() => {
      over = true;
    });
    await expect
      .poll(() => {
        for (const { metadata } of fixture.view.inspections) install(metadata.name ?? '');
        return over;
      })
      .toBe(true);
    await ended;
    expect(fixture.cluster.written.filter((one) => one.startsWith('PATCH'))).toHaveLength(3);
    expect(fixture.cluster.get('mcpservers', made()?.metadata.name ?? '')).toBeUndefined();
  });
});
