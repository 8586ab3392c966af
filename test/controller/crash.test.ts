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
/** Two containers in each pod: the supervisor, and the image beside it. */
const HTTP_IMAGE: McpServerSpec = {
  source: { image: { image: 'ghcr.io/acme/http:1', writablePaths: ['/srv'] } },
  secrets: [{ name: 'KEY', secretKeyRef: { name: 'vendor', key: 'token' } }],
  ...{ transport: 'http', port: 9_000, replicas: 2 },
};
/** A folder of one node is for one replica. */
const KEPT: McpServerSpec = { ...PACKAGE, replicas: 1, persistence: { size: '2Gi' } };
const BARE_IMAGE: McpServerSpec = { ...HTTP_IMAGE, replicas: 1 };
const KEPT_IMAGE: McpServerSpec = { ...BARE_IMAGE, persistence: { size: '2Gi' } };
const GOING_IMAGE: McpServerSpec = { ...BARE_IMAGE, persistence: { size: '2Gi', whenDeleted: 'Delete' } };
const THEIRS_IMAGE: McpServerSpec = { ...BARE_IMAGE, persistence: { existingClaim: 'theirs' } };
const CLAIM = `persistentvolumeclaims mcp-${NAME}-data`;

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
  ['an image that speaks HTTP is made a server', [HTTP_IMAGE], 'exec'],
  ['an image that speaks HTTP is made a server whose links go over the network', [HTTP_IMAGE], 'network'],
  ['an image that speaks HTTP is stopped', [HTTP_IMAGE, { ...HTTP_IMAGE, suspend: true }], 'exec'],
  ['an image that speaks HTTP takes the place of a package', [PACKAGE, HTTP_IMAGE], 'exec'],
] as const satisfies readonly (readonly [string, readonly McpServerSpec[], Carrier])[];

it.each(STORIES)(
  '%s: a crash at any step leaves nothing that nobody knows of, and the next run ends the same',
  async (_what, specs, carrier) => {
    await surviveEverywhere(specs, { carrier, left: [] });
  },
);

/** What is there of the claim as long as the server is, and once it has gone. */
const CLAIM_STORIES = [
  ['a server with a folder that stays is made', [KEPT], [CLAIM], [CLAIM]],
  ['a server with a folder that stays is stopped', [KEPT, { ...KEPT, suspend: true }], [CLAIM], [CLAIM]],
  ['an image is to have a folder that stays', [BARE_IMAGE, KEPT_IMAGE], [CLAIM], [CLAIM]],
  ['an image is to have its folder no longer', [KEPT_IMAGE, BARE_IMAGE], [CLAIM], [CLAIM]],
  ['a folder that goes with its server is made', [GOING_IMAGE], [CLAIM], []],
  ['a folder that goes with its server is to stay', [GOING_IMAGE, KEPT_IMAGE], [CLAIM], [CLAIM]],
  ['a folder that stays is to go with its server', [KEPT_IMAGE, GOING_IMAGE], [CLAIM], []],
  ['a folder that goes with its server is not wanted any longer', [GOING_IMAGE, BARE_IMAGE], [], []],
  ['a claim of somebody else’s takes the place of such a folder', [GOING_IMAGE, THEIRS_IMAGE], [], []],
] as const satisfies readonly (readonly [
  string,
  readonly McpServerSpec[],
  readonly string[],
  readonly string[],
])[];

it.each(CLAIM_STORIES)(
  '%s: a crash at any step leaves its claim once or not at all, as is wanted, and never makes it anew',
  async (_what, specs, wanted, left) => {
    expect((await expected(specs)).filter(isClaim)).toEqual(wanted);
    await surviveEverywhere(specs, {
      carrier: 'exec',
      left,
      // One that was removed and made again would be there once as well, and empty.
      look: ({ cluster }) =>
        expect(cluster.calls.filter((call) => call === `remove ${CLAIM}`)).toHaveLength(1 - wanted.length),
    });
  },
);

function isClaim(name: string): boolean {
  return name.startsWith('persistentvolumeclaims ');
}

interface Life {
  readonly carrier: Carrier;
  /** What outlives the server. */
  readonly left: readonly string[];
  /** At the end, before the server goes. */
  readonly look?: (world: ServerWorld) => void;
}

/** Lives a story once for every call of it, with a crash before or after that call, and then removes the server. */
async function surviveEverywhere(
  specs: readonly McpServerSpec[],
  { carrier, left, look = () => {} }: Life,
): Promise<void> {
  const goal = await expected(specs, carrier);
  // A specification that is refused would have an easy life.
  expect(goal).toContain(`deployments mcp-${NAME}`);
  for (const when of ['before', 'after'] as const) {
    for (let step = 0; ; step++) {
      const world = await worldOf(carrier);
      const crashed = crashAt(world, step, when);
      for (const spec of specs) {
        world.apply(spec);
        await surviving(world);
      }
      expect([when, step, await finalState(world)]).toEqual([when, step, goal]);
      look(world);
      world.cluster.drop(MCP_SERVERS, { namespace: NAMESPACE, name: NAME });
      expect([when, step, world.children]).toEqual([when, step, left]);
      expect([when, step, world.cluster.names.length]).toEqual([when, step, left.length]);
      if (!crashed()) break;
      expect(step).toBeLessThan(200);
    }
  }
}

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
