/** The flags of older bridges: their documented examples, and what is refused. */
import { describe, expect, it } from 'vitest';
import { type BridgeRequest, bridgeCommand, withCompat } from '../../src/cli/bridge-command.ts';
import { runCli } from '../../src/cli/program.ts';
import type { RelayRequest } from '../../src/cli/stdio-command.ts';
import { splitWords } from '../../src/clients/words.ts';
import { createMachine } from './system-double.ts';

/** Runs a command line as it stands in their documentation, after the name of the bridge. */
async function compat(name: string, line: string) {
  const { system, screen, signals, signal } = await createMachine({ gateway: false });
  const seen: { bridge?: BridgeRequest; relay?: Omit<RelayRequest, 'signal'> } = {};
  const extension = bridgeCommand(
    async (request) => {
      seen.bridge = request;
      return { url: 'http://127.0.0.1:8000', eras: ['legacy'], close: async () => undefined };
    },
    async ({ signal: _signal, ...request }) => {
      seen.relay = request;
      return undefined;
    },
  );
  const argv = withCompat(['bridge', '--compat', name, ...splitWords(line)]);
  const done = runCli({ argv, system, extensions: [extension] });
  const stop = setInterval(() => signals.size > 0 && signal(), 5);
  const code = await done;
  clearInterval(stop);
  return { code, ...screen, ...seen };
}

const FILES = ['npx', '-y', '@modelcontextprotocol/server-filesystem', './my-folder'];
const STDIO = '--stdio "npx -y @modelcontextprotocol/server-filesystem ./my-folder"';

describe('supergateway', () => {
  it.each([
    [
      '--stdio "uvx mcp-server-git"',
      {
        command: ['uvx', 'mcp-server-git'],
        port: 8000,
        isolation: 'session',
        paths: { sse: '/sse', messages: '/message' },
      },
    ],
    [
      `${STDIO} --port 8001 --baseUrl http://localhost:8001 --ssePath /events --messagePath /post`,
      {
        command: FILES,
        port: 8001,
        publicUrl: 'http://localhost:8001',
        paths: { sse: '/events', messages: '/post' },
      },
    ],
    [`${STDIO} --outputTransport streamableHttp --port 8000`, { isolation: 'call', paths: { mcp: '/mcp' } }],
    [
      `${STDIO} --outputTransport streamableHttp --stateful --sessionTimeout 60000 --port 8000`,
      { isolation: 'session', limits: { idle: 60_000 } },
    ],
    [`${STDIO} --port 8000 --outputTransport ws --messagePath /message`, { paths: { ws: '/message' } }],
    [
      `${STDIO} --healthEndpoint /healthz --healthEndpoint=/readyz`,
      { healthPaths: { '/healthz': 'ok', '/readyz': 'ok' } },
    ],
    [
      `${STDIO} --cors "http://example.com" https://b.example.com`,
      { allowedOrigins: ['http://example.com', 'https://b.example.com'] },
    ],
    [`${STDIO} --output-transport=ws`, { paths: { ws: '/message' } }],
  ])('%s', async (line, expected) => {
    const { code, bridge, err } = await compat('supergateway', line);
    expect([code, err]).toEqual([0, '']);
    expect(bridge).toMatchObject({ host: '127.0.0.1', ...expected });
  });

  it.each([
    ['--sse "https://mcp.example.com"', { url: 'https://mcp.example.com', transport: 'sse', headers: {} }],
    [
      '--streamableHttp "https://mcp.example.com/mcp" --oauth2Bearer "canary-token" --header "X-My-Header: another value"',
      {
        url: 'https://mcp.example.com/mcp',
        transport: 'streamable-http',
        headers: { Authorization: 'Bearer canary-token', 'X-My-Header': 'another value' },
      },
    ],
  ])('%s', async (line, expected) => {
    const { code, relay, out, err } = await compat('supergateway', line);
    expect([code, relay]).toEqual([0, expect.objectContaining({ ...expected, both: false })]);
    expect(out + err).not.toContain('canary');
  });

  it('says where it serves, and what has no effect', async () => {
    const { out, err } = await compat('supergateway', `${STDIO} --cors --header "a: b" --outputTransport ws`);
    expect(out).toBe('ws://127.0.0.1:8000/message  WebSocket\n');
    expect(err).toContain('--header has no effect');
    expect(err).toContain('--cors has no effect: web pages are let in by the exact origins');
  });

  it.each([
    ['', /exactly one of --stdio, --sse and --streamableHttp/],
    [`${STDIO} --sse http://a.example.com`, /exactly one of/],
    [`--stdio "a | b"`, /\| \(a pipe\), which only a shell understands/],
    [`--stdio "a && b"`, /&&, which only a shell/],
    [`${STDIO} --outputTransport stdio`, /--stdio cannot become stdio/],
    [`${STDIO} --outputTransport tcp`, /must be one of/],
    [`${STDIO} --port many`, /--port must be a whole number/],
    [`${STDIO} --prot 1`, /there is no flag --prot/],
    ['--stdio npx -y pkg', /"-y" is no flag/],
    ['--sse nonsense', /--sse must be a URL/],
    ['--sse http://a.example.com --header canary', /--header must be "Name: value"/],
    ['--port', /--port needs a value/],
  ])('refuses %j', async (line, message) => {
    const { code, err, bridge } = await compat('supergateway', line);
    expect([code, bridge]).toEqual([1, undefined]);
    expect(err).toMatch(message);
    expect(err).not.toContain('canary');
  });
});

describe('mcp-proxy', () => {
  const BOTH = { mcp: '/mcp', sse: '/sse', messages: '/messages' };
  it.each([
    [
      'npx -y @anthropic/mcp-server-filesystem /path',
      {
        command: ['npx', '-y', '@anthropic/mcp-server-filesystem', '/path'],
        port: 8080,
        era: 'legacy',
        paths: BOTH,
      },
    ],
    ['--port 8081 -- tsx server.js --flag', { command: ['tsx', 'server.js', '--flag'], port: 8081 }],
    [
      '--upstreamProtocol auto -- my-modern-mcp-server',
      { command: ['my-modern-mcp-server'], isolation: 'session' },
    ],
    ['--port 8080 --stateless -- tsx server.js', { isolation: 'call' }],
    ['--stateless --server stream -- tsx server.js', { isolation: 'call', paths: { mcp: '/mcp' } }],
    [
      '--server sse --endpoint /events -- tsx server.js',
      { paths: { sse: '/events', messages: '/messages' } },
    ],
    ['--sseEndpoint /a --streamEndpoint /b -- x', { paths: { mcp: '/b', sse: '/a', messages: '/messages' } }],
    [
      '--requestTimeout 1000 --connectionTimeout 2000 --sessionIdleTimeout 3000 --maxBodySize 4096 -- x',
      { limits: { requestTimeout: 1000, startTimeout: 2000, idle: 3000, messageBytes: 4096 } },
    ],
    ['python -u -m your_package.mcp_server', { command: ['python', '-u', '-m', 'your_package.mcp_server'] }],
  ])('%s', async (line, expected) => {
    const { code, bridge, err } = await compat('mcp-proxy', line);
    expect([code, err]).toEqual([0, '']);
    expect(bridge).toMatchObject({ host: '127.0.0.1', healthPaths: { '/ping': 'pong' }, ...expected });
    if (line.includes('auto')) expect(bridge).not.toHaveProperty('era');
  });

  it('says what has no effect', async () => {
    const { code, err } = await compat('mcp-proxy', '--no-modern --no-eventStore --debug -- x');
    expect(code).toBe(0);
    expect(err.match(/has no effect/g)).toHaveLength(3);
  });

  it.each([
    ['--port 8080 --shell -- tsx server.js', /--shell is not taken[\s\S]*No shell is ever started/],
    ['--apiKey canary -- x', /--apiKey is not taken/],
    ['--tunnel -- x', /--tunnel is not taken/],
    ['--sslCert a -- x', /--sslCert is not taken/],
    ['--port 1', /a command is needed/],
    ['--server ws -- x', /--server must be sse or stream/],
    ['--upstreamProtocol new -- x', /must be legacy, auto or modern/],
  ])('refuses %j', async (line, message) => {
    const { code, err } = await compat('mcp-proxy', line);
    expect(code).toBe(1);
    expect(err).toMatch(message);
    expect(err).not.toContain('canary');
  });
});

it('another bridge is not known', async () => {
  expect(await compat('nginx', 'x')).toMatchObject({
    code: 1,
    err: expect.stringContaining('supergateway, mcp-proxy'),
  });
  expect(withCompat(['--url', 'u', 'bridge', '--compat=mcp-proxy', 'x'])).toEqual([
    '--url',
    'u',
    'bridge-compat',
    'mcp-proxy',
    '--',
    'x',
  ]);
  expect(withCompat(['bridge', '--port', '1', '--', 'a', '--compat'])).toEqual([
    'bridge',
    '--port',
    '1',
    '--',
    'a',
    '--compat',
  ]);
});
