/** A crash after, or just before, every single call that changes something (F-06). */
import { expect, it } from 'vitest';
import type { McpServerSpec } from '../../src/cluster/mcp-server.ts';
import { MCP_SERVERS } from '../../src/cluster/resources.ts';
import { NAME, NAMESPACE, ServerWorld } from '../support/server-world.ts';

const PACKAGE: McpServerSpec = {
  source: { npm: { name: '@modelcontextprotocol/server-everything' } },
  secrets: [{ name: 'KEY', secretKeyRef: { name: 'vendor', key: 'token' } }],
  replicas: 2,
};
const CHANGED: McpServerSpec = { ...PACKAGE, args: ['--changed'], replicas: 1 };

type Carrier = 'exec' | 'network';

class Crash extends Error {}

/** Makes the n-th call crash the controller, which then starts anew. True when it came to that. */
function crashAt(world: ServerWorld, n: number, when: 'before' | 'after'): () => boolean {
  let calls = 0;
  let crashed = false;
  world.cluster[when] = () => {
    if (calls++ !== n) return;
    crashed = true;
    throw new Crash();
  };
  return () => crashed;
}

async function surviving(world: ServerWorld): Promise<void> {
  for (;;) {
    try {
      await world.settle();
      return;
    } catch (thrown) {
      if (!(thrown instanceof Crash)) throw thrown;
      world.restart();
    }
  }
}

/** What is there in the end, without what an installer leaves to the next look. */
async function finalState(world: ServerWorld): Promise<string[]> {
  await world.settle();
  return world.children;
}

async function worldOf(carrier: Carrier): Promise<ServerWorld> {
  const world = new ServerWorld();
  if (carrier === 'network') await world.overNetwork();
  return world;
}

async function expected(specs: readonly McpServerSpec[], carrier: Carrier = 'exec'): Promise<string[]> {
  const world = await worldOf(carrier);
  for (const spec of specs) {
    world.apply(spec);
    await world.settle();
  }
  return await finalState(world);
}

const STORIES = [
  ['a server is made', [PACKAGE], 'exec'],
  ['a server is made whose links go over the network', [PACKAGE], 'network'],
  ['a server is changed', [PACKAGE, CHANGED], 'exec'],
  [
    'a server is changed before it is there',
    [PACKAGE, { ...CHANGED, source: { npm: { name: 'other' } } }, CHANGED],
    'exec',
  ],
  ['a server is stopped', [PACKAGE, { ...PACKAGE, suspend: true }], 'exec'],
] as const satisfies readonly (readonly [string, readonly McpServerSpec[], Carrier])[];

it.each(STORIES)(
  '%s: a crash at any step leaves nothing that nobody knows of, and the next run ends the same',
  async (_what, specs, carrier) => {
    const goal = await expected(specs, carrier);
    for (const when of ['before', 'after'] as const) {
      for (let step = 0; ; step++) {
        const world = await worldOf(carrier);
        const crashed = crashAt(world, step, when);
        for (const spec of specs) {
          world.apply(spec);
          await surviving(world);
        }
        expect([when, step, await finalState(world)]).toEqual([when, step, goal]);
        world.cluster.drop(MCP_SERVERS, { namespace: NAMESPACE, name: NAME });
        expect([when, step, world.cluster.names]).toEqual([when, step, []]);
        if (!crashed()) break;
        expect(step).toBeLessThan(200);
      }
    }
  },
);

it('a crash just before a change of the specification leaves no Secret of the one before', async () => {
  const steps = await countSteps();
  const goal = await expected([CHANGED]);
  for (let step = 0; step < steps; step++) {
    const world = new ServerWorld();
    crashAt(world, step, 'after');
    world.apply(PACKAGE);
    await world.settle().catch(() => world.restart());
    world.cluster.after = () => {};
    world.apply(CHANGED);
    await world.settle();
    expect([step, await finalState(world)]).toEqual([step, goal]);
  }
});

async function countSteps(): Promise<number> {
  const world = new ServerWorld();
  world.apply(PACKAGE);
  await world.settle();
  return world.cluster.calls.length;
}
