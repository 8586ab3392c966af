/** The official SDK on both ends, an era apart: its version 1 clients on a modern-only server of its version 2, over all transports. */
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { eventually } from '../support/local-process.ts';

const fixture = fileURLToPath(new URL('../fixtures/sdk-server/main.ts', import.meta.url));
const TRANSPORTS: Readonly<Record<string, (base: string) => unknown>> = {
  'Streamable HTTP': (base) => new StreamableHTTPClientTransport(new URL(`${base}/mcp`)),
  'HTTP+SSE': (base) => new SSEClientTransport(new URL(`${base}/sse`)),
  WebSocket: (base) => new WebSocketClientTransport(new URL(`${base.replace(/^http/, 'ws')}/ws`)),
};
const ROOTS = [{ uri: 'file:///root', name: 'root' }];
const IDEA = { role: 'assistant' as const, content: { type: 'text' as const, text: 'idea' }, model: 'm' };
const NAME = { action: 'accept' as const, content: { name: 'ada' } };

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    servers: [{ name: 'sdk', launch: { file: process.execPath, args: [fixture] }, eras: ['modern'] }],
  });
});
afterAll(() => gateway?.close());

describe.each(Object.keys(TRANSPORTS))('over %s', (transport) => {
  let client: Client;
  /** What the client was told, by method. */
  const told: [string, unknown][] = [];

  beforeEach(async () => {
    told.length = 0;
    client = new Client(
      { name: 'berth-test', version: '1.0.0' },
      { capabilities: { elicitation: {}, sampling: {}, roots: { listChanged: true } } },
    );
    client.setRequestHandler(ElicitRequestSchema, () => NAME);
    client.setRequestHandler(CreateMessageRequestSchema, () => IDEA);
    client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: ROOTS }));
    for (const schema of [
      LoggingMessageNotificationSchema,
      ResourceUpdatedNotificationSchema,
      ToolListChangedNotificationSchema,
    ])
      client.setNotificationHandler(schema, ({ method, params }) => void told.push([method, params]));
    await client.connect(TRANSPORTS[transport]?.(gateway.url('sdk')) as Transport);
  });
  afterEach(() => client.close());

  async function call(name: string): Promise<string> {
    const { content } = await client.callTool({ name });
    return (content as { text: string }[])[0]?.text ?? '';
  }

  it('the server says who it is', () => {
    expect(client.getServerVersion()).toEqual({ name: 'sdk-modern', version: '1.0.0' });
    expect(client.getServerCapabilities()).toMatchObject({ logging: {}, resources: { subscribe: true } });
  });

  it('a tool whose output is a list passes the validation of the client', async () => {
    const { tools } = await client.listTools();
    expect(tools.find(({ name }) => name === 'numbers')?.outputSchema).toMatchObject({ type: 'object' });
    expect(await client.callTool({ name: 'numbers' })).toMatchObject({
      content: [{ type: 'text', text: '[1,2]' }],
      structuredContent: { result: [1, 2] },
    });
  });

  it('a tool gets all the input that it asks for', async () => {
    expect(JSON.parse(await call('ask'))).toEqual({
      name: NAME,
      idea: IDEA,
      roots: { roots: ROOTS },
      state: 'st"ate/é',
    });
  });

  it('progress and logs come', async () => {
    const steps: number[] = [];
    await client.setLoggingLevel('info');
    await client.callTool({ name: 'work' }, undefined, {
      onprogress: ({ progress }) => steps.push(progress),
    });
    expect(steps).toEqual([1, 2, 3]);
    await eventually('word of it', () => told.length > 0);
    expect(told).toEqual([['notifications/message', { level: 'info', data: 'working' }]]);
  });

  it('without a level no log comes', async () => {
    expect(await call('work')).toBe('worked');
    await client.ping();
    expect(told).toEqual([]);
  });

  it('a change of the tools is told', async () => {
    await call('grow');
    await eventually('word of it', () =>
      told.some(([method]) => method === 'notifications/tools/list_changed'),
    );
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('grown');
  });

  it('an update of a resource is told to those who subscribed, while they are', async () => {
    await call('touch');
    await client.subscribeResource({ uri: 'memo:watched' });
    await call('touch');
    await eventually('word of it', () => told.length > 0);
    expect(told).toEqual([['notifications/resources/updated', { uri: 'memo:watched' }]]);
    await client.unsubscribeResource({ uri: 'memo:watched' });
    await call('touch');
    await client.ping();
    expect(told).toHaveLength(1);
  });

  it('a resource that is not there has the code of the legacy era', async () => {
    await expect(client.readResource({ uri: 'memo:none' })).rejects.toMatchObject({ code: -32002 });
  });
});
