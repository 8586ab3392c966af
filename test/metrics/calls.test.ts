/** What is counted of real clients' calls, over every transport and in both eras. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHostSource } from '../../src/metrics/host-metrics.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { fixtureLaunch } from '../support/conformance-fixture.ts';
import { checkDefinitions, type ReadExposition, readExposition, seriesValue } from '../support/exposition.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { eventually } from '../support/local-process.ts';
import { connectSdk, SDK_CLIENTS, type SdkFlavour } from '../support/sdk-clients.ts';
import { session, TRANSPORTS } from '../support/transports.ts';

const TOOL = 'test_simple_text';
/** Servers that nothing but one test uses. */
const NAMES = [...SDK_CLIENTS.map(nameOf), 'states', 'failing'];

let gateway: TestGateway;

beforeAll(async () => {
  const launch = fixtureLaunch('legacy');
  const servers = NAMES.map((name) => ({ name, launch, eras: ['legacy'] as const }));
  gateway = await startGateway({ servers });
});
afterAll(() => gateway?.close());

function nameOf(flavour: SdkFlavour): string {
  return flavour.replaceAll(' ', '-');
}

function scrape(): ReadExposition {
  const { body } = createMetrics({ sources: [createHostSource(gateway.host)] }).expose(undefined);
  const read = readExposition(body, 'prometheus');
  checkDefinitions(read);
  return read;
}

function transportOf(flavour: SdkFlavour): string {
  return flavour.includes('websocket') ? 'websocket' : flavour.includes('sse') ? 'sse' : 'streamable-http';
}

it.each(SDK_CLIENTS)('calls of the SDK client %s', async (flavour) => {
  const server = nameOf(flavour);
  const client = await connectSdk(flavour, gateway.url(server));
  const before = seriesValue(scrape(), 'mcp_requests_total', { server, method: 'tools/call' }) ?? 0;
  for (let call = 0; call < 3; call++) await client.callTool(TOOL, {});
  const read = scrape();
  const labels = { server, method: 'tools/call', era: client.era ?? '', transport: transportOf(flavour) };
  expect(seriesValue(read, 'mcp_requests_total', { ...labels, status: 'success' })).toBe(before + 3);
  expect(seriesValue(read, 'mcp_requests_total', { server, method: 'tools/call' })).toBe(before + 3);
  expect(seriesValue(read, 'mcp_request_duration_seconds_count', { server, method: 'tools/call' })).toBe(
    before + 3,
  );
  await client.close();
});

describe('a server', () => {
  it.each(TRANSPORTS)('has its sessions over %s, and none when they have ended', async (transport) => {
    const opened = seriesValue(scrape(), 'mcp_sessions_total', { server: 'states' }) ?? 0;
    const client = await session(transport, gateway.url('states'));
    const during = scrape();
    expect(seriesValue(during, 'berth_sessions', { server: 'states', kind: 'session' })).toBe(1);
    expect(seriesValue(during, 'mcp_sessions_total', { server: 'states' })).toBe(opened + 1);
    expect(seriesValue(during, 'berth_processes', { server: 'states', state: 'used' })).toBe(1);
    expect(
      seriesValue(during, 'berth_process_bytes_total', { server: 'states', direction: 'to_server' }),
    ).toBeGreaterThan(0);
    await client.close();
    await eventually('the end of the session', () => {
      const after = scrape();
      return (
        seriesValue(after, 'berth_sessions', { server: 'states' }) === 0 &&
        seriesValue(after, 'berth_processes', { server: 'states' }) === 0
      );
    });
    expect(seriesValue(scrape(), 'berth_process_starts_total', { server: 'states', result: 'started' })).toBe(
      opened + 1,
    );
  });

  it('tells errors, and methods that clients make up are one', async () => {
    const client = await session('streamable-http', gateway.url('failing'));
    for (const method of ['made/up', 'made/up-too', `x${'y'.repeat(200)}`]) {
      const { message } = await client.request(JSON.stringify(method.slice(0, 8)), method);
      expect(message.error).toBeDefined();
    }
    const read = scrape();
    const made = { server: 'failing', method: 'other' };
    expect(seriesValue(read, 'mcp_requests_total', { ...made, status: 'error' })).toBe(3);
    const methods = read.samples
      .filter(({ name, labels }) => name === 'mcp_requests_total' && labels.server === 'failing')
      .map(({ labels }) => labels.method);
    expect([...new Set(methods)].sort()).toEqual(['initialize', 'other']);
    await client.close();
  });
});
