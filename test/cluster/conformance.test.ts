/** The official suites against the fixture in a pod, through a gateway that reaches it by exec. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCORED_2025_11_25, SCORED_2026_07_28 } from '../conformance/scenarios.ts';
import { runSuite } from '../support/conformance.ts';
import type { Results } from '../support/requirements.ts';
import { openCluster, type TestCluster } from './support/cluster.ts';
import { startExecGateway } from './support/exec-gateway.ts';
import { startServer } from './support/server-pod.ts';

const folder = fileURLToPath(new URL('../fixtures/conformance-server', import.meta.url));
const program = { kind: 'script', runtime: 'node', code: "import './main.ts';" } as const;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await openCluster();
});
afterAll(() => cluster?.close());

async function run(era: 'legacy' | 'modern', revision: string): Promise<Results> {
  const server = { name: era, program, folder, args: ['--era', era], behavior: { era } };
  const gateway = await startExecGateway(cluster, [await startServer(cluster, server)]);
  try {
    const url = `http://localhost:${gateway.port}/servers/${era}/mcp`;
    return await runSuite('@modelcontextprotocol/conformance', url, ['--requirements', revision]);
  } finally {
    await gateway.close();
  }
}

describe.each([
  ['2025-11-25', 'legacy', SCORED_2025_11_25, 30],
  ['2026-07-28', 'modern', SCORED_2026_07_28, 37],
] as const)('requirements of %s through exec', (revision, era, scored, count) => {
  let results: Results;
  beforeAll(async () => {
    results = await run(era, revision);
  });

  it('are all run', () => {
    expect(scored).toHaveLength(count);
    expect([...results.keys()]).toEqual(expect.arrayContaining([...scored]));
  });

  it.each(scored)('are kept: %s', (name) => {
    expect(results.get(name)).toMatchObject({
      failures: [],
      warnings: [],
      passed: expect.toSatisfy((passed: number) => passed > 0),
    });
  });
});
