/** Groups of real servers of both eras, used by the official clients of both versions over real HTTP. */
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as StreamableV2,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createControlListener } from '../../src/api/control-listener.ts';
import { systemClock } from '../../src/clock.ts';
import { createGroupEndpoint, type GroupEndpoint } from '../../src/control/group-endpoint.ts';
import { BerthError } from '../../src/errors.ts';
import { GroupLists } from '../../src/groups/group-lists.ts';
import { parseGroup } from '../../src/groups/group-spec.ts';
import { Groups } from '../../src/groups/groups.ts';
import { type AskServer, ServerCalls } from '../../src/servers/server-calls.ts';
import { SqliteGroupStore } from '../../src/store/group-store.ts';
import { LongStreams } from '../../src/transports/long-streams.ts';
import { FIXTURE_ERAS, fixtureLaunch } from '../support/conformance-fixture.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { eventually } from '../support/local-process.ts';
import { ModernHttpClient } from '../support/modern-client.ts';
import { ownSeal } from '../support/own-seal.ts';
import { connectedPeers } from '../support/peers.ts';
import { SPEAKS } from '../support/requirements.ts';
import { connectSdk, ELICITED, SAMPLED, type SdkFlavour } from '../support/sdk-clients.ts';

const KEYS = { ada: `berth_${'a'.repeat(43)}`, bob: `berth_${'b'.repeat(43)}` };
const FLAVOURS: readonly SdkFlavour[] = [
  'v1 streamable-http',
  'v2 legacy streamable-http',
  'v2 auto streamable-http',
  'v2 modern streamable-http',
];
const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';

let gateway: TestGateway;
let endpoint: GroupEndpoint;
let groups: Groups;
const streams = new LongStreams(systemClock);
const seal = ownSeal();
/** Servers that cannot be called. */
const down = new Set<string>();

beforeAll(async () => {
  groups = new Groups(new SqliteGroupStore(':memory:'));
  gateway = await startGateway({
    servers: FIXTURE_ERAS.map((era) => ({ name: era, launch: fixtureLaunch(era), eras: SPEAKS[era] })),
    keys: KEYS,
    control: ({ guard, ask: really }) => {
      const ask: AskServer = (call) => {
        if (down.has(call.server)) throw new BerthError('stopped', `the server ${call.server} is stopped`);
        return really(call);
      };
      const isUp = (server: string) => !down.has(server);
      const lists = new GroupLists(new ServerCalls(async (call) => ask(call)));
      endpoint = createGroupEndpoint({ groups, lists, isUp, seal, streams, ask: async (call) => ask(call) });
      const app = { fetch: () => new Response(null, { status: 404 }) };
      return createControlListener({ app, groups: endpoint, guard, ready: () => true });
    },
  });
});
afterAll(async () => {
  await endpoint?.close();
  await gateway?.close();
});
beforeEach(() => {
  down.clear();
  groups.put(
    parseGroup({
      name: 'both',
      title: 'Both eras',
      instructions: 'Use them well.',
      servers: ['legacy', { server: 'modern', prefix: 'm-', tools: ['test_*'] }],
    }),
  );
});

const base = (name: string): string => `http://127.0.0.1:${gateway.port}/groups/${name}`;

describe.each(FLAVOURS)('a client %s of a group', (flavour) => {
  it('sees the tools of all servers in their order, and calls each', async () => {
    const client = await connectSdk(flavour, base('both'));
    expect(client.serverName).toBe('both');
    const tools = await client.listTools();
    expect(tools).toContain('legacy__test_simple_text');
    expect(tools).toContain('m-test_simple_text');
    expect(new Set(tools).size).toBe(tools.length);
    const firstModern = tools.findIndex((name) => name.startsWith('m-'));
    expect(tools.slice(firstModern).every((name) => name.startsWith('m-'))).toBe(true);
    for (const name of ['legacy__test_simple_text', 'm-test_simple_text'])
      expect(await client.callTool(name, {})).toBe('Plain text from the fixture');
    await client.close();
  });

  it.each(['legacy__', 'm-'])('is told of progress and asked by %s servers', async (prefix) => {
    const client = await connectSdk(flavour, base('both'));
    const steps: number[] = [];
    await client.callTool(`${prefix}test_tool_with_progress`, {}, { progress: (step) => steps.push(step) });
    expect(steps).toEqual([0, 50, 100]);
    expect(await client.callTool(`${prefix}test_elicitation`, { message: 'Who?' })).toContain(
      ELICITED.username,
    );
    expect(await client.callTool(`${prefix}test_sampling`, { prompt: 'Say it' })).toContain(SAMPLED.text);
    await client.close();
  });

  it('gets the error of a server as it is, and one of its own for what is not there', async () => {
    const client = await connectSdk(flavour, base('both'));
    await expect(client.callTool('m-nothing', {})).rejects.toThrow(/no tool "m-nothing"/);
    await expect(client.callTool('nothing', {})).rejects.toThrow(/has no tool "nothing"/);
    await client.close();
  });

  it('loses the tools of a server that is down, and goes on with the others', async () => {
    const client = await connectSdk(flavour, base('both'));
    expect(await client.listTools()).toContain('legacy__test_simple_text');
    down.add('legacy');
    const left = await client.listTools();
    expect(left.filter((name) => name.startsWith('legacy__'))).toEqual([]);
    expect(await client.callTool('m-test_simple_text', {})).toBe('Plain text from the fixture');
    await expect(client.callTool('legacy__test_simple_text', {})).rejects.toThrow(
      /server legacy of the group cannot be called: the server legacy is stopped/,
    );
    await client.close();
  });
});

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at member by member
type Json = Record<string, any>;

async function connectLegacy(name = 'both', key?: string) {
  const client = new Client({ name: 'agent', version: '1' });
  const requestInit = { headers: key === undefined ? {} : { Authorization: `Bearer ${key}` } };
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${base(name)}/mcp`), { requestInit }) as never,
  );
  return client;
}

it('tells what it is', async () => {
  const client = await connectLegacy();
  expect(client.getServerVersion()).toMatchObject({ name: 'both', title: 'Both eras' });
  expect(client.getInstructions()).toBe('Use them well.');
  await client.close();
});

it.each(['legacy__', 'm-'])('hands the trace of a call on to %s servers', async (prefix) => {
  const trace = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'a=b' };
  const client = await connectLegacy();
  const call = { name: `${prefix}test_trace_context`, arguments: {}, _meta: { ...trace, 'vendor/x': 1 } };
  const { content } = (await client.callTool(call)) as Json;
  expect(JSON.parse(content[0].text)).toEqual({ ...trace, baggage: null });
  await client.close();
});

it('shows only the tools that it allows, and calls no other', async () => {
  groups.put(
    parseGroup({
      name: 'few',
      servers: [
        { server: 'legacy', tools: ['test_simple_text'] },
        { server: 'modern', tools: [] },
      ],
    }),
  );
  const client = await connectLegacy('few');
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['legacy__test_simple_text']);
  for (const name of ['legacy__test_image_content', 'modern__test_simple_text', 'test_image_content'])
    await expect(client.callTool({ name })).rejects.toThrow(/has no tool/);
  await client.close();
});

it('has prompts under the names of the group, and their completions', async () => {
  const client = await connectLegacy();
  const names = (await client.listPrompts()).prompts.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['legacy__test_simple_prompt', 'm-test_simple_prompt']));
  expect((await client.getPrompt({ name: 'm-test_simple_prompt' })).messages.length).toBeGreaterThan(0);
  const args = { name: 'legacy__test_prompt_with_arguments', argument: { name: 'arg1', value: '' } };
  const ref = { type: 'ref/prompt' as const, name: args.name };
  expect((await client.complete({ ref, argument: args.argument })).completion.values).toBeInstanceOf(Array);
  await client.close();
});

it('has each resource once, under its own URI, and reads those that no list names', async () => {
  const client = await connectLegacy();
  const { resources } = await client.listResources();
  const uris = resources.map(({ uri }) => uri);
  expect(new Set(uris).size).toBe(uris.length);
  const [first] = uris;
  expect((await client.readResource({ uri: first ?? '' })).contents.length).toBeGreaterThan(0);
  const { resourceTemplates } = await client.listResourceTemplates();
  const uri = (resourceTemplates[0]?.uriTemplate ?? '').replace(/\{[^}]+\}/g, '1');
  expect((await client.readResource({ uri })).contents.length).toBeGreaterThan(0);
  await expect(client.readResource({ uri: 'test://nothing' })).rejects.toThrow();
  await client.close();
});

it('tells in its log which server does not answer', async () => {
  const client = await connectLegacy();
  const told: Json[] = [];
  client.fallbackNotificationHandler = async ({ method, params }) => {
    if (method === 'notifications/message') told.push(params as Json);
  };
  down.add('modern');
  await client.listTools();
  await eventually('a message', () => told.length > 0);
  expect(told[0]).toMatchObject({
    level: 'warning',
    logger: 'berth',
    data: { server: 'modern', code: 'stopped', message: 'the server modern is stopped' },
  });
  await client.close();
});

describe('changes', () => {
  const triggers = { legacy: 'legacy__test_trigger_tool_change', modern: 'm-test_trigger_tool_change' };

  /** Counts the changes of the list of tools that a client is told of. */
  async function listener(era: 'legacy' | 'modern') {
    let count = 0;
    if (era === 'legacy') {
      const client = await connectLegacy();
      client.fallbackNotificationHandler = async ({ method }) => {
        if (method === 'notifications/tools/list_changed') count++;
      };
      return {
        changes: () => count,
        call: (name: string) => client.callTool({ name }),
        close: () => client.close(),
      };
    }
    const client = new ClientV2(
      { name: 'agent', version: '1' },
      {
        versionNegotiation: { mode: { pin: '2026-07-28' } },
        listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged: () => void count++ } },
      },
    );
    await client.connect(new StreamableV2(new URL(`${base('both')}/mcp`)));
    return {
      changes: () => count,
      call: (name: string) => client.callTool({ name, arguments: {} }),
      close: () => client.close(),
    };
  }

  it('are listened to until the gateway goes away, which completes the listen', async () => {
    const client = new ModernHttpClient(`${base('both')}/mcp`, { key: KEYS.ada });
    const listen = client.start('subscriptions/listen', { notifications: { toolsListChanged: true } });
    await listen.inbox.take('its acknowledgement', ({ message }) => message.method === ACKNOWLEDGED);
    expect(streams.waiting).toBe(1);
    const answer = listen.answer();
    await streams.leave(60_000);
    expect((await answer).message.result).toMatchObject({ resultType: 'complete' });
    expect(streams.waiting).toBe(0);
  });

  it.each(['legacy', 'modern'] as const)('reach %s clients, whichever server they come from', async (era) => {
    const client = await listener(era);
    for (const trigger of Object.values(triggers)) {
      const before = client.changes();
      // Its stream may still be on its way when the first call is made.
      await eventually(`a change by ${trigger}`, async () => {
        if (client.changes() > before) return true;
        await client.call(trigger);
        return client.changes() > before;
      });
    }
    await client.close();
  });

  it.each(['legacy', 'modern'] as const)(
    'of servers and of the group itself reach %s clients',
    async (era) => {
      const client = await listener(era);
      const changed = async (what: string, change: () => void) => {
        const before = client.changes();
        change();
        await eventually(what, () => client.changes() > before);
      };
      // Its stream is open when a first change has come through.
      await eventually('the stream', () => {
        if (client.changes() > 0) return true;
        groups.put(groups.get('both').spec);
        return false;
      });
      await changed('a server that went down', () => down.add('legacy'));
      await changed('a server that came up', () => down.delete('legacy'));
      await changed('a group that was changed', () =>
        groups.put(parseGroup({ name: 'both', servers: ['modern'] })),
      );
      await client.close();
    },
  );
});

describe('who may use it', () => {
  const post = (path: string, headers: Record<string, string> = {}, body: Json = {}) =>
    fetch(`http://127.0.0.1:${gateway.port}${path}`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        ...headers,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...body }),
    });
  const initialize = {
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
  };

  it('whoever may use its servers, and nobody with a wrong key', async () => {
    expect((await post('/groups/both/mcp', { Authorization: 'Bearer berth_wrong' }, initialize)).status).toBe(
      401,
    );
    expect((await post('/groups/both/mcp', { Authorization: `Bearer ${KEYS.bob}` }, initialize)).status).toBe(
      200,
    );
    expect((await post('/groups/both/mcp', { Origin: 'https://evil.example.com' }, initialize)).status).toBe(
      403,
    );
  });

  it('a session only by the caller who opened it, on the group that it was opened on', async () => {
    const opened = await post('/groups/both/mcp', { Authorization: `Bearer ${KEYS.ada}` }, initialize);
    const session = { 'Mcp-Session-Id': opened.headers.get('mcp-session-id') ?? '' };
    const list = { method: 'tools/list' };
    groups.put(parseGroup({ name: 'other', servers: ['legacy'] }));
    const tries = [
      ['/groups/both/mcp', KEYS.ada, 200],
      ['/groups/both/mcp', KEYS.bob, 404],
      ['/groups/other/mcp', KEYS.ada, 404],
    ] as const;
    for (const [path, key, status] of tries)
      expect((await post(path, { ...session, Authorization: `Bearer ${key}` }, list)).status).toBe(status);
  });

  it.each(['/groups/nobody/mcp', '/groups/both', '/groups/both/sse', '/groups//mcp'])(
    '%s leads nowhere',
    async (path) => {
      const response = await post(path, {}, initialize);
      expect([response.status, ((await response.json()) as Json).error.data.code]).toEqual([
        404,
        'not-found',
      ]);
    },
  );

  it('ends its sessions when a group is removed', async () => {
    groups.put(parseGroup({ name: 'short', servers: ['legacy'] }));
    const client = await connectLegacy('short');
    groups.remove('short');
    await expect(client.listTools()).rejects.toThrow(/no group/);
    await client.close();
  });
});

it('a legacy client without a session lists and calls', async () => {
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
  const send = (method: string, message?: object) =>
    fetch(`${base('both')}/mcp`, {
      method,
      headers: { ...headers, Authorization: `Bearer ${KEYS.ada}` },
      ...(message && { body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }) }),
    });
  const listed = await send('POST', { method: 'tools/list' });
  expect([listed.status, listed.headers.get('mcp-session-id')]).toEqual([200, null]);
  expect(await listed.text()).toContain('m-test_simple_text');
  const params = { name: 'm-test_simple_text', arguments: {} };
  expect(await (await send('POST', { method: 'tools/call', params })).text()).toContain('Plain text');
  expect((await send('GET')).status).toBe(405);
});

it('takes no body that is larger than a message may be, however it comes', async () => {
  const send = (init: RequestInit & { duplex?: 'half' }) =>
    fetch(`${base('both')}/mcp`, {
      ...{ method: 'POST', ...init },
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        Authorization: `Bearer ${KEYS.ada}`,
      },
    });
  const padded = (bytes: number) =>
    JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/list',
      params: { _meta: { x: 'x'.repeat(bytes) } },
    });
  expect((await send({ body: padded(1024 * 1024) })).status).toBe(200);
  let sent = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new Uint8Array(64 * 1024).fill(32));
      if (++sent === 200) controller.close();
    },
  });
  for (const body of [padded(5 * 1024 * 1024), endless]) {
    const refused = await send({ body, duplex: 'half' });
    expect([refused.status, ((await refused.json()) as Json).code]).toEqual([413, 'too-large']);
  }
});

describe('groups that several gateways serve', () => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  /** Each request goes to the other one than the request before; the URL of the group. */
  async function startTwo() {
    const shared = new Groups(new SqliteGroupStore(':memory:'));
    await shared.create(groups.get('both').spec);
    let turns = 0;
    const several = await startGateway({
      servers: FIXTURE_ERAS.map((era) => ({ name: era, launch: fixtureLaunch(era), eras: SPEAKS[era] })),
      control: ({ guard, ask }) => {
        const lists = new GroupLists(new ServerCalls(async (call) => ask(call)));
        const gateways = connectedPeers(2).map((peers) =>
          createGroupEndpoint({ groups: shared, lists, isUp: () => true, ask, seal, peers }),
        );
        for (const one of gateways) closing.push(() => one.close());
        const fetch: GroupEndpoint['fetch'] = (...request) =>
          (gateways[turns++ % 2] as GroupEndpoint).fetch(...request);
        const app = { fetch: () => new Response(null, { status: 404 }) };
        return createControlListener({ app, groups: { fetch }, guard, ready: () => true });
      },
    });
    closing.push(() => several.close());
    return { url: `http://127.0.0.1:${several.port}/groups/both`, shared, turns: () => turns };
  }

  it.each(FLAVOURS)('serve a client %s as one, its questions included', async (flavour) => {
    const { url, turns } = await startTwo();
    const client = await connectSdk(flavour, url);
    expect(await client.listTools()).toContain('m-test_simple_text');
    for (let call = 0; call < 3; call++)
      expect(await client.callTool('legacy__test_simple_text', {})).toContain('Plain text');
    // One more or one less request, so that each gateway asks.
    for (const prefix of ['legacy__', 'm-'])
      for (let call = 0; call < 2; call++) {
        if (call === 1) await client.listTools();
        expect(await client.callTool(`${prefix}test_elicitation`, { message: 'Who?' })).toContain(
          ELICITED.username,
        );
        expect(await client.callTool(`${prefix}test_sampling`, { prompt: 'Say it' })).toContain(SAMPLED.text);
      }
    await client.close();
    expect(turns()).toBeGreaterThan(12);
  });

  it('tell a legacy client of changes, whichever has its event stream', async () => {
    const { url, shared } = await startTwo();
    const client = new Client({ name: 'agent', version: '1' });
    let changes = 0;
    client.fallbackNotificationHandler = async ({ method }) => {
      if (method === 'notifications/tools/list_changed') changes++;
    };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`)) as never);
    closing.push(() => client.close());
    for (let round = 0; round < 3; round++) {
      await client.listTools();
      const before = changes;
      await eventually('a change', async () => {
        if (changes > before) return true;
        await shared.put(shared.get('both').spec);
        return false;
      });
    }
  });
});
