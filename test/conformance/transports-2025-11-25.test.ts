/**
 * The scenarios of 2025-11-25 over HTTP+SSE and over WebSocket: the suite speaks Streamable HTTP only, so each of its sessions is carried over
 * a connection of the transport.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSuite, type ScenarioResult } from '../support/conformance.ts';
import { fixtureLaunch } from '../support/conformance-fixture.ts';
import { sseCarrier, webSocketCarrier } from '../support/fronts/carrier.ts';
import { startLegacyFront } from '../support/fronts/legacy-front.ts';
import { startGateway } from '../support/gateway.ts';
import { SCORED_2025_11_25, UNSCORED_2025_11_25 } from './scenarios.ts';

/** Scenarios about something that neither transport has; what they see here is the front that stands before it. */
const NO_CARRIER: ReadonlyMap<string, string> = new Map([
  ['server-sse-multiple-streams', 'one stream carries all answers, a POST or a message has none of its own'],
  ['server-sse-polling', 'a closed stream ends the session, there is no Last-Event-ID'],
  ['server-session-lifecycle', 'the connection is the session: no session header, no DELETE'],
  ['dns-rebinding-protection', 'Host and Origin belong to the HTTP request that opened the connection'],
]);
const CARRIED = [...SCORED_2025_11_25, ...UNSCORED_2025_11_25].filter((name) => !NO_CARRIER.has(name));

const TRANSPORTS = { 'HTTP+SSE': sseCarrier, WebSocket: webSocketCarrier } as const;
type Transport = keyof typeof TRANSPORTS;

let gateway: Awaited<ReturnType<typeof startGateway>>;
let results: Map<Transport, Map<string, ScenarioResult>>;

async function run(transport: Transport): Promise<[Transport, Map<string, ScenarioResult>]> {
  const front = await startLegacyFront(TRANSPORTS[transport](gateway.url('fixture')));
  try {
    const revision = ['--requirements', '2025-11-25'];
    return [transport, await runSuite('@modelcontextprotocol/conformance', front.url, revision)];
  } finally {
    await front.close();
  }
}

beforeAll(async () => {
  gateway = await startGateway({ servers: [{ name: 'fixture', launch: fixtureLaunch('legacy') }] });
  results = new Map(await Promise.all([run('HTTP+SSE'), run('WebSocket')]));
});
afterAll(() => gateway?.close());

describe.each(['HTTP+SSE', 'WebSocket'] as const)('requirements of 2025-11-25 over %s', (transport) => {
  it.each(CARRIED)('passes %s without a warning', (name) => {
    expect(results.get(transport)?.get(name)).toMatchObject({
      failures: [],
      warnings: [],
      passed: expect.toSatisfy((passed: number) => passed > 0),
    });
  });
});
