/** The released official suite against the fixtures that speak its era: over stdio and over HTTP, through the gateway. */
import { beforeAll, describe, expect, it } from 'vitest';
import { runSuite } from '../support/conformance.ts';
import { fixtureLaunch } from '../support/conformance-fixture.ts';
import { stdioCarrier } from '../support/fronts/carrier.ts';
import { startLegacyFront } from '../support/fronts/legacy-front.ts';
import { startGateway, type TestServer } from '../support/gateway.ts';
import { fixtureServer, type Results, SPEAKS } from '../support/requirements.ts';
import { SUITE_2025 } from './scenarios.ts';

const ROWS = [
  ['legacy', 'stdio'],
  ['dual', 'stdio'],
  ['legacy', 'HTTP'],
  ['dual', 'HTTP'],
] as const;
type Row = (typeof ROWS)[number];

/** What a closed stream is taken up again by is a recommendation, and a warning where it is not followed. */
const RECOMMENDED = 'server-sse-polling';

const runs = new Map<string, Results>();

interface Running {
  readonly server: TestServer;
  readonly close: () => Promise<void>;
}

/** The fixture as a server, and how to end what stands before it. */
async function serverOf([era, how]: Row): Promise<Running> {
  if (how === 'stdio') return { server: fixtureServer(era), close: () => Promise.resolve() };
  if (era === 'dual') return await behindGateway(fixtureServer(era));
  const front = await startLegacyFront(stdioCarrier(fixtureLaunch(era)));
  return { server: { name: 'fixture', remote: { url: front.url } }, close: () => front.close() };
}

/** At a URL that speaks both eras. */
async function behindGateway(server: TestServer): Promise<Running> {
  const inner = await startGateway({ servers: [server] });
  const remote = { url: `${inner.url(server.name)}/mcp` };
  return { server: { name: 'fixture', remote, eras: SPEAKS.dual }, close: () => inner.close() };
}

async function run(row: Row): Promise<void> {
  const { server, close } = await serverOf(row);
  const gateway = await startGateway({ servers: [server] });
  try {
    const url = `http://localhost:${gateway.port}/servers/fixture/mcp`;
    runs.set(String(row), await runSuite('conformance-2025', url, ['--suite', 'all']));
  } finally {
    await gateway.close();
    await close();
  }
}

beforeAll(async () => {
  await Promise.all(ROWS.map(run));
});

describe.each(ROWS)('suite 0.1.16, all 32 scenarios, %s fixture over %s', (...row) => {
  it('runs exactly the known scenarios', () => {
    expect([...runs.get(String(row))!.keys()].sort()).toEqual([...SUITE_2025].sort());
    expect(SUITE_2025).toHaveLength(32);
  });

  it.each(SUITE_2025)('passes %s', (name) => {
    expect(runs.get(String(row))?.get(name)).toMatchObject({
      failures: [],
      passed: expect.toSatisfy((passed: number) => passed > 0 || name === RECOMMENDED),
    });
  });
});
