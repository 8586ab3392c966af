/**
 * The newer suite, which also checks each wire message against the schema of the revision: a client of 2026-07-28 and a server of either
 * era or both, over stdio through the gateway.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { FIXTURE_ERAS, type FixtureEra } from '../support/conformance-fixture.ts';
import { mayWarn, type Results, runRequirements } from '../support/requirements.ts';
import { SCORED_2026_07_28, TASKS_2026_07_28, UNSCORED_2026_07_28 } from './scenarios.ts';

const runs = new Map<FixtureEra, Results>();

// one after the other: the suite gives some first answers half a second
beforeAll(async () => {
  for (const era of FIXTURE_ERAS) runs.set(era, await runRequirements(era, '2026-07-28'));
});

describe.each(FIXTURE_ERAS)('requirements of 2026-07-28, %s fixture', (era) => {
  it('runs exactly the known scenarios', () => {
    const known = [...SCORED_2026_07_28, ...UNSCORED_2026_07_28, ...TASKS_2026_07_28].sort();
    expect([...runs.get(era)!.keys()].sort()).toEqual(known);
    expect(SCORED_2026_07_28).toHaveLength(37);
  });

  it.each(SCORED_2026_07_28)('passes %s', (name) => {
    expect(runs.get(era)?.get(name)).toMatchObject({
      failures: [],
      passed: expect.toSatisfy((passed: number) => passed > 0),
      ...(!mayWarn(era, name) && { warnings: [] }),
    });
  });

  it.each(UNSCORED_2026_07_28)('does not fail %s, which is not scored', (name) => {
    expect(runs.get(era)?.get(name)).toMatchObject({ failures: [], warnings: [] });
  });
});
