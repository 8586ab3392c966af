/**
 * The scenarios of 2026-07-28 over one WebSocket that all of a run's requests share, as the stdio binding has it: ids and tokens tell
 * them apart, and `notifications/cancelled` ends what the suite ends by closing a response.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { runSuite } from '../support/conformance.ts';
import { FIXTURE_ERAS, type FixtureEra } from '../support/conformance-fixture.ts';
import { webSocketCarrier } from '../support/fronts/carrier.ts';
import { startModernFront } from '../support/fronts/modern-front.ts';
import { startGateway } from '../support/gateway.ts';
import { fixtureServer, mayWarn, type Results } from '../support/requirements.ts';
import { SCORED_2026_07_28, UNSCORED_2026_07_28 } from './scenarios.ts';

/** Scenarios about something that a WebSocket message does not have; what they see here is the front that stands before it. */
const NO_CARRIER: ReadonlyMap<string, string> = new Map([
  ['http-header-validation', 'a message has no Mcp-Method and no Mcp-Name beside it'],
  ['http-custom-header-server-validation', 'a message has no Mcp-Param-* beside it'],
  ['server-sse-multiple-streams', 'one connection carries all answers'],
  ['dns-rebinding-protection', 'Host and Origin belong to the HTTP request that opened the connection'],
]);
const CARRIED = [...SCORED_2026_07_28, ...UNSCORED_2026_07_28].filter((name) => !NO_CARRIER.has(name));

const runs = new Map<FixtureEra, Results>();

async function run(era: FixtureEra): Promise<void> {
  const gateway = await startGateway({ servers: [fixtureServer(era)] });
  const front = await startModernFront(webSocketCarrier(gateway.url('fixture')));
  try {
    const revision = ['--requirements', '2026-07-28'];
    runs.set(era, await runSuite('@modelcontextprotocol/conformance', front.url, revision));
  } finally {
    await front.close();
    await gateway.close();
  }
}

// one after the other: the suite gives some first answers half a second
beforeAll(async () => {
  for (const era of FIXTURE_ERAS) await run(era);
});

describe.each(FIXTURE_ERAS)('requirements of 2026-07-28 over WebSocket, %s fixture', (era) => {
  it.each(CARRIED)('passes %s', (name) => {
    expect(runs.get(era)?.get(name)).toMatchObject({
      failures: [],
      passed: expect.toSatisfy((passed: number) => passed > 0),
      ...(!mayWarn(era, name) && { warnings: [] }),
    });
  });
});
