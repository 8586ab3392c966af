import { beforeEach, describe, expect, it } from 'vitest';
import type { McpServerSpec } from '../../src/cluster/mcp-server.ts';
import { RESTARTED_AT } from '../../src/cluster/objects/deployment.ts';
import type { Pod } from '../../src/cluster/objects/pod-types.ts';
import {
  JOBS,
  type KubeObject,
  MCP_SERVERS,
  NETWORK_POLICIES,
  PODS,
  SECRETS,
} from '../../src/cluster/resources.ts';
import type { ReplicaReport } from '../../src/controller/replica-probe.ts';
import { tree } from '../support/blueprints.ts';
import { NAME, NAMESPACE, ServerWorld } from '../support/server-world.ts';

const IMAGE: McpServerSpec = {
  source: { image: { image: 'ghcr.io/acme/mcp:1', entrypoint: ['/mcp'] } },
  replicas: 2,
};
const PACKAGE: McpServerSpec = { source: { npm: { name: '@modelcontextprotocol/server-everything' } } };

let world: ServerWorld;
beforeEach(() => {
  world = new ServerWorld();
});

const secretNames = (): string[] => world.cluster.list(SECRETS).map(({ metadata }) => metadata.name!);

describe('a server that needs no tree', () => {
  it('gets its children, and runs', async () => {
    world.apply(IMAGE);
    const status = await world.settle();
    expect(status).toMatchObject({
      state: 'running',
      reason: 'Ready',
      ready: '2/2',
      replicas: 2,
      observedGeneration: 1,
    });
    expect(world.children.map((name) => name.replace(/-[0-9a-f]{8}$/, '-…'))).toEqual([
      'deployments mcp-demo',
      'networkpolicies mcp-demo',
      'poddisruptionbudgets mcp-demo',
      'secrets mcp-demo-…',
      'serviceaccounts mcp-demo',
    ]);
  });

  it('is told of nothing twice', async () => {
    world.apply(IMAGE);
    await world.settle();
    world.cluster.calls.length = 0;
    await world.look();
    expect(world.cluster.calls).toEqual([]);
  });

  it('is put right when somebody has changed its Deployment, or removed it', async () => {
    world.apply(IMAGE);
    await world.settle();
    const before = world.deployment;
    world.cluster.put({ group: 'apps', version: 'v1', kind: 'Deployment', plural: 'deployments' }, {
      ...before,
      spec: { ...before.spec, replicas: 9 },
    } as KubeObject);
    await world.look();
    expect(world.deployment.spec.replicas).toBe(2);
    await world.cluster.remove(
      { group: 'apps', version: 'v1', kind: 'Deployment', plural: 'deployments' },
      before.metadata as { name: string },
    );
    await world.look();
    expect(world.deployment.spec.template).toEqual(before.spec.template);
  });

  it('leaves nothing behind when it goes', async () => {
    world.apply(IMAGE);
    await world.settle();
    await world.cluster.remove(MCP_SERVERS, { namespace: NAMESPACE, name: NAME });
    expect(world.cluster.names).toEqual([]);
  });

  it('has its old configuration removed once no pod runs it', async () => {
    world.apply(IMAGE);
    await world.settle();
    const [old] = secretNames();
    world.apply({ ...IMAGE, args: ['--new'] });
    await world.look();
    expect(secretNames()).toContain(old);
    expect(secretNames()).toHaveLength(2);
    await world.settle();
    expect(secretNames()).not.toContain(old);
    expect(secretNames()).toHaveLength(1);
  });
});

it('counts the use of no pod that was evicted: the definition takes 64 of them', async () => {
  world.apply(IMAGE);
  await world.settle();
  const usage = { run: 'r', sessions: 1, calls: 2, failedCalls: 0, bytesToServer: 0, bytesFromServer: 0 };
  world.reports.set('*', { sessions: 0, usage });
  for (let index = 0; index < 70; index++)
    world.putPod(`mcp-demo-${index}-over`, world.deployment, { phase: 'Running' });
  expect((await world.look()).usage?.replicas.length).toBeGreaterThan(64);
  for (let index = 0; index < 70; index++)
    world.putPod(`mcp-demo-${index}-over`, world.deployment, { phase: 'Failed', reason: 'Evicted' });
  const { usage: kept, ...status } = await world.look();
  expect([status.state, kept?.replicas.length, kept?.days[0]?.calls]).toEqual(['running', 2, 144]);
});

it('keeps the configuration of the version before until the new one is all there is', async () => {
  world.apply(IMAGE);
  await world.settle();
  const [before] = secretNames();
  world.apply({ ...IMAGE, args: ['--stuck'] });
  await world.look();
  const pods = world.replicas.map(({ metadata }) => metadata as { name: string });
  world.putPod('mcp-demo-stuck', world.deployment, { phase: 'Running' });
  world.setDeployment({ replicas: 3, readyReplicas: 2, updatedReplicas: 1 });
  await world.look();
  // All of the old version are lost at once; its ReplicaSet has not made others yet.
  for (const pod of pods) world.cluster.drop(PODS, pod);
  await world.look();
  world.setDeployment({ replicas: 1, readyReplicas: 0, updatedReplicas: 1 });
  await world.look();
  expect(secretNames()).toContain(before);
  await world.settle();
  expect([secretNames().length, secretNames().includes(before!)]).toEqual([1, false]);
});

describe('stop, start, scale and restart', () => {
  beforeEach(async () => {
    world.apply(IMAGE);
    await world.settle();
  });

  it('suspends and keeps what it had', async () => {
    const { template } = world.deployment.spec;
    world.apply({ ...IMAGE, suspend: true });
    expect(await world.look()).toMatchObject({ state: 'scaling', reason: 'Stopping' });
    expect(world.deployment.spec.replicas).toBe(0);
    expect(await world.settle()).toMatchObject({ state: 'stopped', reason: 'Suspended', ready: '0/0' });
    world.apply(IMAGE);
    expect(await world.settle()).toMatchObject({ state: 'running', ready: '2/2' });
    expect(world.deployment.spec.template).toEqual(template);
  });

  it('is being stopped until its last pod has gone, and tells what that waits for', async () => {
    const [first, second] = world.replicas;
    world.apply({ ...IMAGE, suspend: true });
    await world.look();
    world.setDeployment({ replicas: 0 });
    const end = ({ metadata, ...pod }: Pod): void =>
      world.cluster.put(PODS, {
        ...pod,
        metadata: { ...metadata, deletionTimestamp: '2026-11-25T12:00:00Z' },
      });
    for (const pod of [first, second]) end(pod!);
    world.reports.set(first!.metadata.name!, { sessions: 3, inUse: true });
    const message = `${NAME} is being stopped; 2 replicas with 3 sessions left`;
    expect(await world.look()).toMatchObject({ state: 'scaling', reason: 'Stopping', message });
    world.cluster.drop(PODS, first!.metadata as { name: string });
    expect(await world.look()).toMatchObject({ message: `${NAME} is being stopped; 1 replica left` });
    world.cluster.drop(PODS, second!.metadata as { name: string });
    expect(await world.look()).toMatchObject({ state: 'stopped', reason: 'Suspended' });
  });

  it('scales without making new pods of the old ones', async () => {
    const { template } = world.deployment.spec;
    world.apply({ ...IMAGE, replicas: 5 });
    await world.look();
    expect(world.deployment.spec).toMatchObject({ replicas: 5, template });
    expect(await world.look()).toMatchObject({ state: 'scaling', ready: '2/5' });
    world.settings = { ...world.settings, maxReplicas: 3 };
    await world.look();
    expect(world.deployment.spec.replicas).toBe(3);
  });

  it('restarts by a note on the server, which stands on the pods', async () => {
    world.apply(IMAGE, { [RESTARTED_AT]: '2026-11-25T12:34:56Z' });
    await world.look();
    expect(world.deployment.spec.template.metadata.annotations).toEqual({
      [RESTARTED_AT]: '2026-11-25T12:34:56Z',
    });
  });

  it('shows what its replicas say of themselves, and who fares worst', async () => {
    const [first, second] = world.replicas.map(({ metadata }) => metadata.name!);
    const at = Date.parse('2026-11-25T11:59:00Z');
    const said: Omit<ReplicaReport, 'sessions'> = {
      ...{ protocolVersion: '2025-11-25', serverInfo: { name: 'acme', version: '1' } },
      ...{ eras: ['legacy', 'modern'] as const, tools: ['find'], capabilities: ['tools'], inUse: true },
    };
    world.reports.set(first!, { ...said, sessions: 2, processes: 3, check: { at, ms: 4, failures: 0 } });
    world.reports.set(second!, { ...said, sessions: 1, processes: 1, check: { at, ms: 9, failures: 1 } });
    expect(await world.look()).toMatchObject({
      ...{ state: 'running', sessions: 3, processes: 4, era: 'legacy' },
      ...{ eras: ['legacy', 'modern'], tools: ['find'], protocolVersion: '2025-11-25' },
      capabilities: ['tools'],
      serverInfo: { name: 'acme', version: '1' },
      lastCheck: { at: '2026-11-25T11:59:00Z', ms: 9, failures: 1 },
    });
  });

  it('is degraded, not failed, where what has run before is not well', async () => {
    const failure = { code: 'start-failed', message: 'locked', hint: 'wait', phase: 'handshake' } as const;
    const report = { sessions: 1, protocolVersion: '2025-11-25', failure };
    world.reports.set('*', { ...report, check: { at: world.time, ms: 4, failures: 3 } });
    world.setDeployment({ replicas: 2, readyReplicas: 0 });
    expect(await world.look()).toMatchObject({ state: 'degraded', reason: 'HealthChecksFailed' });
    world.reports.set('*', { ...report, failure: { ...failure, phase: 'run' } });
    expect(await world.look()).toMatchObject({ state: 'degraded', reason: 'ProcessesFail', phase: 'run' });
    world.reports.set('*', { sessions: 0, failure });
    expect(await world.look()).toMatchObject({ state: 'failed', reason: 'StartFailed', message: 'locked' });
  });

  it('looks again soon while a replica shakes hands, as nothing else tells of it', async () => {
    world.reports.set('*', { sessions: 0, processes: 0 });
    world.setDeployment({ replicas: 2, readyReplicas: 0 });
    const { status, again } = await world.outcome();
    expect([status.state, again]).toEqual(['starting', 2_000]);
  });

  it('tells the cluster which replica may go first', async () => {
    const [first, second] = world.replicas.map(({ metadata }) => metadata.name!);
    world.reports.set(first!, { sessions: 7 });
    world.reports.set(second!, { sessions: 0 });
    expect(await world.look()).toMatchObject({ sessions: 7 });
    const costs = world.replicas.map(
      ({ metadata }) => metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'],
    );
    expect(costs).toEqual(['7', '0']);
  });
});

describe('a package', () => {
  it('is installed by a Job that sees no secret of the server, and then runs', async () => {
    world.apply({ ...PACKAGE, secrets: [{ name: 'KEY', secretKeyRef: { name: 'vendor', key: 'token' } }] });
    expect(await world.look()).toMatchObject({ state: 'starting', reason: 'Installing', phase: 'install' });
    expect(world.deployments).toEqual([]);
    expect(JSON.stringify(world.jobs)).not.toContain('vendor');
    expect(world.jobs).toHaveLength(1);
    const status = await world.settle();
    expect(status).toMatchObject({ state: 'running', package: tree.package, tree: { digest: tree.digest } });
    expect(status.conditions.find(({ type }) => type === 'Installed')).toMatchObject({ status: 'True' });
    expect(world.jobs).toEqual([]);
    expect(world.cluster.list(NETWORK_POLICIES).map(({ metadata }) => metadata.name)).toEqual([
      'mcp-demo',
      'mcp-demo-install',
    ]);
    expect(secretNames()).toHaveLength(1);
  });

  it('keeps its tree over stops, restarts and a new run of the controller', async () => {
    world.apply(PACKAGE);
    await world.settle();
    world.restart();
    world.apply({ ...PACKAGE, suspend: true });
    await world.settle();
    world.apply(PACKAGE, { [RESTARTED_AT]: 'now' });
    world.cluster.calls.length = 0;
    await world.settle({ installs: false });
    expect(world.cluster.calls.filter((call) => call.includes('jobs'))).toEqual([]);
  });

  it('that cannot be installed says why, and is tried again later', async () => {
    world.apply(PACKAGE);
    await world.look();
    const error = {
      phase: 'resolve',
      message: 'there is no such package',
      hint: 'Check the name.',
      stderr: ['E404'],
    };
    world.endJob(world.jobs[0]!, { error });
    const { status, again } = await world.outcome();
    expect(status).toMatchObject({
      state: 'failed',
      reason: 'ResolveFailed',
      phase: 'resolve',
      hint: 'Check the name.',
    });
    expect(status.message).toContain('E404');
    expect(again).toBeGreaterThan(0);
    world.time += again!;
    await world.look();
    const [job, ...others] = world.jobs;
    expect(others).toEqual([]);
    expect(job!.metadata.labels?.['berth.dev/attempt']).toBe('1');
    expect(await world.settle()).toMatchObject({ state: 'running' });
  });

  it('that takes too long, or ends without a word, is a failure with a hint', async () => {
    world.apply(PACKAGE);
    await world.look();
    world.endJob(world.jobs[0]!, { reason: 'DeadlineExceeded' });
    expect(await world.look()).toMatchObject({
      state: 'failed',
      reason: 'InstallTimeout',
      hint: expect.any(String),
    });
  });

  it('whose installer has ended by itself is told of by its Job, not as lost with its node', async () => {
    world.apply(PACKAGE);
    await world.look();
    const state = { terminated: { exitCode: 1, message: 'there is no such package' } };
    world.putPod('demo-install-pod', world.jobs[0]!, {
      phase: 'Failed',
      containerStatuses: [{ name: 'installer', ready: false, restartCount: 0, state }],
    });
    expect(await world.look()).toMatchObject({ state: 'starting', reason: 'Installing' });
    world.putPod('demo-install-pod', world.jobs[0]!, { phase: 'Failed', reason: 'Evicted', message: 'low' });
    expect(await world.look()).toMatchObject({ reason: 'Evicted' });
  });

  it('whose installer has no room says which resources those are', async () => {
    world.apply(PACKAGE);
    await world.look();
    const unscheduled = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message: '0/1 nodes',
    };
    world.putPod('demo-install-pod', world.jobs[0]!, { phase: 'Pending', conditions: [unscheduled] });
    expect(await world.look()).toMatchObject({
      reason: 'Unschedulable',
      hint: 'Lower servers.installer.resources of the chart, or add a node: the message says what each node lacks.',
    });
  });

  it('is installed again, in the version that it had, when its tree is gone', async () => {
    world.apply(PACKAGE);
    await world.settle();
    world.trees.clear();
    await world.look();
    const [job] = world.jobs;
    expect(JSON.stringify(job)).toContain(tree.package.version);
    expect(world.deployment.spec.replicas).toBe(1);
    const status = await world.look();
    expect(status).toMatchObject({
      ...{ state: 'running', reason: 'Reinstalling', phase: 'install' },
      message: 'demo is running; its package is installed again, as the package store has lost it',
    });
    expect(status.conditions.find(({ type }) => type === 'Installed')).toMatchObject({
      ...{
        status: 'False',
        reason: 'Reinstalling',
        message: expect.stringContaining(job?.metadata.name ?? ''),
      },
    });
  });

  it('a pod that comes meanwhile waits for it, which is no failure', async () => {
    world.apply(PACKAGE);
    await world.settle();
    world.trees.clear();
    await world.look();
    world.runPods({ phase: 'Running' }, false);
    const failure = { code: 'install-failed', message: 'no such tree', hint: 'h', phase: 'install' } as const;
    world.reports.set('*', { sessions: 0, failure: { ...failure, reason: 'TreeMissing' } });
    const waiting = await world.look();
    expect(waiting).toMatchObject({
      ...{ state: 'starting', reason: 'Reinstalling', phase: 'install' },
      message: 'the package of demo is installed again, as the package store has lost it',
    });
    expect(waiting.conditions.find(({ type }) => type === 'Degraded')?.status).toBe('False');
    // Installed, and the pod has not looked since.
    world.trees.add(tree.digest);
    world.endJob(world.jobs[0]!, { tree });
    const { status, again } = await world.outcome();
    expect(status).toMatchObject({ state: 'starting', reason: 'Starting' });
    expect(again).toBeGreaterThan(0);
    world.reports.clear();
    expect(await world.settle()).toMatchObject({ state: 'running', reason: 'Ready' });
    expect(world.jobs).toEqual([]);
  });

  it('that fails to be installed again is told as that', async () => {
    world.apply(PACKAGE);
    await world.settle();
    world.trees.clear();
    await world.look();
    world.endJob(world.jobs[0]!, { error: { phase: 'install', message: 'no room', hint: 'h', stderr: [] } });
    expect(await world.look()).toMatchObject({
      state: 'degraded',
      reason: 'InstallFailed',
      message: 'no room',
    });
  });
});

describe('a new version', () => {
  const NEXT: McpServerSpec = {
    source: { npm: { name: '@modelcontextprotocol/server-everything', version: '9.9.9' } },
  };

  beforeEach(async () => {
    world.apply(PACKAGE);
    await world.settle();
  });

  it('is installed first; the one before goes on meanwhile', async () => {
    const before = world.deployment;
    world.apply(NEXT);
    expect(await world.look()).toMatchObject({ state: 'running', reason: 'Installing', ready: '1/1' });
    expect(world.deployment).toEqual(before);
  });

  it('that cannot be installed switches nothing', async () => {
    const before = world.deployment;
    world.apply(NEXT);
    await world.look();
    world.endJob(world.jobs[0]!, { error: { phase: 'install', message: 'no', hint: 'h', stderr: [] } });
    expect(await world.look()).toMatchObject({
      state: 'degraded',
      reason: 'InstallFailed',
      readyReplicas: 1,
    });
    expect(world.deployment).toEqual(before);
    world.apply({ ...NEXT, suspend: true });
    await world.look();
    expect(world.deployment.spec.replicas).toBe(0);
  });

  it('that fails its first handshake switches nothing, and its reason stands in the status', async () => {
    world.apply(NEXT);
    await world.look();
    world.endJob(world.jobs[0]!, { tree: { ...tree, digest: 'e'.repeat(64) } });
    await world.look();
    const { strategy } = world.deployment.spec;
    expect(strategy).toMatchObject({ rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } });
    world.putPod('mcp-demo-new', world.deployment, { phase: 'Running' });
    world.reports.set('mcp-demo-new', {
      sessions: 0,
      processes: 0,
      failure: {
        code: 'start-failed',
        phase: 'handshake',
        message: 'no answer',
        hint: 'read its log',
        exitCode: 7,
        stderr: ['KEY is missing'],
      },
    });
    world.setDeployment({ replicas: 2, readyReplicas: 1, availableReplicas: 1, updatedReplicas: 1 });
    const status = await world.look();
    expect(status).toMatchObject({
      state: 'degraded',
      message: 'no answer',
      phase: 'handshake',
      failure: { code: 'start-failed', exitCode: 7, stderr: ['KEY is missing'] },
      readyReplicas: 1,
    });
    expect(status.conditions.find(({ type }) => type === 'Ready')).toMatchObject({ status: 'True' });
    expect(status.conditions.find(({ type }) => type === 'Degraded')?.message).toBe(
      'no answer: KEY is missing — read its log',
    );
  });

  it('that does not come up in its time is told so', async () => {
    const stuck = {
      type: 'Progressing',
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
      message: 'timed out',
    };
    world.setDeployment({ replicas: 2, readyReplicas: 1, updatedReplicas: 1, conditions: [stuck] });
    expect(await world.look()).toMatchObject({ state: 'degraded', reason: 'RolloutStuck' });
  });
});

describe('an upgrade of Berth', () => {
  const upgrade = (): void => {
    const { pods } = world.settings;
    world.settings = {
      ...world.settings,
      pods: { ...pods, images: { supervisor: 'berth-supervisor:2', runner: 'berth-runner:2' } },
    };
    world.restart();
  };
  const imagesOf = (): string =>
    JSON.stringify(world.deployment.spec.template.spec.containers.map(({ image }) => image));

  beforeEach(async () => {
    world.apply(PACKAGE);
    await world.settle();
  });

  it('does not roll a server that is in use', async () => {
    const before = world.deployment;
    world.reports.set('*', { sessions: 1 });
    upgrade();
    expect(await world.settle()).toMatchObject({ state: 'running' });
    expect(world.deployment.spec).toEqual(before.spec);
    expect(secretNames()).toHaveLength(1);
  });

  it.each([
    ['limits', { limits: { idle: 25 * 60_000 } }],
    ['time to drain', { drain: 40_000 }],
    ['health checks', { health: { interval: 60_000 } }],
    ['placement', { placement: { nodeSelector: { disk: 'fast' } } }],
  ])('that changes its %s for all servers rolls one only once it is idle', async (_what, change) => {
    const before = world.deployment;
    world.reports.set('*', { sessions: 1 });
    world.settings = { ...world.settings, ...change };
    world.restart();
    expect(await world.settle()).toMatchObject({ state: 'running' });
    expect(world.deployment.spec).toEqual(before.spec);
    expect(secretNames()).toHaveLength(1);
    world.reports.set('*', { sessions: 0 });
    await world.settle();
    expect(world.deployment.spec).not.toEqual(before.spec);
  });

  it('lets it keep its tree, and has that installed again for the image that it runs in', async () => {
    const before = world.deployment;
    world.reports.set('*', { sessions: 1 });
    upgrade();
    world.trees.clear();
    await world.look();
    expect(world.jobs.map((job) => JSON.stringify(job))).toEqual([expect.stringContaining('berth-runner:1')]);
    expect(await world.look()).toMatchObject({ state: 'running', reason: 'Reinstalling' });
    world.endJob(world.jobs[0]!, { tree });
    world.trees.add(tree.digest);
    expect(await world.look()).toMatchObject({ state: 'running', reason: 'Ready' });
    expect([world.jobs, world.deployment.spec]).toEqual([[], before.spec]);
  });

  it('lets it be told with the room that it has, until it is rolled', async () => {
    const { pods } = world.settings;
    const workload = { limits: { memory: '512Mi' } };
    expect((await world.look()).capacity).toEqual({ sessions: 16, processes: 16 });
    world.reports.set('*', { sessions: 1 });
    world.settings = { ...world.settings, pods: { ...pods, resources: { ...pods.resources, workload } } };
    world.restart();
    expect((await world.settle()).capacity).toEqual({ sessions: 16, processes: 16 });
    world.reports.set('*', { sessions: 0 });
    expect((await world.settle()).capacity).toEqual({ sessions: 8, processes: 8 });
  });

  it('scales such a server all the same', async () => {
    upgrade();
    world.apply({ ...PACKAGE, replicas: 3 });
    await world.look();
    expect(world.deployment.spec.replicas).toBe(3);
    expect(imagesOf()).toContain('berth-runner:1');
  });

  it.each([
    ['is idle', (): void => void world.reports.set('*', { sessions: 0 })],
    ['is restarted', (): void => world.apply(PACKAGE, { [RESTARTED_AT]: 'now' })],
    ['is changed', (): void => world.apply({ ...PACKAGE, args: ['--x'] })],
  ])('rolls one that %s, with a tree for the new image', async (_what, change) => {
    upgrade();
    change();
    await world.look();
    expect(world.jobs).toHaveLength(1);
    expect(JSON.stringify(world.jobs[0])).toContain(tree.package.version);
    await world.settle();
    expect(imagesOf()).toContain('berth-runner:2');
  });
});

describe('what stands in the way', () => {
  const CASES: readonly (readonly [string, () => void, object])[] = [
    [
      'a quota',
      () =>
        world.setDeployment({
          conditions: [
            {
              type: 'ReplicaFailure',
              status: 'True',
              reason: 'FailedCreate',
              message: 'pods "x" is forbidden: exceeded quota: q',
            },
          ],
        }),
      { state: 'failed', reason: 'QuotaExceeded', phase: 'schedule' },
    ],
    [
      'a policy',
      () =>
        world.setDeployment({
          conditions: [
            {
              type: 'ReplicaFailure',
              status: 'True',
              reason: 'FailedCreate',
              message: 'violates PodSecurity "restricted"',
            },
          ],
        }),
      { state: 'failed', reason: 'FailedCreate' },
    ],
    [
      'no node',
      () =>
        world.runPods(
          {
            phase: 'Pending',
            conditions: [
              { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes' },
            ],
          },
          false,
        ),
      { state: 'pending', reason: 'Unschedulable', phase: 'schedule' },
    ],
    [
      'an image that is not there',
      () =>
        world.runPods(
          {
            phase: 'Pending',
            containerStatuses: [
              {
                name: 'workload',
                ready: false,
                restartCount: 0,
                state: { waiting: { reason: 'ErrImagePull', message: 'not found' } },
              },
            ],
          },
          false,
        ),
      { state: 'failed', reason: 'ImagePullBackOff', phase: 'pull' },
    ],
    [
      'a Secret that is not there',
      () =>
        world.runPods(
          {
            phase: 'Pending',
            containerStatuses: [
              {
                name: 'workload',
                ready: false,
                restartCount: 0,
                state: {
                  waiting: { reason: 'CreateContainerConfigError', message: 'secret "vendor" not found' },
                },
              },
            ],
          },
          false,
        ),
      { state: 'pending', reason: 'ReferenceMissing', message: 'demo waits for Secret vendor' },
    ],
    [
      'a crash',
      () =>
        world.runPods(
          {
            phase: 'Running',
            containerStatuses: [
              {
                name: 'supervisor',
                ready: false,
                restartCount: 3,
                state: { waiting: { reason: 'CrashLoopBackOff' } },
                lastState: { terminated: { exitCode: 1, message: 'the last words' } },
              },
            ],
          },
          false,
        ),
      { state: 'failed', reason: 'CrashLoopBackOff', message: expect.stringContaining('the last words') },
    ],
    [
      'too little memory',
      () =>
        world.runPods(
          {
            phase: 'Running',
            containerStatuses: [
              {
                name: 'workload',
                ready: false,
                restartCount: 1,
                state: { waiting: { reason: 'CrashLoopBackOff' } },
                lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
              },
            ],
          },
          false,
        ),
      { state: 'failed', reason: 'OutOfMemory', hint: expect.stringContaining('memory') },
    ],
  ];

  it.each(CASES)('is told with what to do: %s', async (_what, arrange, expected) => {
    world.apply(IMAGE);
    await world.look();
    world.runPods({ phase: 'Pending' }, false);
    arrange();
    const status = await world.look();
    expect(status).toMatchObject(expected);
    expect(status.hint).toMatch(/\.|kubectl/);
    expect(status.conditions.find(({ type }) => type === 'Degraded')).toMatchObject({
      status: 'True',
      reason: status.reason,
    });
  });

  it.each([
    ['a template that there is not', { template: 'no-such' }, 'TemplateNotFound'],
    ['an image without a program', { source: { image: { image: 'x' } } }, 'InvalidSpec'],
    [
      'our own Secret',
      {
        ...IMAGE,
        secrets: [{ name: 'A', secretKeyRef: { name: 'mcp-other-12345678', key: 'supervisor.json' } }],
      },
      'NotAllowed',
    ],
    ['archon without an image', { source: { archon: {} } }, 'MissingInput'],
    [
      'a remote server inside the cluster',
      { source: { remote: { url: 'http://10.0.0.1/mcp' } } },
      'NotAllowed',
    ],
  ] as const)('%s is refused, and what runs goes on', async (_what, spec, reason) => {
    world.apply(IMAGE);
    await world.settle();
    const before = world.deployment;
    world.apply(spec as McpServerSpec);
    expect(await world.look()).toMatchObject({ state: 'degraded', reason, phase: 'plan' });
    expect(world.deployment).toEqual(before);
  });
});

it('keeps the time of the last change of a condition', async () => {
  world.apply(IMAGE);
  const first = await world.settle();
  world.time += 60_000;
  expect((await world.look()).conditions).toEqual(first.conditions);
  world.apply({ ...IMAGE, suspend: true });
  const later = await world.settle();
  const ready = later.conditions.find(({ type }) => type === 'Ready');
  expect(ready).toMatchObject({
    status: 'False',
    lastTransitionTime: '2026-11-25T12:01:00Z',
    observedGeneration: 3 - 1,
  });
});

it('has nothing to do with the Job and the pods of an earlier server of its name', async () => {
  world.apply(IMAGE);
  await world.settle();
  const stranger = { 'berth.dev/server': NAME, 'berth.dev/server-uid': 'another' };
  world.cluster.put(PODS, { metadata: { namespace: NAMESPACE, name: 'stranger', labels: stranger } });
  world.cluster.put(JOBS, { metadata: { namespace: NAMESPACE, name: 'strange', labels: stranger } });
  expect(await world.look()).toMatchObject({ state: 'running', ready: '2/2' });
  expect(world.jobs).toHaveLength(1);
});
