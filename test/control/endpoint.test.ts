/** The control endpoint, used by the official clients of both eras over real HTTP. */
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as StreamableV2,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/app.ts';
import { createControlListener } from '../../src/api/control-listener.ts';
import { systemClock } from '../../src/clock.ts';
import { Confirmation, type Policy } from '../../src/control/confirmation.ts';
import { type ControlEndpoint, createControlEndpoint } from '../../src/control/endpoint.ts';
import { LongStreams } from '../../src/transports/long-streams.ts';
import { createInspector } from '../inspection/doubles.ts';
import { createFixture } from '../servers/doubles.ts';
import { FIXTURE_ERAS, fixtureLaunch } from '../support/conformance-fixture.ts';
import { startGateway } from '../support/gateway.ts';
import { ModernHttpClient } from '../support/modern-client.ts';
import { ownSeal } from '../support/own-seal.ts';
import { connectedPeers } from '../support/peers.ts';
import { SPEAKS } from '../support/requirements.ts';

const KEYS = { ada: `berth_${'a'.repeat(43)}`, bob: `berth_${'b'.repeat(43)}` };

const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';

const streams = new LongStreams(systemClock);
const seal = ownSeal();
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Options {
  policy?: Policy;
  hosted?: boolean;
  /** Packages can be tried. */
  inspects?: boolean;
  /** Gateways that take turns: no two requests in a row go to the same one. */
  gateways?: number;
}

async function startControl({ policy = 'ask', hosted = false, inspects = true, gateways = 1 }: Options = {}) {
  const fixture = await createFixture();
  const { inspector, inspections } = createInspector(fixture);
  const eras = hosted ? FIXTURE_ERAS : [];
  const gateway = await startGateway({
    servers: eras.map((era) => ({ name: era, launch: fixtureLaunch(era), eras: SPEAKS[era] })),
    keys: KEYS,
    control: ({ guard, calls }) => {
      const all = connectedPeers(gateways).map((peers) =>
        createControlEndpoint(
          {
            servers: fixture.manager,
            calls,
            discovery: fixture.discovery,
            confirmation: new Confirmation(policy, seal),
            ...(inspects && { inspector }),
          },
          { seal, streams, peers },
        ),
      );
      for (const one of all) closing.push(() => one.close());
      let turn = 0;
      const mcp: Pick<ControlEndpoint, 'fetch'> = {
        fetch: (...request) => (all[turn++ % gateways] as ControlEndpoint).fetch(...request),
      };
      return createControlListener({ app: createApi({ ...fixture, calls }), mcp, guard, ready: () => true });
    },
  });
  closing.push(() => gateway.close());
  return { ...fixture, inspections, gateway, url: new URL(`http://127.0.0.1:${gateway.port}/mcp`) };
}

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at member by member
type Json = Record<string, any>;

interface Agent {
  tools(): Promise<string[]>;
  /** The structured result, or the error as an object. */
  call(name: string, args?: Json): Promise<Json>;
}

type Reply = { action: 'accept' | 'decline'; content?: Record<string, boolean | string> };

/** An agent of an era whose person answers like this; without an answer there is no person. */
async function connect(
  era: 'legacy' | 'modern',
  url: URL,
  { reply, key }: { reply?: Reply; key?: string } = {},
) {
  const asked: string[] = [];
  const capabilities = reply ? { elicitation: {} } : {};
  const requestInit =
    key === undefined ? {} : { requestInit: { headers: { Authorization: `Bearer ${key}` } } };
  const toJson = (result: Json): Json =>
    result.structuredContent ?? (result.isError ? JSON.parse(result.content[0].text) : result);
  const answered = (message: string): Reply => {
    asked.push(message);
    return reply as Reply;
  };
  let agent: Agent;
  if (era === 'legacy') {
    const client = new Client({ name: 'agent', version: '1' }, { capabilities });
    if (reply) client.setRequestHandler(ElicitRequestSchema, ({ params }) => answered(params.message));
    await client.connect(new StreamableHTTPClientTransport(url, requestInit) as never);
    closing.push(() => client.close());
    agent = {
      tools: async () => (await client.listTools()).tools.map(({ name }) => name),
      call: async (name, args = {}) => toJson(await client.callTool({ name, arguments: args })),
    };
  } else {
    const versionNegotiation = { mode: { pin: '2026-07-28' } };
    const client = new ClientV2({ name: 'agent', version: '1' }, { capabilities, versionNegotiation });
    if (reply) client.setRequestHandler('elicitation/create', ({ params }) => answered(params.message));
    await client.connect(new StreamableV2(url, requestInit));
    closing.push(() => client.close());
    agent = {
      tools: async () => (await client.listTools()).tools.map(({ name }) => name),
      call: async (name, args = {}) => toJson(await client.callTool({ name, arguments: args })),
    };
  }
  return { ...agent, asked };
}

const TOOLS = [
  ...['list_mcp_servers', 'get_mcp_status', 'start_mcp', 'stop_mcp', 'scale_mcp'],
  ...['search_servers', 'run_server', 'server_logs', 'list_server_tools', 'call_server_tool'],
  'inspect_server',
];
const YES: Reply = { action: 'accept', content: { run: true } };
const PACKAGE = { npm: 'some-mcp-server', version: '1.0.0' };

describe.each(['legacy', 'modern'] as const)('an agent of the %s era', (era) => {
  it('has the tools that there are, and goes through the life of a server with them', async () => {
    const { url, host, manager } = await startControl();
    const agent = await connect(era, url);
    expect((await agent.tools()).sort()).toEqual([...TOOLS].sort());
    const [found] = (await agent.call('search_servers', { query: 'time' })).results;
    expect(found).toMatchObject({ run: { template: 'time' }, needs_agreement: false });
    expect(await agent.call('run_server', found.run)).toMatchObject({
      name: 'time',
      status: 'running',
      replicas: 1,
      ready_replicas: 1,
      endpoints: expect.arrayContaining([expect.objectContaining({ transport: 'streamable-http' })]),
      tools: ['echo', 'add'],
    });
    host.write(manager.get('time').id, 'hello');
    expect(await agent.call('server_logs', { name: 'time' })).toMatchObject({ lines: [{ text: 'hello' }] });
    expect(await agent.call('stop_mcp', { name: 'time' })).toMatchObject({ status: 'stopped', replicas: 0 });
    expect(await agent.call('list_mcp_servers', { status: 'stopped' })).toMatchObject({ total: 1 });
    expect(await agent.call('start_mcp', { name: 'time' })).toMatchObject({ status: 'running' });
    expect(await agent.call('start_mcp', { name: 'time' })).toMatchObject({ status: 'running' });
    expect(await agent.call('scale_mcp', { name: 'time', replicas: 0 })).toMatchObject({ status: 'stopped' });
    expect(await agent.call('get_mcp_status', { name: 'time' })).toMatchObject({
      status: 'stopped',
      conditions: [],
    });
  });

  it('tries a template at once, and a package when its person agrees', async () => {
    const { url, inspections } = await startControl();
    const agent = await connect(era, url, { reply: YES });
    expect(await agent.call('inspect_server', { template: 'time' })).toMatchObject({
      report: { result: 'passed', sandbox: { kind: 'bubblewrap', network: 'none' } },
      pinned: { slug: 'time-pinned' },
    });
    expect(agent.asked).toEqual([]);
    expect(await agent.call('inspect_server', PACKAGE)).toMatchObject({
      report: { package: { version: '1.2.3' } },
    });
    expect(agent.asked).toEqual([expect.stringMatching(/wants to try some-mcp-server \(1\.0\.0\)/)]);
    expect(inspections.started).toHaveLength(2);
    const stranger = await connect(era, url);
    await expect(stranger.call('inspect_server', PACKAGE)).rejects.toThrow();
    expect(await agent.call('inspect_server', {})).toMatchObject({ error_type: 'bad-input' });
    expect(inspections.started).toHaveLength(2);
  });

  it('has no tool to try packages where nothing can', async () => {
    const { url } = await startControl({ inspects: false });
    expect(await (await connect(era, url)).tools()).not.toContain('inspect_server');
  });

  it('gets errors of their kind, without its arguments', async () => {
    const { url } = await startControl();
    const agent = await connect(era, url);
    expect(await agent.call('get_mcp_status', { name: 'nobody' })).toMatchObject({
      error_type: 'not-found',
      tool: 'get_mcp_status',
      hint: expect.any(String),
    });
    const missing = await agent.call('run_server', { template: 'brave-search', env: { X: 'canary' } });
    expect(missing).toMatchObject({ error_type: 'missing-input' });
    expect(JSON.stringify(missing)).not.toContain('canary');
    expect(await agent.call('run_server', {})).toMatchObject({ error_type: 'bad-input' });
    await agent.call('run_server', { template: 'time' });
    expect(await agent.call('scale_mcp', { name: 'time', replicas: 2 })).toMatchObject({
      error_type: 'not-allowed',
    });
  });

  it('runs what is not in the catalogue when its person agrees, and what they saw is what runs', async () => {
    const { url, packages } = await startControl();
    const agent = await connect(era, url, { reply: YES });
    expect(await agent.call('run_server', { ...PACKAGE, args: ['--all'] })).toMatchObject({
      status: 'running',
    });
    expect(agent.asked).toEqual([
      expect.stringMatching(
        /npm package some-mcp-server \(1\.0\.0\) with the arguments \["--all"\] as the server/,
      ),
    ]);
    expect(packages.resolved).toEqual([
      expect.objectContaining({ name: 'some-mcp-server', version: '1.0.0' }),
    ]);
    await agent.call('run_server', { template: 'time', version: '9.9.9' });
    expect(agent.asked).toHaveLength(2);
  });

  it.each([[{ action: 'decline' }], [{ action: 'accept', content: { run: false } }]] as const)(
    'runs nothing of it when the person says %j',
    async (reply) => {
      const { url, packages } = await startControl();
      const agent = await connect(era, url, { reply });
      expect(await agent.call('run_server', PACKAGE)).toMatchObject({ error_type: 'not-allowed' });
      expect(agent.asked).toHaveLength(1);
      expect(packages.resolved).toEqual([]);
    },
  );

  it('runs nothing of it when nobody can be asked, or the policy says no', async () => {
    const asking = await startControl();
    const alone = await connect(era, asking.url);
    const failed = await alone
      .call('run_server', PACKAGE)
      .catch((error: unknown) => ({ error: String(error) }));
    expect(failed.error).toBeDefined();
    expect(asking.packages.resolved).toEqual([]);

    const denying = await startControl({ policy: 'deny' });
    const agent = await connect(era, denying.url, { reply: YES });
    expect(await agent.call('run_server', PACKAGE)).toMatchObject({ error_type: 'not-allowed' });
    expect(agent.asked).toEqual([]);
    const allowing = await startControl({ policy: 'allow' });
    const free = await connect(era, allowing.url);
    expect(await free.call('run_server', PACKAGE)).toMatchObject({ status: 'running' });
  });

  it('calls tools of servers of every era, and their questions reach its person', async () => {
    const { url } = await startControl({ hosted: true });
    const agent = await connect(era, url, { reply: { action: 'accept', content: { name: 'Ada' } } });
    for (const name of FIXTURE_ERAS) {
      const { tools } = await agent.call('list_server_tools', { name });
      expect(tools.map((tool: Json) => tool.name)).toContain('test_simple_text');
      const plain = await agent.call('call_server_tool', { name, tool: 'test_simple_text' });
      expect(plain.content).toEqual([{ type: 'text', text: 'Plain text from the fixture' }]);
      const asked = await agent.call('call_server_tool', {
        name,
        tool: 'test_input_required_result_elicitation',
      });
      expect(asked.content).toEqual([{ type: 'text', text: 'Hello, Ada!' }]);
    }
    expect(agent.asked).toEqual(FIXTURE_ERAS.map(() => 'What is your name?'));
    expect(await agent.call('call_server_tool', { name: 'legacy', tool: 'none' })).toMatchObject({
      error_type: 'call-refused',
    });
  });
});

describe('several gateways that take turns', () => {
  it.each(['legacy', 'modern'] as const)('serve an agent of the %s era as one', async (era) => {
    const { url } = await startControl({ gateways: 3 });
    const agent = await connect(era, url);
    for (let round = 0; round < 4; round++) {
      expect((await agent.tools()).sort()).toEqual([...TOOLS].sort());
      expect(await agent.call('list_mcp_servers')).toMatchObject({ servers: [] });
    }
  });

  it.each(['legacy', 'modern'] as const)(
    'take the agreement of a person that another one has asked, of the %s era',
    async (era) => {
      const { url } = await startControl({ gateways: 2 });
      const agent = await connect(era, url, { reply: YES });
      expect(await agent.call('run_server', PACKAGE)).toMatchObject({ status: 'running' });
      expect(agent.asked).toHaveLength(1);
    },
  );
});

describe('the control endpoint', () => {
  it('is for callers that may manage, each with sessions of its own', async () => {
    const { url } = await startControl();
    const initialize = (key: string, session?: string) =>
      fetch(url, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          Accept: 'application/json, text/event-stream',
          Authorization: `Bearer ${key}`,
          ...(session !== undefined && { 'Mcp-Session-Id': session }),
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: session === undefined ? 'initialize' : 'tools/list',
          params: {
            protocolVersion: '2025-11-25',
            capabilities: {},
            clientInfo: { name: 'x', version: '1' },
          },
        }),
      });
    const opened = await initialize(KEYS.ada);
    const id = opened.headers.get('mcp-session-id') ?? '';
    await opened.text();
    expect([opened.status, id.length > 20]).toEqual([200, true]);
    expect((await initialize(KEYS.ada, id)).status).toBe(200);
    expect((await initialize(KEYS.bob, id)).status).toBe(404);
    expect((await initialize('berth_wrong')).status).toBe(401);
    const foreign = await fetch(url, { method: 'POST', headers: { Origin: 'https://attacker.example' } });
    expect(foreign.status).toBe(403);
  });

  it('takes no key that may only use servers, and neither does the API for changes', async () => {
    const { manager, calls, templates, discovery } = await startControl();
    const confirmation = new Confirmation('allow', seal);
    const mcp = createControlEndpoint({ servers: manager, calls, discovery, confirmation }, { seal });
    closing.push(() => mcp.close());
    const user = { id: 'key:user', digest: 'd', scope: 'use' } as const;
    const request = () => new Request('http://127.0.0.1/mcp', { method: 'POST', body: '{}' });
    expect((await mcp.fetch(request(), user)).status).toBe(403);
    const api = createApi({ manager, calls, templates, discovery });
    const send = async (method: string, path: string) => {
      const init = {
        method,
        headers: { 'Content-Type': 'application/json' },
        ...(method === 'POST' && { body: '{}' }),
      };
      return (await api.request(`http://127.0.0.1/api/v1${path}`, init, { principal: user })).status;
    };
    expect(await send('GET', '/servers')).toBe(200);
    expect(await send('POST', '/servers')).toBe(403);
    expect(await send('DELETE', '/servers/x')).toBe(403);
    expect(await send('POST', '/servers/x/call')).toBe(400);
  });

  it('completes listens as the gateway goes away', async () => {
    const { url } = await startControl();
    const client = new ModernHttpClient(url.href, { key: KEYS.ada });
    const listen = client.start('subscriptions/listen', { notifications: { toolsListChanged: true } });
    await listen.inbox.take('its acknowledgement', ({ message }) => message.method === ACKNOWLEDGED);
    const answer = listen.answer();
    await streams.leave(60_000);
    expect((await answer).message.result).toMatchObject({ resultType: 'complete' });
    expect(streams.waiting).toBe(0);
  });

  it('takes an agreement for what was asked and for nothing else', async () => {
    const { url, packages } = await startControl();
    const envelope = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } },
      'io.modelcontextprotocol/clientInfo': { name: 'x', version: '1' },
    };
    const call = async (args: Json, more: Json = {}) => {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          Accept: 'application/json, text/event-stream',
          'MCP-Protocol-Version': '2026-07-28',
          'Mcp-Method': 'tools/call',
          'Mcp-Name': 'run_server',
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: { name: 'run_server', arguments: args, ...more, _meta: envelope },
        }),
      });
      return ((await response.json()) as Json).result ?? {};
    };
    const asked = await call(PACKAGE);
    expect(asked.resultType).toBe('input_required');
    const more = { inputResponses: { agreement: YES }, requestState: asked.requestState };
    expect((await call({ npm: 'another' }, more)).resultType).toBe('input_required');
    expect((await call(PACKAGE, { ...more, requestState: 'forged' })).structuredContent).toBeUndefined();
    expect(packages.resolved).toEqual([]);
    expect((await call(PACKAGE, more)).structuredContent).toMatchObject({ status: 'running' });
  });
});
