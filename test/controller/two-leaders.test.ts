/**
 * Two controllers that both believe they lead, with clocks five minutes apart (F-07). A lease keeps them apart
 * (test/cluster-unit/lease.test.ts); what they do must not depend on it.
 */
import { describe, expect, it } from 'vitest';
import type { McpServerSpec } from '../../src/cluster/mcp-server.ts';
import { DEPLOYMENTS, MCP_SERVERS } from '../../src/cluster/resources.ts';
import { Applier } from '../../src/controller/applier.ts';
import { type ClusterApi, observe } from '../../src/controller/cluster-api.ts';
import { type ReconcileTools, reconcile } from '../../src/controller/reconcile.ts';
import { tree } from '../support/blueprints.ts';
import { NAME, NAMESPACE, ServerWorld } from '../support/server-world.ts';

const SKEW = 5 * 60_000;
const SEEDS = 10;
const ROUNDS = 30;
const TARGET = { namespace: NAMESPACE, name: NAME };
const SLEEP = 60_000;

const PACKAGE: McpServerSpec = {
  source: { npm: { name: '@modelcontextprotocol/server-everything' } },
  secrets: [{ name: 'KEY', secretKeyRef: { name: 'vendor', key: 'token' } }],
  replicas: 2,
};
const CHANGED: McpServerSpec = { ...PACKAGE, args: ['--changed'], replicas: 1 };
const IMAGE: McpServerSpec = {
  source: { image: { image: 'ghcr.io/acme/mcp:1', entrypoint: ['/mcp'] } },
  replicas: 2,
  limits: { sleep: SLEEP },
};

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The same cluster, whose answers come after some turns: so calls of two that look at one time mix in any order. */
function unsteady(api: ClusterApi, random: () => number): ClusterApi {
  const late = async (): Promise<void> => {
    for (let turns = Math.floor(random() * 8); turns > 0; turns--) await Promise.resolve();
  };
  return new Proxy(api, {
    get: (target, verb: keyof ClusterApi) =>
      typeof target[verb] !== 'function'
        ? target[verb]
        : async (...given: never[]) => {
            await late();
            const done = await (target[verb] as (...args: never[]) => Promise<unknown>).apply(target, given);
            await late();
            return done;
          },
  });
}

interface Leader {
  readonly tools: ReconcileTools;
}

function leader(world: ServerWorld, random: () => number, ahead: number): Leader {
  const api = unsteady(world.cluster, random);
  const now = (): number => world.time + ahead;
  return { tools: { ...world.tools, api, now, applier: new Applier(api, now) } };
}

/** One look of both at the same time. What one of them is refused because the other was faster it does again, as its queue would. */
async function bothLook(world: ServerWorld, leaders: readonly Leader[]): Promise<void> {
  const { server } = world;
  const looks = leaders.map(async ({ tools }) => {
    const { signal } = new AbortController();
    const observed = observe(world.view, server.metadata.uid ?? '');
    const { status } = await reconcile(server, observed, { tools, signal });
    world.cluster.setStatus(MCP_SERVERS, TARGET, status);
  });
  for (const { status, reason } of (await Promise.allSettled(looks)) as {
    status: string;
    reason?: unknown;
  }[])
    if (status === 'rejected') expect(reason).toMatchObject({ code: 'conflict' });
}

async function bothSettle(world: ServerWorld, leaders: readonly Leader[]): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const before = JSON.stringify(world.cluster.names);
    await bothLook(world, leaders);
    expect(world.cluster.list(DEPLOYMENTS).length).toBeLessThanOrEqual(1);
    for (const job of world.jobs) world.endJob(job, { tree });
    world.runPods();
    if (JSON.stringify(world.cluster.names) === before && round > 3) return;
  }
}

async function alone(specs: readonly McpServerSpec[]): Promise<string[]> {
  const world = new ServerWorld();
  for (const spec of specs) {
    world.apply(spec);
    await world.settle();
  }
  return world.children;
}

describe.each([
  ['makes a server', [PACKAGE]],
  ['changes a server', [PACKAGE, CHANGED]],
  ['stops a server', [PACKAGE, { ...PACKAGE, suspend: true }]],
] as const)('each of them %s', (_what, specs) => {
  it('ends with what one of them alone would have made, and nothing twice', async () => {
    const goal = await alone(specs);
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = new ServerWorld();
      const random = seeded(seed);
      const leaders = [leader(world, random, 0), leader(world, random, SKEW)];
      for (const spec of specs) {
        world.apply(spec);
        await bothSettle(world, leaders);
      }
      expect([seed, world.children]).toEqual([seed, goal]);
      expect(world.replicas).toHaveLength(specs.at(-1)?.suspend ? 0 : (specs.at(-1)?.replicas ?? 0));
      world.cluster.drop(MCP_SERVERS, TARGET);
      expect([seed, world.cluster.names]).toEqual([seed, []]);
    }
  });
});

describe('a server that may sleep', () => {
  const asleep = (world: ServerWorld): string | undefined =>
    world.server.metadata.annotations?.['berth.dev/asleep'];

  it.each([
    ['ahead', SKEW],
    ['behind', -SKEW],
  ])('is left alone while somebody uses it, though one clock is %s', async (_which, skew) => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = new ServerWorld();
      const random = seeded(seed);
      const leaders = [leader(world, random, 0), leader(world, random, skew)];
      world.apply(IMAGE);
      await bothSettle(world, leaders);
      world.reports.set('*', { sessions: 1, inUse: true, lastActivity: world.time - 10 * SLEEP });
      for (let look = 0; look < 5; look++) {
        world.time += SLEEP;
        await bothLook(world, leaders);
      }
      expect([asleep(world), world.rested, world.deployment.spec.replicas]).toEqual([undefined, [], 2]);
    }
  });

  it('is not put to sleep when one of its replicas was used after it said that nobody does', async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = new ServerWorld();
      const random = seeded(seed);
      const leaders = [leader(world, random, 0), leader(world, random, SKEW)];
      world.apply(IMAGE);
      await bothSettle(world, leaders);
      world.reports.set('*', { sessions: 0, inUse: false, lastActivity: world.time });
      world.rests = () => random() < 0.5 && world.rested.length === 0;
      world.time += SLEEP;
      await bothLook(world, leaders);
      expect([seed, asleep(world), world.deployment.spec.replicas]).toEqual([seed, undefined, 2]);
    }
  });
});
