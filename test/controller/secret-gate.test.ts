/** Secrets that a server names: none is mounted before its owner has released it, nor kept once it is no longer. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { McpServerSpec } from '../../src/cluster/mcp-server.ts';
import { type KubeObject, PODS, SECRETS } from '../../src/cluster/resources.ts';
import { CHECK_EVERY, CONFIRM_AFTER } from '../../src/controller/secret-check.ts';
import { NAMESPACE, ServerWorld } from '../support/server-world.ts';

const naming = (...names: string[]): McpServerSpec => ({
  source: { script: { runtime: 'node', code: 'x' } },
  secrets: names.map((name, index) => ({ name: `TOKEN_${index}`, secretKeyRef: { name, key: 'token' } })),
});
const label = (name: string): string => `kubectl -n ${NAMESPACE} label secret ${name} berth.dev/usable=true`;

let world: ServerWorld;
/** Requests in which the API server was asked about Secrets. */
let questions: number;
beforeEach(() => {
  world = new ServerWorld();
  world.settings = { ...world.settings, checksSecrets: true };
  questions = 0;
  world.cluster.before = ({ verb }) => {
    if (verb === 'try') questions++;
  };
});

const make = (name: string, labels: Readonly<Record<string, string>> = {}): void =>
  world.cluster.put(SECRETS, { metadata: { namespace: NAMESPACE, name, labels } });
const release = (name: string): void => make(name, { 'berth.dev/usable': 'true' });
const lose = (name: string): void => world.cluster.drop(SECRETS, { namespace: NAMESPACE, name });
const run = async (...names: string[]): Promise<void> => {
  for (const name of names) release(name);
  world.apply(naming(...names));
  await world.look();
  world.runPods();
  expect(await world.look()).toMatchObject({ state: 'running', reason: 'Ready' });
};

describe('a server that names a Secret', () => {
  it('that is not there has no pods, says so, and starts by itself once it is there and released', async () => {
    world.apply(naming('vendor'));
    const { status, again } = await world.outcome();
    expect(world.deployments).toEqual([]);
    expect(status).toMatchObject({
      ...{ state: 'pending', reason: 'ReferenceMissing', phase: 'spawn', ready: '0/1' },
      message: 'demo waits for Secret vendor',
      hint: expect.stringContaining(label('vendor')),
    });
    expect(status.conditions.find(({ type }) => type === 'Degraded')).toMatchObject({
      ...{ status: 'True', reason: 'ReferenceMissing' },
    });
    expect(again).toBeGreaterThan(0);
    make('vendor');
    expect(await world.look()).toMatchObject({
      ...{ state: 'pending', reason: 'SecretNotReleased', phase: 'spawn' },
      message: 'demo waits for Secret vendor, which may not be used by servers',
      hint: expect.stringContaining(label('vendor')),
    });
    expect(world.deployments).toEqual([]);
    release('vendor');
    const started = await world.look();
    expect([started.hint, world.deployment.spec.replicas]).toEqual([undefined, 1]);
    world.runPods();
    expect(await world.look()).toMatchObject({ state: 'running' });
  });

  it('that is one of several waits for each, and says which', async () => {
    release('first');
    make('second');
    world.apply(naming('first', 'second', 'third'));
    const status = await world.look();
    expect(status).toMatchObject({
      reason: 'SecretNotReleased',
      message: 'demo waits for Secret third and Secret second, which may not be used by servers',
    });
    expect(status.hint).toContain(label('third second'));
    expect(world.deployments).toEqual([]);
  });

  it('in a header of a server elsewhere waits as well', async () => {
    const headers = [{ name: 'Authorization', secretKeyRef: { name: 'vendor', key: 'token' } }];
    world.apply({ source: { remote: { url: 'https://mcp.example.com/mcp', headers } } });
    expect(await world.look()).toMatchObject({ reason: 'ReferenceMissing' });
    expect(world.deployments).toEqual([]);
  });

  it('asks in parts when it names many', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `s${index}`);
    await run(...names);
    expect(questions).toBeGreaterThan(1);
  });

  it('has its package installed meanwhile', async () => {
    world.apply({ source: { npm: { name: 'some-server' } }, secrets: naming('vendor').secrets ?? [] });
    await world.look();
    expect([world.jobs.length, world.deployments.length]).toEqual([1, 0]);
  });

  it('is not asked about while it is stopped, and is when it is started', async () => {
    world.apply({ ...naming('vendor'), suspend: true });
    expect(await world.look()).toMatchObject({ state: 'stopped' });
    expect(questions).toBe(0);
    world.apply(naming('vendor'));
    expect(await world.look()).toMatchObject({ reason: 'ReferenceMissing' });
    expect(world.deployment.spec.replicas).toBe(0);
  });

  it('is not asked about where the policies of the chart are not in force', async () => {
    world.settings = { ...world.settings, checksSecrets: false };
    world.apply(naming('vendor'));
    await world.look();
    expect([questions, world.deployment.spec.replicas]).toEqual([0, 1]);
  });
});

describe('a server that runs', () => {
  const later = (ms: number): void => {
    world.time += ms;
  };

  it('is asked about now and then, not at every look', async () => {
    await run('vendor');
    const before = questions;
    await world.look();
    expect(questions).toBe(before);
    later(CHECK_EVERY);
    const { again } = await world.outcome();
    expect(questions).toBe(before + 1);
    expect(again).toBeLessThanOrEqual(CHECK_EVERY);
  });

  it('is asked about again before it is scaled up or restarted', async () => {
    await run('vendor');
    const before = questions;
    world.apply({ ...naming('vendor'), replicas: 2 });
    await world.look();
    expect(questions).toBe(before + 1);
    world.runPods();
    world.apply({ ...naming('vendor'), replicas: 2 }, { 'berth.dev/restarted-at': '2026-11-25T12:30:00Z' });
    make('vendor');
    const { template } = world.deployment.spec;
    expect(await world.look()).toMatchObject({ reason: 'SecretNotReleased' });
    expect(world.deployment.spec.template).toEqual(template);
  });

  it('goes on when its Secret is gone, makes no pods without it, and says so', async () => {
    await run('vendor');
    lose('vendor');
    later(CHECK_EVERY);
    world.apply({ ...naming('vendor'), replicas: 3 });
    await world.look();
    later(CONFIRM_AFTER);
    expect(await world.look()).toMatchObject({ state: 'degraded', reason: 'ReferenceMissing' });
    expect(world.deployment.spec.replicas).toBe(1);
    release('vendor');
    later(CONFIRM_AFTER);
    await world.look();
    expect(world.deployment.spec.replicas).toBe(3);
  });

  it('can be scaled down without its Secret', async () => {
    release('vendor');
    world.apply({ ...naming('vendor'), replicas: 3 });
    await world.look();
    world.runPods();
    lose('vendor');
    later(CHECK_EVERY);
    world.apply({ ...naming('vendor'), replicas: 1 });
    await world.look();
    expect(world.deployment.spec.replicas).toBe(1);
  });

  it.each([
    ['whose label is taken away', () => make('vendor')],
    [
      'that is deleted and made anew without the label',
      () => {
        lose('vendor');
        make('vendor');
      },
    ],
  ])('is stopped on account of a Secret %s, and started again once it is labelled', async (_what, change) => {
    await run('vendor');
    change();
    later(CHECK_EVERY);
    // Whoever makes it anew may be about to label it.
    const { status, again } = await world.outcome();
    expect(status).toMatchObject({ state: 'degraded', reason: 'SecretNotReleased' });
    expect([world.deployment.spec.replicas, again]).toEqual([1, CONFIRM_AFTER]);
    later(CONFIRM_AFTER);
    await world.look();
    expect(world.deployment.spec.replicas).toBe(0);
    world.runPods();
    expect(await world.look()).toMatchObject({
      ...{ state: 'pending', reason: 'SecretNotReleased', ready: '0/1' },
      hint: expect.stringContaining(label('vendor')),
    });
    release('vendor');
    later(CONFIRM_AFTER);
    await world.look();
    expect(world.deployment.spec.replicas).toBe(1);
  });

  it('is left alone when a Secret is made anew and labelled a moment later', async () => {
    await run('vendor');
    make('vendor');
    later(CHECK_EVERY);
    await world.look();
    release('vendor');
    later(CONFIRM_AFTER);
    expect(await world.look()).toMatchObject({ state: 'running', reason: 'Ready' });
    make('vendor');
    later(CHECK_EVERY);
    await world.look();
    expect(world.deployment.spec.replicas).toBe(1);
  });

  it('goes on as it was when its new version names a Secret that is not released', async () => {
    await run('vendor');
    make('other');
    world.apply(naming('other'));
    const before = world.deployment.spec.template;
    expect(await world.look()).toMatchObject({ state: 'degraded', reason: 'SecretNotReleased' });
    later(CONFIRM_AFTER);
    await world.look();
    expect(world.deployment.spec.template).toEqual(before);
    expect(world.deployment.spec.replicas).toBe(1);
    release('other');
    later(CONFIRM_AFTER);
    await world.look();
    expect(world.deployment.spec.template).not.toEqual(before);
  });

  it('loses pods of an earlier version whose Secret is withdrawn, though the new one does not name it', async () => {
    await run('vendor');
    release('other');
    world.apply(naming('other'));
    // The new version is made, and the pods of the one before stay until it is ready.
    await world.look();
    make('vendor');
    later(CHECK_EVERY);
    await world.look();
    later(CONFIRM_AFTER);
    await world.look();
    expect(world.deployment.spec.replicas).toBe(0);
    for (const { metadata } of world.replicas)
      world.cluster.drop(PODS, { namespace: NAMESPACE, name: metadata.name ?? '' });
    later(CONFIRM_AFTER);
    await world.look();
    expect(world.deployment.spec.replicas).toBe(1);
  });
});

it('an evicted pod that had a Secret which no other has any more takes nobody with it', async () => {
  await run('old');
  const [pod] = world.replicas;
  world.apply(naming('new'));
  release('new');
  await world.settle();
  const evicted = { ...pod, status: { phase: 'Failed', reason: 'Evicted' } };
  world.cluster.put(PODS, evicted as KubeObject);
  make('old');
  for (let round = 0; round < 3; round++) {
    world.time += CHECK_EVERY;
    expect(await world.look()).toMatchObject({ state: 'running', reason: 'Ready', ready: '1/1' });
  }
  expect(world.deployment.spec.replicas).toBe(1);
});
