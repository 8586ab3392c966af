/** The released official suite: against our fixture over stdio, through the gateway. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSuite, type ScenarioResult } from '../support/conformance.ts';
import { startGateway } from '../support/gateway.ts';
import { SUITE_2025 } from './scenarios.ts';

const fixture = fileURLToPath(new URL('../fixtures/conformance-server/main.ts', import.meta.url));

describe('suite 0.1.16, all 32 scenarios', () => {
  let gateway: Awaited<ReturnType<typeof startGateway>>;
  let results: Map<string, ScenarioResult>;

  beforeAll(async () => {
    gateway = await startGateway({
      servers: [{ name: 'fixture', launch: { file: process.execPath, args: [fixture] } }],
    });
    const url = `http://localhost:${gateway.port}/servers/fixture/mcp`;
    results = await runSuite('conformance-2025', url, ['--suite', 'all']);
  });
  afterAll(() => gateway?.close());

  it('runs exactly the known scenarios', () => {
    expect([...results.keys()].sort()).toEqual([...SUITE_2025].sort());
    expect(results.size).toBe(32);
  });

  it.each(SUITE_2025)('passes %s', (name) => {
    expect(results.get(name)).toMatchObject({ failures: [] });
  });
});
