/** A server that nobody uses sleeps, and the next request wakes it, through whichever gateway; one that a gateway has not seen yet is no stranger to it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Secret } from '../../src/cluster/objects/config-secret.ts';
import { SECRETS } from '../../src/cluster/resources.ts';
import { eventually } from './support/cluster.ts';
import {
  type ClusterWorld,
  callSmall,
  openSmall,
  openWorld,
  smallServer,
  untilState,
  type WorldGateway,
} from './support/cluster-world.ts';

/** Milliseconds without use. */
const SLEEP = 3_000;

// Pods come and go slowly on a busy node.
vi.setConfig({ testTimeout: 300_000 });

let world: ClusterWorld;
let gateways: [WorldGateway, WorldGateway];

beforeAll(async () => {
  world = await openWorld({ sleep: SLEEP, drain: 10_000 });
  gateways = [await world.gateway(), await world.gateway()];
});
afterAll(() => world?.close());

it('sleeps when nobody uses it, not before; two requests at two gateways wake it once', async () => {
  const [one, other] = gateways;
  await world.apply('sleeper', smallServer('1', { replicas: 2 }));
  await untilState(world, 'sleeper', 'running');
  // As long as its client has a session it stays, used or not.
  const client = await openSmall(one, 'sleeper');
  const { pid } = await callSmall(client, 'whoami');
  await eventually('time without a call', async () => {
    const { status } = await world.server('sleeper');
    return Date.now() - Date.parse(status?.lastActivity ?? '') > 3 * SLEEP;
  });
  expect(await callSmall(client, 'whoami')).toMatchObject({ pid });
  await client.close();
  const { status, metadata, spec } = await untilState(world, 'sleeper', 'stopped');
  expect([status?.reason, status?.ready, spec.replicas]).toEqual(['Asleep', '0/0', 2]);
  await eventually('the end of its pods', async () => (await world.pods('sleeper')).length === 0);
  expect((await other.servers.get('sleeper')).status).toMatchObject({
    state: 'stopped',
    reason: 'Asleep',
    replicas: { desired: 0 },
  });

  const [first, second] = await Promise.all([openSmall(one, 'sleeper'), openSmall(other, 'sleeper')]);
  expect((await callSmall(first, 'whoami')).pid).toBeGreaterThan(0);
  expect((await callSmall(second, 'whoami')).pid).toBeGreaterThan(0);
  const { status: woken, metadata: after } = await untilState(world, 'sleeper', 'running');
  expect([woken?.ready, after.generation]).toEqual(['2/2', metadata.generation]);
  // They were told what those before have shown to speak, and have shown it themselves meanwhile.
  const told = (await world.pods('sleeper')).map(({ metadata }) => metadata.labels?.['berth.dev/generation']);
  expect(await Promise.all(told.map(knownEras))).toEqual([['legacy'], ['legacy']]);
  expect(woken?.eras).toEqual(['legacy']);
  await Promise.all([first.close(), second.close()]);
});

async function knownEras(generation = ''): Promise<unknown> {
  const { items } = await world.client.list<Secret>(SECRETS, { namespace: world.namespace });
  const text = items.find(({ metadata }) => metadata.name?.endsWith(`-${generation}`))?.data[
    'supervisor.json'
  ];
  const { servers } = JSON.parse(Buffer.from(text ?? '', 'base64').toString('utf8')) as {
    servers: readonly { readonly knownEras?: unknown }[];
  };
  return servers[0]?.knownEras;
}

it('no call is lost while it goes to sleep again and again', async () => {
  await world.apply('restless', smallServer('1'));
  await untilState(world, 'restless', 'running');
  // Requests come at all moments of falling asleep; each one opens a session, is answered, and leaves.
  let slept = 0;
  for (let round = 0; round < 40 && slept < 2; round++) {
    const client = await openSmall(gateways[round % 2] as WorldGateway, 'restless');
    expect((await callSmall(client, 'whoami')).version).toBe('1');
    await client.delete();
    const started = Date.now();
    let asleep = false;
    // The next one comes a little later each time, or when it has just been seen to sleep.
    while (!asleep && Date.now() - started < SLEEP - 500 + round * 400) {
      const { metadata } = await world.server('restless');
      asleep = metadata.annotations?.['berth.dev/asleep'] !== undefined;
      if (!asleep) await new Promise((resolve) => setTimeout(resolve, 100));
    }
    if (asleep) slept++;
  }
  expect(slept).toBe(2);
});

it('is called through a gateway whose watch has not shown it yet', async () => {
  const watching = Promise.withResolvers<void>();
  const late = await world.gateway(watching.promise);
  await world.apply('unseen', smallServer('1'));
  await untilState(world, 'unseen', 'running');
  expect(late.view.server('unseen')).toBeUndefined();
  const status = async (name: string): Promise<number> =>
    (await fetch(late.url(name), { method: 'DELETE' })).status;
  expect(await status('nobody')).toBe(404);
  const opening = openSmall(late, 'unseen');
  // It has been asked for, and waits for its replica as one that starts.
  expect(await Promise.race([opening.then(() => 'open'), sleep(1_000).then(() => 'waits')])).toBe('waits');
  watching.resolve();
  const client = await opening;
  expect((await callSmall(client, 'whoami')).version).toBe('1');
  await client.close();
});
