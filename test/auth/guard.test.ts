import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createGuard, errorHeaders, type GuardRequest } from '../../src/auth/guard.ts';
import { KeyStore } from '../../src/auth/keys.ts';
import { LOCAL_PRINCIPAL } from '../../src/auth/principal.ts';
import { BerthError } from '../../src/errors.ts';
import { loadSettings } from '../../src/settings/load.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'berth-guard-'));
const keys = new KeyStore({ dataDir });
const key = keys.add('ci');
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

function request(fields: Record<string, string> = {}, overrides: Partial<GuardRequest> = {}): GuardRequest {
  const all = { Host: 'localhost:8053', ...fields };
  const headers = Object.fromEntries(Object.entries(all).map(([name, value]) => [name.toLowerCase(), value]));
  const socket = { remoteAddress: '127.0.0.1', localPort: 8053 };
  return {
    method: 'POST',
    url: '/servers/a/mcp',
    headers,
    rawHeaders: Object.entries(all).flat(),
    socket,
    ...overrides,
  };
}

function guardFor(flags: Record<string, unknown> = {}) {
  return createGuard(loadSettings({ flags }), keys);
}

function codeOf(act: () => unknown): string {
  try {
    act();
    return 'ok';
  } catch (error) {
    return error instanceof BerthError ? error.code : `${error}`;
  }
}

describe('Host', () => {
  const guard = guardFor({
    publicUrl: 'https://berth.example/base',
    allowedHosts: 'inner.example,other.example:81',
  });

  it.each([
    '127.0.0.1:8053',
    'localhost:8053',
    '[::1]:8053',
    'LocalHost:8053',
    'berth.example',
    'inner.example',
    'inner.example:8053',
    'other.example:81',
  ])('%s is served', (Host) => {
    expect(codeOf(() => guard.checkHost(request({ Host })))).toBe('ok');
  });

  it.each([
    'evil.example',
    'evil.example:8053',
    'localhost',
    'localhost:80',
    'localhost:8054',
    'localhost:8053.',
    'localhost.:8053',
    'localhost:08053',
    'localhost:8053 ',
    'localhost:8053@evil.example',
    'localhost.evil.example:8053',
    'berth.example:8053',
    'berth.example.',
    'other.example',
    '127.0.0.2:8053',
    '2130706433:8053',
    '0.0.0.0:8053',
    '',
  ])('%j is refused', (Host) => {
    expect(codeOf(() => guard.checkHost(request({ Host })))).toBe('wrong-host');
  });

  it('that is missing is refused', () => {
    expect(codeOf(() => guard.checkHost(request({}, { headers: {}, rawHeaders: [] })))).toBe('wrong-host');
  });

  it('of the port that is really listened on is served', () => {
    const moved = request(
      { Host: 'localhost:4711' },
      { socket: { remoteAddress: '127.0.0.1', localPort: 4711 } },
    );
    expect(codeOf(() => guardFor({ port: 0 }).checkHost(moved))).toBe('ok');
  });

  it('of a server on one outer address is that address', () => {
    const outer = guardFor({ host: '192.168.1.5' });
    expect(codeOf(() => outer.checkHost(request({ Host: '192.168.1.5:8053' })))).toBe('ok');
    expect(codeOf(() => outer.checkHost(request({ Host: 'localhost:8053' })))).toBe('wrong-host');
  });

  it('with a target that is a whole URL is refused', () => {
    const url = 'http://evil.example/servers/a/mcp';
    expect(codeOf(() => guard.checkHost(request({}, { url })))).toBe('wrong-host');
  });
});

describe('Origin', () => {
  const guard = guardFor({ publicUrl: 'https://berth.example', allowedOrigins: 'https://app.example' });

  it.each([
    'http://localhost:8053',
    'http://127.0.0.1:8053',
    'http://[::1]:8053',
    'https://berth.example',
    'https://app.example',
  ])('%s may call', (Origin) => {
    expect(codeOf(() => guard.checkOrigin(request({ Origin })))).toBe('ok');
  });

  it.each([
    'null',
    '',
    '*',
    'https://evil.example',
    'http://app.example',
    'https://app.example:444',
    'https://app.example.evil.example',
    'https://evilapp.example',
    'https://sub.app.example',
    'https://app.example.',
    'https://app.example/',
    'https://app.example, https://evil.example',
    'http://localhost',
    'http://localhost:8054',
    'http://berth.example',
    'chrome-extension://abcdefghijklmnop',
    'moz-extension://app.example',
    'vscode-webview://app.example',
    'file://',
    'data:text/html,x',
  ])('%j may not', (Origin) => {
    expect(codeOf(() => guard.checkOrigin(request({ Origin })))).toBe('forbidden');
  });

  it('may be absent', () => {
    expect(codeOf(() => guard.checkOrigin(request()))).toBe('ok');
    expect(codeOf(() => guard.checkOrigin(request({ 'Sec-Fetch-Site': 'none' })))).toBe('ok');
  });

  it('that is absent because a page loads a URL as an image is refused', () => {
    const image = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image' };
    expect(codeOf(() => guard.checkOrigin(request(image, { method: 'GET' })))).toBe('forbidden');
  });

  it('is not asked of a link to a page, but of one into the data path', () => {
    const link = {
      'Sec-Fetch-Site': 'cross-site',
      'Sec-Fetch-Mode': 'navigate',
      'Sec-Fetch-Dest': 'document',
    };
    expect(codeOf(() => guard.checkOrigin(request(link, { method: 'GET', url: '/' })))).toBe('ok');
    expect(codeOf(() => guard.checkOrigin(request(link, { method: 'GET', url: '/servers/a/sse' })))).toBe(
      'forbidden',
    );
  });
});

describe('the principal', () => {
  const guard = guardFor();

  it.each(['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])(
    'of a loopback peer %s without key is local',
    (remoteAddress) => {
      expect(guard.principalOf(request({}, { socket: { remoteAddress, localPort: 8053 } }))).toBe(
        LOCAL_PRINCIPAL,
      );
    },
  );

  it.each(['10.0.0.1', '::ffff:10.0.0.1', 'fe80::1', undefined])(
    'of a peer %s without key is refused',
    (remoteAddress) => {
      const foreign = request({}, { socket: { remoteAddress, localPort: 8053 } });
      expect(codeOf(() => guard.principalOf(foreign))).toBe('unauthorized');
    },
  );

  it.each([
    'Forwarded',
    'forwarded',
    'X-Forwarded-For',
    'x-forwarded-anything',
    'X-FORWARDED-HOST',
    'X-Real-IP',
    'Via',
    'CF-Connecting-IP',
    'True-Client-IP',
    'X-Envoy-External-Address',
  ])('of a loopback peer that sends %s is refused: it is a proxy', (name) => {
    expect(codeOf(() => guard.principalOf(request({ [name]: '1.2.3.4' })))).toBe('unauthorized');
  });

  it('of a bind beyond loopback is never local', () => {
    expect(codeOf(() => guardFor({ host: '0.0.0.0' }).principalOf(request()))).toBe('unauthorized');
  });

  it('of a key is named after it, also through a proxy', () => {
    const proxied = request(
      { Authorization: `Bearer ${key}`, Via: '1.1 proxy' },
      { socket: { remoteAddress: '10.0.0.1' } },
    );
    expect(guard.principalOf(proxied).id).toBe('key:ci');
    expect(guard.principalOf(request({ Authorization: `bearer ${key}` })).id).toBe('key:ci');
    expect(guard.principalOf(proxied)).toBe(guard.principalOf(proxied));
  });

  it.each([
    'Bearer',
    'Bearer ',
    'Bearer berth_wrong',
    `Bearer berth_${'A'.repeat(43)}`,
    `Bearer ${key}x`,
    `Basic ${key}`,
    key,
    `Bearer ${'x'.repeat(100_000)}`,
  ])('of bad credentials is nobody, even on loopback', (Authorization) => {
    expect(codeOf(() => guard.principalOf(request({ Authorization })))).toBe('unauthorized');
  });

  it('ends with its key', () => {
    const gone = keys.add('gone');
    const Authorization = `Bearer ${gone}`;
    expect(guard.principalOf(request({ Authorization })).id).toBe('key:gone');
    keys.remove('gone');
    expect(codeOf(() => guard.principalOf(request({ Authorization })))).toBe('unauthorized');
  });

  it('ends what its key has let in, and nothing else', () => {
    const ended: string[] = [];
    const hold = (name: string, fields: Record<string, string>) =>
      guard.hold(request(fields), () => ended.push(name));
    const Authorization = `Bearer ${keys.add('gone')}`;
    hold('first', { Authorization });
    hold('second', { Authorization: Authorization.replace('Bearer', 'bearer') });
    const over = hold('over', { Authorization });
    hold('other', { Authorization: `Bearer ${key}` });
    hold('local', {});
    over();
    keys.add('new');
    expect(ended).toEqual([]);
    keys.remove('gone');
    expect(ended).toEqual(['first', 'second']);
    keys.remove('new');
    expect(ended).toEqual(['first', 'second']);
  });

  it.each([`/x?access_token=${key}`, '/x?a=1&TOKEN=abc', `/x?note=${key}`, '/x?%61pi_key=1'])(
    'is never read from a URL: %s',
    (url) => {
      expect(codeOf(() => guard.principalOf(request({}, { url })))).toBe('bad-input');
      expect(codeOf(() => guard.principalOf(request({}, { url })))).toBe('bad-input');
    },
  );

  it('is found where the query holds other things', () => {
    expect(guard.principalOf(request({}, { url: '/servers/a/messages?sessionId=abc' }))).toBe(
      LOCAL_PRINCIPAL,
    );
  });

  it('that is missing is asked for', () => {
    expect(errorHeaders(new BerthError('unauthorized', 'x'))).toEqual({
      'www-authenticate': 'Bearer realm="berth"',
    });
    expect(errorHeaders(new BerthError('forbidden', 'x'))).toEqual({});
  });
});

describe('a start', () => {
  it.each(['0.0.0.0', '::', '192.168.1.5', 'berth.example'])('on %s without any key is refused', (host) => {
    const empty = new KeyStore({ dataDir: join(dataDir, 'empty') });
    expect(() => createGuard(loadSettings({ flags: { host } }), empty)).toThrow(
      expect.objectContaining({ code: 'bad-setting', hint: expect.stringContaining('berth key add') }),
    );
  });

  it.each(['127.0.0.1', '::1', 'localhost'])('on %s needs none', (host) => {
    expect(
      codeOf(() =>
        createGuard(loadSettings({ flags: { host } }), new KeyStore({ dataDir: join(dataDir, 'empty') })),
      ),
    ).toBe('ok');
  });
});

describe('over a real connection', () => {
  let server: Server;
  const guard = guardFor({ port: 0 });

  beforeAll(async () => {
    server = createServer((incoming: IncomingMessage, response) => {
      response.setHeader('connection', 'close').end(codeOf(() => guard.check(incoming)));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => server.close());
  afterEach(() => server.closeAllConnections());

  async function answerTo(lines: (port: number) => string[]): Promise<string> {
    const { port } = server.address() as AddressInfo;
    const socket = connect(port, '127.0.0.1');
    socket.end([...lines(port), '', ''].join('\r\n'));
    let text = '';
    for await (const chunk of socket) text += chunk;
    return text;
  }

  it('lets a plain local request pass', async () => {
    expect(await answerTo((port) => ['GET / HTTP/1.1', `Host: localhost:${port}`])).toMatch(/\r\n\r\nok$/);
  });

  it('refuses two Host headers, whichever comes first', async () => {
    const both = (port: number) => [`Host: localhost:${port}`, 'hOsT: evil.example'];
    expect(await answerTo((port) => ['GET / HTTP/1.1', ...both(port)])).toMatch(/wrong-host|400 Bad Request/);
    expect(await answerTo((port) => ['GET / HTTP/1.1', ...both(port).reverse()])).toMatch(
      /wrong-host|400 Bad Request/,
    );
  });

  it('refuses a whole URL as target', async () => {
    const answer = await answerTo((port) => [
      `GET http://localhost:${port}/ HTTP/1.1`,
      `Host: localhost:${port}`,
    ]);
    expect(answer).toContain('wrong-host');
  });

  it('refuses two Origin headers', async () => {
    const answer = await answerTo((port) => [
      'GET / HTTP/1.1',
      `Host: localhost:${port}`,
      `Origin: http://localhost:${port}`,
      'Origin: https://evil.example',
    ]);
    expect(answer).toContain('forbidden');
  });
});
