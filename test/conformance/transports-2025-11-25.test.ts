/**
 * The scenarios of 2025-11-25 over HTTP+SSE and over WebSocket: the suite speaks Streamable HTTP only, so each of its sessions is carried over
 * a connection of the transport.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { runSuite } from '../support/conformance.ts';
import { sseCarrier, webSocketCarrier } from '../support/fronts/carrier.ts';
import { startLegacyFront } from '../support/fronts/legacy-front.ts';
import { startGateway } from '../support/gateway.ts';
import { fixtureServer, type Results } from '../support/requirements.ts';
import { SCORED_2025_11_25, UNSCORED_2025_11_25 } from './scenarios.ts';

/** Scenarios about something that neither transport has; what they see here is the front that stands before it. */
const NO_CARRIER: ReadonlyMap<string, string> = new Map([
  ['server-sse-multiple-streams', 'one stream carries all answers, a POST or a message has none of its own'],
  ['server-sse-polling', 'a closed stream ends the session, there is no Last-Event-ID'],
  ['server-session-lifecycle', 'the connection is the session: no session header, no DELETE'],
  ['dns-rebinding-protection', 'Host and Origin belong to the HTTP request that opened the connection'],
]);
const CARRIED = [...SCORED_2025_11_25, ...UNSCORED_2025_11_25].filter((name) => !NO_CARRIER.has(name));

const CARRIERS = { 'HTTP+SSE': sseCarrier, WebSocket: webSocketCarrier } as const;
const ROWS = [
  ['HTTP+SSE', 'legacy'],
  ['WebSocket', 'legacy'],
  ['HTTP+SSE', 'modern'],
  ['WebSocket', 'modern'],
] as const;
type Row = (typeof ROWS)[number];

const runs = new Map<string, Results>();

async function run([transport, era]: Row): Promise<void> {
  const gateway = await startGateway({ servers: [fixtureServer(era)] });
  const front = await startLegacyFront(CARRIERS[transport](gateway.url('fixture')));
  try {
    const revision = ['--requirements', '2025-11-25'];
    const results = await runSuite('@modelcontextprotocol/conformance', front.url, revision);
    runs.set(`${transport} ${era}`, results);
  } finally {
    await front.close();
    await gateway.close();
  }
}

beforeAll(async () => {
  await Promise.all(ROWS.map(run));
});

describe.each(ROWS)('requirements of 2025-11-25 over %s, %s fixture', (transport, era) => {
  it.each(CARRIED)('passes %s without a warning', (name) => {
    expect(runs.get(`${transport} ${era}`)?.get(name)).toMatchObject({
      failures: [],
      warnings: [],
      passed: expect.toSatisfy((passed: number) => passed > 0),
    });
  });
});
