/** The released official suite against the fixtures that speak its era: over stdio, through the gateway. */
import { beforeAll, describe, expect, it } from 'vitest';
import { runSuite } from '../support/conformance.ts';
import { startGateway } from '../support/gateway.ts';
import { fixtureServer, type Results } from '../support/requirements.ts';
import { SUITE_2025 } from './scenarios.ts';

type Era = 'legacy' | 'dual';
const ERAS: readonly Era[] = ['legacy', 'dual'];

let runs: Map<Era, Results>;

async function run(era: Era): Promise<[Era, Results]> {
  const gateway = await startGateway({ servers: [fixtureServer(era)] });
  try {
    const url = `http://localhost:${gateway.port}/servers/fixture/mcp`;
    return [era, await runSuite('conformance-2025', url, ['--suite', 'all'])];
  } finally {
    await gateway.close();
  }
}

beforeAll(async () => {
  runs = new Map(await Promise.all(ERAS.map(run)));
});

describe.each(ERAS)('suite 0.1.16, all 32 scenarios, %s fixture', (era) => {
  it('runs exactly the known scenarios', () => {
    expect([...runs.get(era)!.keys()].sort()).toEqual([...SUITE_2025].sort());
    expect(SUITE_2025).toHaveLength(32);
  });

  it.each(SUITE_2025)('passes %s', (name) => {
    expect(runs.get(era)?.get(name)).toMatchObject({ failures: [] });
  });
});
