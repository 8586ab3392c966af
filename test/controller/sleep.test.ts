import { beforeEach, describe, expect, it } from 'vitest';
import type { McpServerSpec } from '../../src/cluster/mcp-server.ts';
import { MCP_SERVERS } from '../../src/cluster/resources.ts';
import { NAME, NAMESPACE, ServerWorld } from '../support/server-world.ts';

const ASLEEP = 'berth.dev/asleep';
const AFTER = 60_000;
const SPEC: McpServerSpec = {
  source: { image: { image: 'ghcr.io/acme/mcp:1', entrypoint: ['/mcp'] } },
  replicas: 2,
  limits: { sleep: AFTER },
};

let world: ServerWorld;
const asleep = (): string | undefined => world.server.metadata.annotations?.[ASLEEP];

beforeEach(async () => {
  world = new ServerWorld();
  world.apply(SPEC);
  await world.settle();
  world.reports.set('*', { sessions: 0, inUse: false, lastActivity: world.time });
});

describe('a server that nobody has used for as long as it says', () => {
  it('closes its replicas, then is said to sleep, then has none; its number stays', async () => {
    world.time += AFTER - 1;
    await world.look();
    expect([world.rested, asleep()]).toEqual([[], undefined]);
    world.time += 1;
    const names = world.replicas.map(({ metadata }) => metadata.name);
    await world.look();
    expect([world.rested, asleep(), world.deployment.spec.replicas]).toEqual([names, '1', 2]);
    expect(await world.settle()).toMatchObject({ state: 'stopped', reason: 'Asleep', ready: '0/0' });
    expect([world.deployment.spec.replicas, world.server.spec.replicas]).toEqual([0, 2]);
  });

  it('comes back as it was, and does not sleep again before it was used', async () => {
    world.time += AFTER;
    await world.look();
    await world.settle();
    world.time += 10 * AFTER;
    world.apply(SPEC, { 'berth.dev/woken-at': new Date(world.time).toISOString() });
    expect(await world.settle()).toMatchObject({ state: 'running', ready: '2/2' });
    world.time += AFTER - 1;
    await world.look();
    expect(asleep()).toBeUndefined();
  });

  it('is woken by a change of its specification', async () => {
    world.time += AFTER;
    await world.look();
    await world.settle();
    world.apply({ ...SPEC, args: ['--new'] }, { [ASLEEP]: '1' });
    expect(await world.settle()).toMatchObject({ state: 'running', ready: '2/2' });
  });
});

it.each(['Failed', 'Succeeded'] as const)(
  'an evicted pod that lies about (%s) keeps no server awake',
  async (phase) => {
    world.putPod('mcp-demo-evicted', world.deployment, { phase, reason: 'Evicted' });
    world.time += AFTER;
    await world.look();
    expect([asleep(), world.rested]).toEqual(['1', expect.not.arrayContaining(['mcp-demo-evicted'])]);
  },
);

describe('a server stays', () => {
  it.each<readonly [string, () => void]>([
    ['while somebody uses a replica', () => world.reports.set(first(), { sessions: 1, inUse: true })],
    ['while a replica does not answer', () => world.reports.delete('*')],
    ['while a supervisor of before cannot say', () => world.reports.set('*', { sessions: 0 })],
    [
      'when a replica was used between question and closing',
      () => {
        world.rests = () => false;
      },
    ],
    ['while it is rolled', () => world.setDeployment({ replicas: 3, readyReplicas: 2, updatedReplicas: 1 })],
    ['that never sleeps', () => world.apply({ ...SPEC, limits: { sleep: 0 } })],
    [
      'that was used a moment ago',
      () => world.reports.set(first(), { sessions: 0, inUse: false, lastActivity: world.time }),
    ],
    [
      'that was just woken, by a clock that goes ahead',
      () => world.apply(SPEC, { 'berth.dev/woken-at': '2099-01-01T00:00:00Z' }),
    ],
  ])('%s', async (_what, given) => {
    world.time += AFTER;
    given();
    await world.look();
    expect([asleep(), world.deployment.spec.replicas]).toEqual([undefined, 2]);
  });

  it('when it was changed between look and note', async () => {
    world.time += AFTER;
    world.rests = () => {
      world.apply({ ...SPEC, args: ['--new'] });
      return true;
    };
    await world.outcome();
    expect(asleep()).toBeUndefined();
  });

  it('when closing its replicas takes so long that they may be open again', async () => {
    world.time += AFTER;
    world.rests = () => {
      world.time += 6_000;
      return true;
    };
    await world.look();
    expect(asleep()).toBeUndefined();
  });

  const first = (): string => world.replicas[0]?.metadata.name ?? '';
});

it('where nothing is said the setting counts', async () => {
  const { limits: _limits, ...rest } = SPEC;
  world.apply(rest);
  await world.settle();
  world.time += 1_800_000;
  await world.look();
  expect(asleep()).toBe(`${world.server.metadata.generation}`);
  expect(world.cluster.list(MCP_SERVERS)[0]?.metadata).toMatchObject({ name: NAME, namespace: NAMESPACE });
});

it('the time after which it sleeps makes no new pods', async () => {
  const { template } = world.deployment.spec;
  world.apply({ ...SPEC, limits: { sleep: 5_000 } });
  await world.settle();
  expect(world.deployment.spec.template).toEqual(template);
});
