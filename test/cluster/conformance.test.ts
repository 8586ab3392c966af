/** The official suites against the fixture in a pod, through a gateway that reaches it by either carrier. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Carrier } from '../../src/cluster/pod-carrier.ts';
import { SCORED_2025_11_25, SCORED_2026_07_28 } from '../conformance/scenarios.ts';
import { runSuite } from '../support/conformance.ts';
import type { Results } from '../support/requirements.ts';
import { openCluster, type TestCluster } from './support/cluster.ts';
import { startPodGateway } from './support/pod-gateway.ts';
import { startServer } from './support/server-pod.ts';
import { createTestLinks } from './support/test-links.ts';

const folder = fileURLToPath(new URL('../fixtures/conformance-server', import.meta.url));
const program = { kind: 'script', runtime: 'node', code: "import './main.ts';" } as const;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await openCluster();
});
afterAll(() => cluster?.close());

async function run(carrier: Carrier, era: 'legacy' | 'modern', revision: string): Promise<Results> {
  const authority = carrier === 'network' ? await createTestLinks() : undefined;
  const own = await authority?.client();
  // Every scenario has a session or two of its own, and few of them end it.
  const behavior = { era, limits: { sessions: 500 } };
  const server = { name: `${era}-${carrier}`, program, folder, args: ['--era', era], behavior };
  const pods = [await startServer(cluster, { ...server, ...(authority && { authority }) })];
  const gateway = await startPodGateway({ ...cluster, pods, ...(own && { identity: () => own }) });
  try {
    const url = `http://localhost:${gateway.port}/servers/${server.name}/mcp`;
    return await runSuite('@modelcontextprotocol/conformance', url, ['--requirements', revision]);
  } finally {
    await gateway.close();
  }
}

const REQUIREMENTS = [
  ['2025-11-25', 'legacy', SCORED_2025_11_25, 30],
  ['2026-07-28', 'modern', SCORED_2026_07_28, 37],
] as const;
/** Milliseconds for a whole suite, on a machine that has other things to do. */
const LONGEST = 600_000;
const CARRIERS: readonly Carrier[] = ['exec', 'network'];

describe.each(CARRIERS.flatMap((carrier) => REQUIREMENTS.map((row) => [...row, carrier] as const)))(
  'requirements of %s for a %s server',
  (revision, era, scored, count, carrier) => {
    let results: Results;
    beforeAll(async () => {
      results = await run(carrier, era, revision);
    }, LONGEST);

    it(`are all run through ${carrier}`, () => {
      expect(scored).toHaveLength(count);
      expect([...results.keys()]).toEqual(expect.arrayContaining([...scored]));
    });

    it.each(scored)(`are kept through ${carrier}: %s`, (name) => {
      expect(results.get(name)).toMatchObject({
        failures: [],
        warnings: [],
        passed: expect.toSatisfy((passed: number) => passed > 0),
      });
    });
  },
);
