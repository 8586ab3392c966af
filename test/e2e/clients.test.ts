/** The official SDKs' clients against our fixture: lists, calls, progress and elicitation over every transport. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { connectSdk, SDK_CLIENTS, type SdkClient } from '../support/sdk-clients.ts';

const fixture = fileURLToPath(new URL('../fixtures/conformance-server/main.ts', import.meta.url));

let gateway: Awaited<ReturnType<typeof startGateway>>;

beforeAll(async () => {
  gateway = await startGateway({
    servers: [{ name: 'fixture', launch: { file: process.execPath, args: [fixture] } }],
  });
});
afterAll(() => gateway?.close());

describe.each(SDK_CLIENTS)('the SDK client %s', (flavour) => {
  let client: SdkClient;

  beforeAll(async () => {
    client = await connectSdk(flavour, gateway.url('fixture'));
  });
  afterAll(() => client?.close());

  it('sees the server itself', () => {
    expect(client.serverName).toBe('berth-conformance-fixture');
  });

  it('lists and calls tools', async () => {
    expect(await client.listTools()).toContain('test_simple_text');
    expect(await client.callTool('test_simple_text', {})).toBe('Plain text from the fixture');
  });

  it('gets all progress of its call', async () => {
    const progress: number[] = [];
    await client.callTool('test_tool_with_progress', {}, (value) => progress.push(value));
    expect(progress).toEqual([0, 50, 100]);
  });

  it('is asked by the server while its call runs', async () => {
    expect(await client.callTool('test_elicitation', { message: 'Who?' })).toContain('"username":"ada"');
  });
});
