/**
 * The newer suite, which also checks each wire message against the schema of the revision; 30 of its scenarios are scored, 3 more run.
 * Against our fixture over stdio, through the gateway.
 */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSuite, type ScenarioResult } from '../support/conformance.ts';
import { startGateway } from '../support/gateway.ts';
import { SCORED_2025_11_25, UNSCORED_2025_11_25 } from './scenarios.ts';

const fixture = fileURLToPath(new URL('../fixtures/conformance-server/main.ts', import.meta.url));

describe('suite 0.2.0-alpha.12, requirements of 2025-11-25', () => {
  let gateway: Awaited<ReturnType<typeof startGateway>>;
  let results: Map<string, ScenarioResult>;

  beforeAll(async () => {
    gateway = await startGateway({
      servers: [{ name: 'fixture', launch: { file: process.execPath, args: [fixture] } }],
    });
    const url = `http://localhost:${gateway.port}/servers/fixture/mcp`;
    results = await runSuite('@modelcontextprotocol/conformance', url, ['--requirements', '2025-11-25']);
  });
  afterAll(() => gateway?.close());

  it('runs exactly the known scenarios', () => {
    expect([...results.keys()].sort()).toEqual([...SCORED_2025_11_25, ...UNSCORED_2025_11_25].sort());
    expect(results.size).toBe(33);
  });

  it.each(SCORED_2025_11_25)('passes %s', (name) => {
    expect(results.get(name)).toMatchObject({
      failures: [],
      passed: expect.toSatisfy((passed: number) => passed > 0),
    });
  });

  it.each(UNSCORED_2025_11_25)('does not fail %s, which is not scored', (name) => {
    expect(results.get(name)).toMatchObject({ failures: [] });
  });
});
