/** A requirement set of the newer suite against one fixture behind a gateway. */
import { runSuite, type ScenarioResult } from './conformance.ts';
import { type FixtureEra, fixtureLaunch } from './conformance-fixture.ts';
import { startGateway, type TestServer } from './gateway.ts';

export type Revision = '2025-11-25' | '2026-07-28';
export type Results = ReadonlyMap<string, ScenarioResult>;

/** The eras that each fixture has. */
export const SPEAKS = { legacy: ['legacy'], modern: ['modern'], dual: ['legacy', 'modern'] } as const;

/** True where a warning is right: answers without a state belong to no call of a legacy server, so the call is made anew. */
export function mayWarn(era: FixtureEra, name: string): boolean {
  return era === 'legacy' && name === 'input-required-result-ignore-extra-params';
}

/** The fixture as a server of a test gateway. */
export function fixtureServer(era: FixtureEra): TestServer {
  return { name: 'fixture', launch: fixtureLaunch(era), eras: SPEAKS[era] };
}

/** Runs the set over Streamable HTTP. The gateway is the run's own: calls that one run leaves parked hold names that another needs. */
export async function runRequirements(era: FixtureEra, revision: Revision): Promise<Results> {
  const gateway = await startGateway({ servers: [fixtureServer(era)] });
  try {
    const url = `http://localhost:${gateway.port}/servers/fixture/mcp`;
    return await runSuite('@modelcontextprotocol/conformance', url, ['--requirements', revision]);
  } finally {
    await gateway.close();
  }
}
