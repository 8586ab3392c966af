/**
 * The fixture's modern side against the suite without any gateway: what fails here is the fixture's fault, and what fails only through
 * the gateway is the gateway's.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSuite, type ScenarioResult } from '../support/conformance.ts';
import { fixtureLaunch } from '../support/conformance-fixture.ts';
import { stdioCarrier } from '../support/fronts/carrier.ts';
import type { Front } from '../support/fronts/http-server.ts';
import { startModernFront } from '../support/fronts/modern-front.ts';
import { SCORED_2026_07_28, TASKS_2026_07_28, UNSCORED_2026_07_28 } from './scenarios.ts';

describe.each(['modern', 'dual'] as const)('requirements of 2026-07-28, the %s fixture alone', (era) => {
  let front: Front;
  let results: Map<string, ScenarioResult>;

  beforeAll(async () => {
    front = await startModernFront(stdioCarrier(fixtureLaunch(era)));
    const revision = ['--requirements', '2026-07-28'];
    results = await runSuite('@modelcontextprotocol/conformance', front.url, revision);
  });
  afterAll(() => front?.close());

  it('runs exactly the known scenarios', () => {
    const known = [...SCORED_2026_07_28, ...UNSCORED_2026_07_28, ...TASKS_2026_07_28];
    expect([...results.keys()].sort()).toEqual(known.sort());
    expect(SCORED_2026_07_28).toHaveLength(37);
  });

  it.each(SCORED_2026_07_28)('passes %s without a warning', (name) => {
    expect(results.get(name)).toMatchObject({ failures: [], warnings: [] });
  });
});
