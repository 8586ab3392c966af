/** A remote server is asked for by its URL; credentials are given by reference, and nowhere else. */
import { describe, expect, it } from 'vitest';
import type { BerthError } from '../../src/errors.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';

const CANARY = 'canary-value';
const remote = (given: object, more: object = {}) => ({ source: { remote: given }, ...more });

function faultsOf(body: unknown): string[] {
  try {
    parseServerSpec(body);
    return [];
  } catch (error) {
    const { fields = [] } = (error as BerthError).details;
    expect(JSON.stringify([(error as Error).message, fields])).not.toContain(CANARY);
    return fields.map(({ pointer, detail }) => `${pointer} ${detail}`);
  }
}

describe('the URL of a remote server', () => {
  it('is enough', () => {
    expect(parseServerSpec(remote({ url: 'https://mcp.example.com/mcp' }))).toMatchObject({
      name: 'example',
      source: { remote: { url: 'https://mcp.example.com/mcp', transport: 'auto', headers: {} } },
    });
  });

  it('is written in one way', () => {
    const spec = parseServerSpec(
      remote({ url: ' HTTPS://MCP.Example.com:443/a b?project_ref=1&read_only=true ' }),
    );
    expect(spec.source?.remote?.url).toBe('https://mcp.example.com/a%20b?project_ref=1&read_only=true');
  });

  it.each<[string, string]>([
    ['mcp.example.com', 'must be an https or wss URL'],
    ['ftp://mcp.example.com/', 'must be an https or wss URL'],
    ['file:///etc/passwd', 'must be an https or wss URL'],
    ['https://', 'must be an https or wss URL'],
    ['wss://', 'must be an https or wss URL'],
    [`wss://me:${CANARY}@mcp.example.com/`, 'user name or a password'],
    [`wss://mcp.example.com/?token=${CANARY}`, 'credential in its query'],
    [`https://me:${CANARY}@mcp.example.com/`, 'user name or a password'],
    [`https://${CANARY}@mcp.example.com/`, 'user name or a password'],
    ['https://mcp.example.com/#x', 'fragment'],
    ...['api_key', 'apiKey', 'key', 'access_token', 'Token', 'auth', 'sig', 'client-secret', 'password'].map(
      (name): [string, string] => [
        `https://mcp.example.com/?a=1&${name}=${CANARY}`,
        'credential in its query',
      ],
    ),
  ])('%s is refused', (url, detail) => {
    expect(faultsOf(remote({ url, headers: {} }))).toEqual([expect.stringContaining(`/source/remote/url`)]);
    expect(faultsOf(remote({ url }))[0]).toContain(detail);
  });

  it.each([
    ['wss://mcp.example.com/ws', {}],
    ['ws://127.0.0.1:9000/', { transport: 'websocket' }],
    ['WSS://MCP.example.com:443/', { transport: 'auto' }],
  ])('may be that of a WebSocket (%s)', (url, more) => {
    expect(faultsOf(remote({ url, ...more }, { name: 'x' }))).toEqual([]);
  });

  it.each([
    ['wss://mcp.example.com/ws', 'streamable-http'],
    ['wss://mcp.example.com/ws', 'sse'],
    ['https://mcp.example.com/ws', 'websocket'],
  ])('has to fit what is spoken (%s, %s)', (url, transport) => {
    expect(faultsOf(remote({ url, transport }))).toEqual([
      expect.stringContaining('/source/remote/transport does not fit the URL'),
    ]);
  });

  it.each(['keyword', 'monkeys', 'author', 'assignee', 'profile', 'design'])('may ask for a %s', (name) => {
    expect(faultsOf(remote({ url: `https://mcp.example.com/?${name}=1` }))).toEqual([]);
  });
});

describe('the headers of a remote server', () => {
  const url = 'https://mcp.example.com/mcp';

  it.each([
    ['env:TOKEN', { fromEnv: 'TOKEN' }],
    ['file:/run/secrets/token', { fromFile: '/run/secrets/token' }],
    ['Bearer env:TOKEN', { fromEnv: 'TOKEN', scheme: 'Bearer' }],
    ['Basic file:/run/secrets/token', { fromFile: '/run/secrets/token', scheme: 'Basic' }],
    [{ fromEnv: 'TOKEN' }, { fromEnv: 'TOKEN' }],
    [
      { fromEnv: 'TOKEN', scheme: 'Bearer' },
      { fromEnv: 'TOKEN', scheme: 'Bearer' },
    ],
  ])('may be %j', (given, headers) => {
    const spec = parseServerSpec(remote({ url, headers: { Authorization: given } }));
    expect(spec.source?.remote?.headers).toEqual({ Authorization: headers });
  });

  it.each([
    ...[`Bearer ${CANARY}`, CANARY, '', 'env:', 'Bearer  env:TOKEN', 'Bearer x env:TOKEN', 'env:BERTH_KEYS'],
    ...['file:relative', { value: CANARY }, { fromEnv: 'TOKEN', scheme: 'Bea rer' }, 7, null],
  ])('are never %j', (given) => {
    const faults = faultsOf(remote({ url, headers: { 'X-Api-Key': given } }));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain('/source/remote/headers/X-Api-Key must be a reference, never a value');
  });

  it.each([
    ...[
      'Host',
      'content-length',
      'Transfer-Encoding',
      'Connection',
      'Mcp-Session-Id',
      'MCP-Protocol-Version',
    ],
    ...['mcp-param-region', 'Accept', 'Last-Event-ID', 'Proxy-Authorization', 'X-Forwarded-For', 'Upgrade'],
  ])('that Berth writes itself (%s) cannot be given', (name) => {
    expect(faultsOf(remote({ url, headers: { [name]: 'env:X' } }))).toEqual([
      `/source/remote/headers/${name} is written by Berth itself`,
    ]);
  });

  it.each(['', 'a b', 'a:b', 'ä', 'a\r\nb'])('cannot be named %j', (name) => {
    expect(faultsOf(remote({ url, headers: { [name]: 'env:X' } }))).toHaveLength(1);
  });

  it('are not given twice', () => {
    expect(faultsOf(remote({ url, headers: { Key: 'env:A', key: 'env:B' } }))).toEqual([
      '/source/remote/headers names a header twice',
    ]);
  });
});

it.each([
  ['bin', 'x'],
  ['args', ['x']],
  ['env', { A: 'x' }],
  ['secrets', { A: 'env:B' }],
])('has no %s', (field, given) => {
  expect(faultsOf(remote({ url: 'https://mcp.example.com/' }, { [field]: given }))).toEqual([
    `/${field} is nothing that a remote server can be given`,
  ]);
});

it('is one source of several', () => {
  const both = { source: { npm: { name: 'x' }, remote: { url: 'https://mcp.example.com/' } } };
  expect(faultsOf(both)).toEqual([
    '/source needs exactly one of npm, pypi, remote, image, archon and script',
  ]);
  expect(faultsOf({ source: {} })).toEqual([
    '/source needs exactly one of npm, pypi, remote, image, archon and script',
  ]);
  expect(faultsOf(remote({ url: 'https://mcp.example.com/', command: 'x' }))).toHaveLength(1);
});

describe('the name of a remote server', () => {
  it.each([
    ['https://mcp.deepwiki.example.com/mcp', 'deepwiki'],
    ['https://example.com/', 'example'],
    ['https://api.mcp.example.com/', 'example'],
    ['http://localhost:8000/mcp', 'localhost'],
    ['https://mcp.com/', 'mcp'],
    ['https://xn--bcher-kva.example.com/', 'xn-bcher-kva'],
  ])('of %s is %s', (url, name) => {
    expect(parseServerSpec(remote({ url })).name).toBe(name);
  });

  it.each(['https://8.8.8.8/mcp', 'https://[2606:4700::1]/mcp'])('has to be given for %s', (url) => {
    expect(faultsOf(remote({ url }))).toEqual(['/name is required for this address']);
    expect(parseServerSpec(remote({ url }, { name: 'mine' })).name).toBe('mine');
  });
});
