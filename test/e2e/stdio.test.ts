/** `berth stdio` as a program, started by the official clients as a desktop program would start it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client as ClientV2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as StdioV2 } from '@modelcontextprotocol/client/stdio';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CODE_CACHE } from '../support/code-cache.ts';
import { FIXTURE_ERAS, type FixtureEra, fixtureLaunch } from '../support/conformance-fixture.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { freePort } from '../support/ports.ts';
import { SPEAKS } from '../support/requirements.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const KEY = `berth_${'k'.repeat(43)}`;
const INFO = { name: 'desktop', version: '1.0.0' };

let gateway: TestGateway;
beforeAll(async () => {
  const servers = FIXTURE_ERAS.map((era) => ({ name: era, launch: fixtureLaunch(era), eras: SPEAKS[era] }));
  gateway = await startGateway({ servers, keys: { desktop: KEY } });
});
afterAll(() => gateway?.close());

function program(target: string, env: Record<string, string> = {}) {
  const base = `http://127.0.0.1:${gateway.port}`;
  return {
    command: process.execPath,
    args: [MAIN, 'stdio', '--url', base, target],
    env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', ...CODE_CACHE, ...env },
  };
}

/** By name, which is the gateway's; and as a URL of nobody knows whom, which is tried out first. */
const TARGETS = [
  ['by its name', (era: FixtureEra) => era],
  ['by a URL', (era: FixtureEra) => `http://localhost:${gateway.port}/servers/${era}/mcp`],
  ['by a URL of WebSocket', (era: FixtureEra) => `ws://localhost:${gateway.port}/servers/${era}/ws`],
] as const;

describe.each(TARGETS)('a server %s', (_, targetOf) => {
  it.each(FIXTURE_ERAS)('that speaks %s serves a client of the legacy era', async (era) => {
    const client = new Client(INFO, { capabilities: { elicitation: {} } });
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada' } }));
    const transport = new StdioClientTransport(program(targetOf(era)));
    await client.connect(transport);
    expect((await client.listTools()).tools.length).toBeGreaterThan(5);
    const steps: unknown[] = [];
    // This SDK drops progress that it reads together with the answer, so it is looked at on its way.
    const { onmessage } = transport;
    transport.onmessage = (message) => {
      if ('method' in message && message.method === 'notifications/progress')
        steps.push(message.params?.progress);
      onmessage?.(message);
    };
    await client.callTool({ name: 'test_tool_with_progress', arguments: {} }, undefined, { onprogress() {} });
    expect(steps).toEqual([0, 50, 100]);
    const asked = await client.callTool({ name: 'test_input_required_result_elicitation', arguments: {} });
    expect(asked.content).toEqual([{ type: 'text', text: 'Hello, Ada!' }]);
    await client.close();
  });

  it.each(FIXTURE_ERAS)('that speaks %s serves a client of the modern era', async (era) => {
    const client = new ClientV2(INFO, {
      capabilities: { elicitation: {} },
      versionNegotiation: { mode: { pin: '2026-07-28' } },
    });
    client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { name: 'Ada' } }));
    await client.connect(new StdioV2(program(targetOf(era))));
    expect(client.getProtocolEra()).toBe('modern');
    const asked = await client.callTool({ name: 'test_input_required_result_elicitation', arguments: {} });
    expect(asked.content).toEqual([{ type: 'text', text: 'Hello, Ada!' }]);
    await client.close();
  });
});

/** The program alone, with what it wrote and how it ended. */
async function run(
  target: string,
  { env = {}, input = '' }: { env?: Record<string, string>; input?: string },
) {
  const { command, args, env: all } = program(target, env);
  const child = spawn(command, args, { env: all, stdio: ['pipe', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, out, err };
}

describe('the program', () => {
  it('ends when its client has left, and leaves no session behind', async () => {
    const id = gateway.ids.get('legacy') ?? '';
    const before = gateway.host.sessions(id).filter(({ kind }) => kind === 'session').length;
    expect(await run('legacy', {})).toEqual({ code: 0, out: '', err: '' });
    const open = () => gateway.host.sessions(id).filter(({ kind }) => kind === 'session').length;
    await expect.poll(open, { timeout: 10_000 }).toBeLessThanOrEqual(before);
  });

  it('sends the key of the gateway to the gateway, and to nobody else', async () => {
    const client = new Client(INFO, { capabilities: {} });
    await client.connect(new StdioClientTransport(program('legacy', { BERTH_KEY: KEY })));
    await client.listTools();
    const principals = gateway.host
      .sessions(gateway.ids.get('legacy') ?? '')
      .map(({ principal }) => principal);
    expect(principals).toContain('key:desktop');
    await client.close();
    const wrong = await run('legacy', { env: { BERTH_KEY: 'berth_wrong' }, input: INITIALIZE });
    expect(wrong.out).toMatch(/"error".*(401|key)/);
    // The same gateway under another name is somebody else: a wrong key would have been refused.
    const elsewhere = await run(`http://localhost:${gateway.port}/servers/legacy/mcp`, {
      env: { BERTH_KEY: 'berth_wrong' },
    });
    expect(elsewhere).toEqual({ code: 0, out: '', err: '' });
  });

  it('says why a URL cannot be spoken to, on standard error only', async () => {
    const { code, out, err } = await run(`http://localhost:${gateway.port}/nothing`, {});
    expect([code, out]).toEqual([5, '']);
    expect(err).toMatch(/^✗ failed in phase start/);
    expect((await run('Not A Name', {})).code).toBe(1);
  });

  it('answers what is no message, and goes on', async () => {
    const { out } = await run('legacy', {
      input: 'nonsense\n\n{"jsonrpc":"2.0","id":7,"method":"tools/list"}\n',
    });
    const answers = out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
    expect(answers[0]).toMatchObject({ id: null, error: { code: -32700 } });
    expect(answers[1]).toMatchObject({ id: 7, error: {} });
  });
});

const INITIALIZE = `${JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: INFO },
})}\n`;

describe('without a gateway', () => {
  let folder: string;
  let url: string;
  const start = (more: readonly string[] = []) => ({
    command: process.execPath,
    args: [MAIN, 'stdio', '--url', url, ...more],
    env: {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      BERTH_DATA_DIR: join(folder, 'data'),
      ...CODE_CACHE,
    },
  });
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-stdio-'));
    url = `http://127.0.0.1:${await freePort()}`;
  });
  afterAll(async () => {
    const { command, env } = start();
    const ending = spawn(command, [MAIN, 'down'], { env, stdio: 'ignore' });
    await once(ending, 'close');
    await rm(folder, { recursive: true, force: true });
  });

  it('says that there is none, and on which terms one would be started', async () => {
    const { command, args, env } = start(['--start', 'https://mcp.example.com/mcp']);
    const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let err = '';
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    const [code] = await once(child, 'close');
    expect([code, err]).toEqual([1, expect.stringContaining('--start is for the gateway')]);
  });

  it('starts one for two clients at once, whose tools are those of the gateway; it outlives them', async () => {
    const clients = await Promise.all(
      [1, 2].map(async () => {
        const client = new Client(INFO, { capabilities: {} });
        await client.connect(new StdioClientTransport({ ...start(['--start']), stderr: 'pipe' }));
        return client;
      }),
    );
    for (const client of clients) {
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['run_server', 'list_mcp_servers']),
      );
      const { isError, structuredContent } = await client.callTool({
        name: 'list_mcp_servers',
        arguments: {},
      });
      expect([isError ?? false, JSON.stringify(structuredContent)]).toEqual([false, expect.any(String)]);
      await client.close();
    }
    const modern = new ClientV2(INFO, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
    await modern.connect(new StdioV2(start()));
    expect((await modern.listTools()).tools.length).toBeGreaterThan(5);
    await modern.close();
  });
});
