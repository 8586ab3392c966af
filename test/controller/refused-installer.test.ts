/** Installers that the cluster makes no pod for: a Job says that nowhere but in Events. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { McpServerSpec } from '../../src/cluster/mcp-server.ts';
import type { Job } from '../../src/cluster/objects/installer-job.ts';
import { JOBS, PODS } from '../../src/cluster/resources.ts';
import { NAMESPACE, ServerWorld } from '../support/server-world.ts';

const PACKAGE: McpServerSpec = { source: { npm: { name: '@modelcontextprotocol/server-everything' } } };
const QUOTA =
  'Error creating: pods "x" is forbidden: exceeded quota: small, requested: pods=1, limited: pods=1';
const LONG = 5_000;

let world: ServerWorld;
let job: Job;
beforeEach(async () => {
  world = new ServerWorld();
  world.apply(PACKAGE);
  await world.look();
  job = world.jobs[0]!;
  // As the cluster has it, which knows when it was made.
  const creationTimestamp = new Date(world.time).toISOString();
  world.cluster.drop(JOBS, { namespace: NAMESPACE, name: job.metadata.name! });
  world.cluster.put(JOBS, { ...job, metadata: { ...job.metadata, creationTimestamp } });
  world.asked.length = 0;
});

const refuse = (note: string): void => {
  world.warning = { reason: 'FailedCreate', note };
};

it('has a moment for its pod, in which nobody is asked', async () => {
  refuse(QUOTA);
  const { status, again } = await world.outcome();
  expect([status.reason, world.asked]).toEqual(['Installing', []]);
  expect(again).toBeGreaterThan(0);
});

describe('one whose pod is refused', () => {
  beforeEach(() => {
    world.time += LONG;
  });

  it.each([
    ['a quota', QUOTA, 'QuotaExceeded', /Raise the ResourceQuota.*servers\.installer\.resources/],
    [
      'a limit range',
      'Error creating: pods "x" is forbidden: maximum memory usage per Container is 64Mi, but limit is 1Gi',
      ...(['FailedCreate', /servers\.installer\.resources/] as const),
    ],
    [
      'a webhook',
      'Error creating: admission webhook "gate.example.com" denied the request: no',
      ...(['FailedCreate', /webhook/] as const),
    ],
    ['anything', 'Error creating: no', 'FailedCreate', /kubectl describe job -l berth\.dev\/server=demo/],
  ])('says which of %s it was, in the words of the cluster', async (_what, note, reason, hint) => {
    refuse(note);
    const { status, again } = await world.outcome();
    expect(status).toMatchObject({
      ...{ state: 'failed', reason, phase: 'schedule' },
      message: expect.stringContaining(note),
      hint: expect.stringMatching(hint),
    });
    expect(world.asked).toEqual([job.metadata.name]);
    // Nothing of the Job changes when there is room again.
    expect(again).toBeGreaterThan(0);
  });

  it('goes on by itself', async () => {
    refuse(QUOTA);
    await world.look();
    world.putPod('installer', job, { phase: 'Running' });
    world.asked.length = 0;
    expect(await world.look()).toMatchObject({ state: 'starting', reason: 'Installing' });
    expect(world.asked).toEqual([]);
    world.cluster.drop(PODS, { namespace: NAMESPACE, name: 'installer' });
    world.warning = undefined;
    expect(await world.settle()).toMatchObject({ state: 'running', reason: 'Ready' });
  });

  it('is an installation as any other while nothing is said of it', async () => {
    expect(await world.look()).toMatchObject({ state: 'starting', reason: 'Installing' });
    expect(world.asked).toEqual([job.metadata.name]);
  });
});

describe('an installation whose time is over', () => {
  const end = async (status: object): Promise<string | undefined> => {
    const condition = { type: 'Failed', status: 'True', reason: 'DeadlineExceeded' };
    const lastTransitionTime = new Date(world.time).toISOString();
    const target = { namespace: NAMESPACE, name: job.metadata.name! };
    world.cluster.setStatus(JOBS, target, { ...status, conditions: [{ ...condition, lastTransitionTime }] });
    const told = await world.look();
    expect(told).toMatchObject({ state: 'failed', reason: 'InstallTimeout' });
    return told.hint;
  };

  it('without any pod does not blame registries', async () => {
    const hint = await end({});
    expect(hint).toContain(`kubectl describe job ${job.metadata.name}`);
    expect(hint).toMatch(/quota/);
    expect(hint).not.toMatch(/registr/);
  });

  it('with one that is gone may have missed them', async () => {
    expect(await end({ failed: 1 })).toMatch(/registr/);
  });
});

it('a pod that is refused to nobody in particular is no problem of replicas', async () => {
  await world.settle();
  refuse(QUOTA);
  world.runPods();
  expect(await world.look()).toMatchObject({ state: 'running', reason: 'Ready' });
});
