/**
 * The newer suite, which also checks each wire message against the schema of the revision: a client of 2025-11-25 and a server of either
 * era or both, over stdio through the gateway.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { FIXTURE_ERAS, type FixtureEra } from '../support/conformance-fixture.ts';
import { type Results, runRequirements } from '../support/requirements.ts';
import { SCORED_2025_11_25, UNSCORED_2025_11_25 } from './scenarios.ts';

let runs: Map<FixtureEra, Results>;

async function run(era: FixtureEra): Promise<[FixtureEra, Results]> {
  return [era, await runRequirements(era, '2025-11-25')];
}

beforeAll(async () => {
  runs = new Map(await Promise.all(FIXTURE_ERAS.map(run)));
});

describe.each(FIXTURE_ERAS)('requirements of 2025-11-25, %s fixture', (era) => {
  it('runs exactly the known scenarios', () => {
    const known = [...SCORED_2025_11_25, ...UNSCORED_2025_11_25].sort();
    expect([...runs.get(era)!.keys()].sort()).toEqual(known);
    expect(SCORED_2025_11_25).toHaveLength(30);
  });

  it.each(SCORED_2025_11_25)('passes %s without a warning', (name) => {
    expect(runs.get(era)?.get(name)).toMatchObject({
      failures: [],
      warnings: [],
      passed: expect.toSatisfy((passed: number) => passed > 0),
    });
  });

  it.each(UNSCORED_2025_11_25)('does not fail %s, which is not scored', (name) => {
    expect(runs.get(era)?.get(name)).toMatchObject({ failures: [] });
  });
});
