/** The same command line, the same client, the same answers: the older bridges themselves, and Berth with their flags. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { afterEach, describe, expect, it } from 'vitest';
import { CODE_CACHE } from '../support/code-cache.ts';
import { fixtureLaunch } from '../support/conformance-fixture.ts';

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const BERTH = path('src/cli/main.ts');
const ORIGINALS = {
  supergateway: path('node_modules/supergateway/dist/index.js'),
  'mcp-proxy': path('node_modules/mcp-proxy/dist/bin/mcp-proxy.mjs'),
};
type Bridge = keyof typeof ORIGINALS;

const { file, args } = fixtureLaunch('legacy');
const COMMAND = [file, ...args];
const ENV = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...CODE_CACHE };

const running: ChildProcess[] = [];
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function wordsFor(bridge: Bridge, isBerth: boolean): string[] {
  return isBerth ? [BERTH, 'bridge', '--compat', bridge] : [ORIGINALS[bridge]];
}

function start(words: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, words, { env: ENV, stdio: ['ignore', 'ignore', 'inherit'] });
  running.push(child);
  return child;
}

/** Tries until somebody listens. */
async function connected(open: () => Transport): Promise<Client> {
  let client = new Client({ name: 'test', version: '1' });
  await expect
    .poll(
      async () => {
        client = new Client({ name: 'test', version: '1' });
        return await client.connect(open()).then(
          () => 'connected',
          (error: unknown) => String(error),
        );
      },
      { timeout: 50_000, interval: 200 },
    )
    .toBe('connected');
  return client;
}

async function answerOf(client: Client): Promise<unknown> {
  const { content } = await client.callTool({ name: 'test_simple_text', arguments: {} });
  await client.close();
  return content;
}

const TEXT = [{ type: 'text', text: 'Plain text from the fixture' }];
const STDIO = ['--stdio', COMMAND.join(' ')];

const sse = (at: string) => (port: number) =>
  new SSEClientTransport(new URL(`http://127.0.0.1:${port}${at}`)) as Transport;
const http = (at: string) => (port: number) =>
  new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}${at}`)) as Transport;
const ws = (at: string) => (port: number) =>
  new WebSocketClientTransport(new URL(`ws://127.0.0.1:${port}${at}`)) as Transport;

const EXAMPLES: readonly [Bridge, string, (port: string) => string[], (port: number) => Transport][] = [
  [
    'supergateway',
    'HTTP+SSE',
    (port) => [...STDIO, '--port', port, '--ssePath', '/sse', '--messagePath', '/message'],
    sse('/sse'),
  ],
  [
    'supergateway',
    'Streamable HTTP',
    (port) => [...STDIO, '--outputTransport', 'streamableHttp', '--port', port],
    http('/mcp'),
  ],
  [
    'supergateway',
    'Streamable HTTP with sessions',
    (port) => [
      ...STDIO,
      '--outputTransport',
      'streamableHttp',
      '--stateful',
      '--sessionTimeout',
      '60000',
      '--port',
      port,
    ],
    http('/mcp'),
  ],
  [
    'supergateway',
    'WebSocket',
    (port) => [...STDIO, '--port', port, '--outputTransport', 'ws', '--messagePath', '/message'],
    ws('/message'),
  ],
  [
    'mcp-proxy',
    'Streamable HTTP',
    (port) => ['--port', port, '--host', '127.0.0.1', '--', ...COMMAND],
    http('/mcp'),
  ],
  ['mcp-proxy', 'HTTP+SSE', (port) => ['--port', port, '--host', '127.0.0.1', '--', ...COMMAND], sse('/sse')],
  [
    'mcp-proxy',
    'Streamable HTTP without sessions',
    (port) => ['--port', port, '--host', '127.0.0.1', '--stateless', '--server', 'stream', '--', ...COMMAND],
    http('/mcp'),
  ],
];

describe.each(EXAMPLES)('%s to %s', (bridge, _, flags, open) => {
  it.each([
    ['itself', false],
    ['Berth', true],
  ])('by %s', async (_name, isBerth) => {
    const port = await freePort();
    start([...wordsFor(bridge, isBerth), ...flags(String(port))]);
    expect(await answerOf(await connected(() => open(port)))).toEqual(TEXT);
  });
});

describe('a URL on standard streams', () => {
  it.each([
    ['--sse', '/sse'],
    ['--streamableHttp', '/mcp'],
  ])('by Berth with %s', async (flag, at) => {
    const port = await freePort();
    start([BERTH, 'bridge', '--port', String(port), '--', ...COMMAND]);
    const url = `http://127.0.0.1:${port}${at}`;
    await answerOf(await connected(() => (at === '/sse' ? sse(at)(port) : http(at)(port))));
    const words = [...wordsFor('supergateway', true), flag, url, '--header', 'X-Test: 1'];
    const transport = new StdioClientTransport({ command: process.execPath, args: words, env: ENV });
    expect(await answerOf(await connected(() => transport))).toEqual(TEXT);
  });
});

it('a health path answers as it was asked to', async () => {
  const port = await freePort();
  start([
    ...wordsFor('supergateway', true),
    ...STDIO,
    '--port',
    String(port),
    '--healthEndpoint',
    '/healthz',
  ]);
  const ask = async (at: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${at}`).catch(() => undefined);
    return response && [response.status, await response.text()];
  };
  await expect.poll(() => ask('/healthz'), { timeout: 50_000, interval: 200 }).toEqual([200, 'ok']);
  expect((await ask('/mcp'))?.[0]).toBe(404);
});
