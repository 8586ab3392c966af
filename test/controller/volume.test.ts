/** The folder of a server that stays: its claim over the life of the server, and what the cluster may have against it. */
import { beforeEach, describe, expect, it } from 'vitest';
import { ApiStatus, refusalError } from '../../src/cluster/api-status.ts';
import type { McpServerSpec, Persistence } from '../../src/cluster/mcp-server.ts';
import type { Claim } from '../../src/cluster/objects/claim.ts';
import { CLAIMS, MCP_SERVERS } from '../../src/cluster/resources.ts';
import { controllerSettings, NAME, NAMESPACE, ServerWorld } from '../support/server-world.ts';

const CLAIM = { namespace: NAMESPACE, name: `mcp-${NAME}-data` };
const spec = (persistence?: Persistence, more: Partial<McpServerSpec> = {}): McpServerSpec => ({
  source: { image: { image: 'ghcr.io/acme/mcp:1', entrypoint: ['/mcp'] } },
  ...(persistence && { persistence }),
  ...more,
});

let world: ServerWorld;
beforeEach(() => {
  world = new ServerWorld();
});

const claims = (): Claim[] => world.cluster.list<Claim>(CLAIMS);
const bind = (capacity: string): void =>
  world.cluster.setStatus(CLAIMS, CLAIM, { phase: 'Bound', capacity: { storage: capacity } });
const mounted = (): unknown =>
  world.deployment.spec.template.spec.volumes.find(({ name }) => name === 'data')?.persistentVolumeClaim;

describe('a server with a folder that stays', () => {
  it('gets a claim and mounts it, and its status tells of it', async () => {
    world.apply(spec({ size: '2Gi' }));
    const before = await world.settle();
    expect(claims().map(({ metadata, spec: wanted }) => [metadata.name, wanted])).toEqual([
      [CLAIM.name, { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } } }],
    ]);
    expect(mounted()).toEqual({ claimName: CLAIM.name });
    expect(before.volume).toEqual({ claim: CLAIM.name, phase: 'Pending' });
    bind('2Gi');
    expect((await world.look()).volume).toEqual({ claim: CLAIM.name, phase: 'Bound', capacity: '2Gi' });
  });

  it('is told of nothing twice', async () => {
    world.apply(spec({}));
    await world.settle();
    world.cluster.calls.length = 0;
    await world.look();
    expect(world.cluster.calls).toEqual([]);
  });

  it('keeps its claim when it sleeps, is stopped, and goes; another one of its name finds it again', async () => {
    world.apply(spec({}));
    await world.settle();
    const [{ metadata }] = claims() as [Claim];
    world.apply(spec({}, { suspend: true }));
    expect(await world.settle()).toMatchObject({ state: 'stopped', volume: { claim: CLAIM.name } });
    await world.cluster.remove(MCP_SERVERS, { namespace: NAMESPACE, name: NAME });
    expect(world.cluster.names).toEqual([`persistentvolumeclaims ${NAMESPACE}/${CLAIM.name}`]);
    world.restart();
    world.apply(spec({}));
    await world.settle();
    expect(claims().map((one) => one.metadata.uid)).toEqual([metadata.uid]);
  });

  it('takes its claim along where that is said, also later', async () => {
    world.apply(spec({ whenDeleted: 'Retain' }));
    await world.settle();
    world.apply(spec({ whenDeleted: 'Delete' }));
    await world.settle();
    await world.cluster.remove(MCP_SERVERS, { namespace: NAMESPACE, name: NAME });
    expect(world.cluster.names).toEqual([]);
  });

  it.each([
    ['Retain', 1],
    ['Delete', 0],
  ] as const)('that no longer wants it: %s', async (whenDeleted, left) => {
    world.apply(spec({ whenDeleted }));
    await world.settle();
    world.apply(spec());
    const status = await world.settle();
    expect(mounted()).toBeUndefined();
    expect(status.volume).toBeUndefined();
    expect(claims()).toHaveLength(left);
  });

  it('gets its claim back when somebody removes it', async () => {
    world.apply(spec({}));
    await world.settle();
    await world.cluster.remove(CLAIMS, CLAIM);
    await world.look();
    expect(claims()).toHaveLength(1);
  });

  it('is not rolled for a larger claim, and is for another folder', async () => {
    world.apply(spec({ size: '1Gi' }));
    await world.settle();
    const { template } = world.deployment.spec;
    // With other settings only a change that makes other pods would roll it.
    world.reports.set('*', { protocolVersion: '2025-11-25', sessions: 1, inUse: true });
    const { pods } = controllerSettings;
    world.settings = { ...controllerSettings, pods: { ...pods, pullPolicy: 'Always' } };
    world.apply(spec({ size: '2Gi', whenDeleted: 'Delete', annotations: { backup: 'daily' } }));
    await world.look();
    expect(world.deployment.spec.template).toEqual(template);
    expect(claims()[0]?.spec.resources.requests.storage).toBe('2Gi');
    world.apply(spec({ size: '2Gi', mountPath: '/notes' }));
    await world.look();
    expect(world.deployment.spec.template).not.toEqual(template);
  });
});

describe('a claim of somebody else’s', () => {
  it('is mounted and looked at, neither made nor removed', async () => {
    world.apply(spec({ existingClaim: 'theirs' }));
    expect((await world.settle()).volume).toEqual({ claim: 'theirs', phase: 'Missing' });
    expect([mounted(), claims()]).toEqual([{ claimName: 'theirs' }, []]);
    world.cluster.put(CLAIMS, {
      metadata: { namespace: NAMESPACE, name: 'theirs' },
      status: { phase: 'Bound', capacity: { storage: '9Gi' } },
    } as Claim);
    const seen = { claim: 'theirs', phase: 'Bound', capacity: '9Gi' };
    expect((await world.look()).volume).toEqual(seen);
    await world.cluster.remove(MCP_SERVERS, { namespace: NAMESPACE, name: NAME });
    expect(claims()).toHaveLength(1);
  });

  describe('where it has to be released to servers', () => {
    const put = (labels: Readonly<Record<string, string>> = {}): void =>
      world.cluster.put(CLAIMS, {
        metadata: { namespace: NAMESPACE, name: 'theirs', labels },
        status: { phase: 'Bound', capacity: { storage: '9Gi' } },
      } as Claim);
    const usable = { 'berth.dev/usable': 'true' };
    const command = `kubectl -n ${NAMESPACE} label pvc theirs berth.dev/usable=true`;
    beforeEach(() => {
      world.settings = { ...controllerSettings, checksSecrets: true };
    });

    it('lets no pod be made before it is there and released, and says what to do', async () => {
      world.apply(spec({ existingClaim: 'theirs' }));
      const { status, again } = await world.outcome();
      expect(status).toMatchObject({
        ...{ state: 'pending', reason: 'ReferenceMissing', message: 'demo waits for claim theirs' },
        ...{ hint: expect.stringContaining(command), volume: { claim: 'theirs', phase: 'Missing' } },
      });
      expect([again, world.deployments]).toEqual([expect.any(Number), []]);
      put();
      expect(await world.look()).toMatchObject({
        ...{ state: 'pending', reason: 'ClaimNotReleased', hint: expect.stringContaining(command) },
        volume: { phase: 'Bound' },
      });
      expect(world.deployments).toEqual([]);
      put(usable);
      expect(await world.settle()).toMatchObject({ state: 'running' });
      expect(mounted()).toEqual({ claimName: 'theirs' });
    });

    it('is looked at whenever pods are to be made, and leaves those alone that run', async () => {
      put(usable);
      world.apply(spec({ existingClaim: 'theirs' }));
      await world.settle();
      put();
      expect(await world.settle()).toMatchObject({ state: 'running' });
      world.apply(spec({ existingClaim: 'theirs' }, { suspend: true }));
      expect(await world.settle()).toMatchObject({ state: 'stopped' });
      world.apply(spec({ existingClaim: 'theirs' }));
      expect(await world.settle()).toMatchObject({ state: 'pending', reason: 'ClaimNotReleased' });
      expect(world.replicas).toEqual([]);
    });

    it('is not mounted by the next version of a server that runs', async () => {
      world.apply(spec());
      await world.settle();
      put();
      world.apply(spec({ existingClaim: 'theirs' }));
      expect(await world.settle()).toMatchObject({ state: 'degraded', reason: 'ClaimNotReleased' });
      expect([world.replicas.length, mounted()]).toEqual([1, undefined]);
    });
  });

  it('takes the place of one that belonged to the server', async () => {
    world.apply(spec({ whenDeleted: 'Delete' }));
    await world.settle();
    world.apply(spec({ existingClaim: 'theirs' }));
    await world.settle();
    expect([mounted(), claims()]).toEqual([{ claimName: 'theirs' }, []]);
  });
});

describe('a cluster that', () => {
  const refuse = (code: number, message: string): void => {
    world.cluster.before = ({ plural }) => {
      if (plural === 'persistentvolumeclaims')
        throw refusalError('apply it', new ApiStatus(code, { message, reason: 'Forbidden' }));
    };
  };

  it('takes no claim gets no pod, and the server says why', async () => {
    refuse(403, 'exceeded quota: storage');
    world.apply(spec({}));
    const status = await world.look();
    expect(status).toMatchObject({ state: 'failed', reason: 'VolumeRefused', phase: 'schedule' });
    expect(status.message).toContain('exceeded quota: storage');
    expect(world.deployments).toEqual([]);
    world.cluster.before = () => {};
    expect(await world.settle()).toMatchObject({ state: 'running' });
  });

  it('does not let a claim grow leaves the server running, degraded, and open to other changes', async () => {
    world.apply(spec({ size: '1Gi' }));
    await world.settle();
    refuse(403, 'the storage class must support resize');
    world.apply(spec({ size: '2Gi' }, { args: ['--new'] }));
    await world.look();
    world.runPods();
    expect(await world.look()).toMatchObject({ state: 'degraded', reason: 'VolumeRefused', ready: '1/1' });
    world.apply(spec({ size: '1Gi' }, { args: ['--new'] }));
    world.cluster.before = () => {};
    expect(await world.settle()).toMatchObject({ state: 'running' });
  });

  it('is not well is asked again', async () => {
    refuse(503, 'not now');
    world.apply(spec({}));
    await expect(world.look()).rejects.toMatchObject({ code: 'busy' });
  });

  it('has no volume for the claim is told from one that has no room', async () => {
    world.apply(spec({}));
    await world.look();
    const message = '0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.';
    const scheduled = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message };
    world.runPods({ phase: 'Pending', conditions: [scheduled] }, false);
    const status = await world.look();
    expect(status).toMatchObject({ state: 'pending', reason: 'Unschedulable', message });
    expect(status.hint).toContain('kubectl describe pvc');
  });
});

it.each([
  [{ mountPath: '/etc' }, {}, /cannot be the folder/],
  [{}, { replicas: 2 }, /ReadWriteMany for more than one/],
  [{ existingClaim: 'mcp-other-data' }, {}, /claim of a server of Berth/],
] as const)('what an older definition lets through is refused: %j %j', async (persistence, more, message) => {
  world.apply(spec(persistence, more));
  const status = await world.look();
  expect(status).toMatchObject({ state: 'failed', reason: 'InvalidSpec' });
  expect(status.message).toMatch(message);
});
