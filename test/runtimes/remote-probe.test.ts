/** What a URL speaks is found out in the protocol's own order, and only from what it has shown. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, ManualClock, systemClock } from '../../src/clock.ts';
import { probeRemote, type RemoteProbeOptions } from '../../src/runtimes/remote-probe.ts';
import { createRemotePolicy } from '../../src/servers/remote-policy.ts';
import { DEFAULT_LIMITS, type RemoteTarget } from '../../src/supervisor/server-definition.ts';
import {
  accept,
  event,
  events,
  type HttpPeer,
  json,
  type PeerRequest,
  RESULT,
  refuse,
  startPeer,
} from '../support/http-peer.ts';
import { eventually } from '../support/local-process.ts';
import { startWsPeer, type WsPeer } from '../support/ws-peer.ts';

const TOOLS = { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] };
const DISCOVERED = {
  resultType: 'complete',
  supportedVersions: ['2026-07-28'],
  capabilities: { tools: {} },
  _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'modern', version: '2' } },
};
const NOT_FOUND = { code: -32_601, message: 'Method not found' };

let peer: HttpPeer;
let clock: Clock;
/** What is answered to requests of one HTTP or JSON-RPC method; 405 without a body to everything else. */
let answers: Record<string, (request: PeerRequest) => void>;

const status =
  (code: number, body = '') =>
  ({ response }: PeerRequest): void =>
    void response.writeHead(code).end(body);

beforeEach(async () => {
  clock = systemClock;
  answers = {};
  peer = await startPeer((request) => {
    const { method, message } = request;
    const answer = answers[message.method ?? method] ?? answers[method] ?? status(405);
    answer(request);
  });
});
afterEach(() => peer.close());

function probe(
  options: RemoteProbeOptions = {},
  target: Partial<RemoteTarget> = {},
  allowed = ['127.0.0.1'],
) {
  const remote = { url: peer.url.href, transport: 'auto' as const, headers: {}, ...target };
  const definition = { id: 'x', name: 'x', remote, limits: DEFAULT_LIMITS, secrets: ['canary-token'] };
  return probeRemote(definition, { policy: createRemotePolicy(allowed), clock }, options);
}

const modern = {
  'server/discover': (request: PeerRequest) => json(request, DISCOVERED),
  'tools/list': (request: PeerRequest) => json(request, TOOLS),
};
const legacy = {
  initialize: (request: PeerRequest) =>
    json(request, { ...RESULT, capabilities: { tools: {} } }, { 'mcp-session-id': 'session' }),
  'notifications/initialized': status(202),
  'tools/list': (request: PeerRequest) => json(request, TOOLS),
  DELETE: status(200),
};
/** A server of 2024-11-05 at the same address. */
function stream(): typeof answers {
  let open: PeerRequest | undefined;
  const say = (message: object): void =>
    void open?.response.write(event(JSON.stringify({ jsonrpc: '2.0', ...message })));
  return {
    GET: (request) => {
      open = request;
      events(request.response);
      request.response.write(event('/messages', { event: 'endpoint' }));
    },
    POST: ({ path, message, response }) => {
      if (path !== '/messages') return void response.writeHead(404).end();
      response.writeHead(202).end();
      if (message.method === 'initialize') say({ id: message.id, result: RESULT });
    },
  };
}

describe('a server', () => {
  it('that answers a modern request is modern, and asked nothing else', async () => {
    answers = { ...modern, ...{ initialize: legacy.initialize } };
    expect(await probe({}, { headers: { authorization: 'Bearer canary-token' } })).toMatchObject({
      eras: ['modern'],
      transport: 'streamable-http',
      protocolVersion: '2026-07-28',
      serverInfo: { name: 'modern', version: '2' },
      capabilities: { tools: {} },
      tools: ['echo'],
      spawnMs: 0,
    });
    expect(peer.requests.map(({ message }) => message.method)).toEqual(['server/discover', 'tools/list']);
    for (const { headers, message } of peer.requests) {
      expect(headers).toMatchObject({
        authorization: 'Bearer canary-token',
        'mcp-method': message.method,
        'mcp-protocol-version': '2026-07-28',
      });
      expect(message.params?._meta).toMatchObject({
        'io.modelcontextprotocol/clientInfo': { name: 'berth' },
        'io.modelcontextprotocol/clientCapabilities': {},
      });
    }
  });

  it('that refuses the revision at first and then knows it is modern, and is never sent an initialize', async () => {
    const data = { supported: ['2026-07-28'], requested: '2026-07-28' };
    answers = {
      ...modern,
      'server/discover': (request) =>
        peer.requests.length === 1
          ? refuse(request, 400, { code: -32_022, message: 'Unsupported', data })
          : json(request, DISCOVERED),
    };
    expect(await probe()).toMatchObject({ eras: ['modern'] });
    expect(peer.seen('server/discover')).toHaveLength(2);
    expect(peer.seen('initialize')).toEqual([]);
  });

  it.each<[string, (request: PeerRequest) => void]>([
    ['400 and nothing', status(400)],
    ['404 and a page', status(404, '<html>')],
    ['405', status(405)],
    [
      '400 and an error of its own',
      (request) => refuse(request, 400, { code: -32_000, message: 'no session' }),
    ],
    ['200 and an error', (request) => refuse(request, 200, NOT_FOUND)],
    ['200 and an empty result', (request) => json(request, {})],
    [
      '200 and other revisions',
      (request) => json(request, { ...DISCOVERED, supportedVersions: ['2027-01-01'] }),
    ],
    ['503, which shows nothing', status(503)],
  ])('that answers it with %s is asked to initialize', async (_how, answer) => {
    answers = { ...legacy, 'server/discover': answer };
    expect(await probe()).toMatchObject({
      eras: ['legacy'],
      transport: 'streamable-http',
      protocolVersion: '2025-11-25',
      serverInfo: { name: 'peer' },
      tools: ['echo'],
    });
    expect(peer.seen('DELETE').map(({ headers }) => headers['mcp-session-id'])).toEqual(['session']);
  });

  it('that has neither may have an event stream', async () => {
    answers = stream();
    expect(await probe()).toMatchObject({ eras: ['legacy'], transport: 'sse', serverInfo: { name: 'peer' } });
    await eventually('the stream is dropped', () => peer.seen('GET')[0]?.dropped);
  });
});

describe('what shows nothing', () => {
  const steps = () => peer.requests.map(({ method, message }) => message.method ?? method);

  it.each([401, 403])('(%i) ends the probe with words about credentials', async (code) => {
    answers = { ...stream(), POST: status(code, 'bad canary-token') };
    const failed = probe();
    await expect(failed).rejects.toMatchObject({ code: 'remote-failed', details: { phase: 'handshake' } });
    await expect(failed).rejects.not.toThrow('canary');
    expect(steps()).toEqual(['server/discover']);
  });

  it.each([500, 503, 429])('(%i) to initialize is no reason to look for an event stream', async (code) => {
    answers = { ...stream(), 'server/discover': status(404), initialize: status(code) };
    await expect(probe()).rejects.toMatchObject({
      code: 'remote-failed',
      message: expect.stringContaining(String(code)),
    });
    expect(steps()).toEqual(['server/discover', 'initialize']);
  });

  it('such as silence is given up, and said', async () => {
    const manual = new ManualClock();
    clock = manual;
    answers = { ...stream(), POST: () => {} };
    const failed = probe();
    failed.catch(() => {});
    await eventually('both were asked', () => {
      manual.advance(500);
      return peer.seen('initialize').length === 1;
    });
    let over = false;
    failed.catch(() => {
      over = true;
    });
    await eventually('the end', () => {
      manual.advance(1_000);
      return over;
    });
    await expect(failed).rejects.toMatchObject({
      code: 'start-failed',
      message: 'failed in phase handshake, no answer to initialize after 30.0 s',
      details: { phase: 'handshake' },
    });
    expect(steps()).not.toContain('GET');
  });

  it('at all: the answer to initialize is what is told', async () => {
    answers = { POST: status(404, '<html>'), GET: status(404) };
    await expect(probe()).rejects.toMatchObject({
      code: 'remote-failed',
      message: 'the remote server serves no MCP at this address (404)',
      details: { phase: 'handshake', hint: expect.stringContaining('/mcp or /sse') },
    });
    expect(steps()).toEqual(['server/discover', 'initialize', 'GET']);
  });

  it('such as a refusal is told in the words of the server', async () => {
    answers = {
      initialize: (request) => refuse(request, 400, { code: -32_602, message: 'no canary-token for you' }),
    };
    await expect(probe()).rejects.toMatchObject({
      code: 'start-failed',
      message: 'the server refused initialize: no [secret] for you',
      details: { phase: 'handshake' },
    });
  });

  it('such as a redirect is told, and not followed', async () => {
    answers = {
      POST: ({ response }) => void response.writeHead(308, { location: `${peer.url.origin}/other` }).end(),
    };
    await expect(probe()).rejects.toMatchObject({ message: expect.stringContaining('redirects (308') });
    expect(peer.requests.every(({ path }) => path === '/mcp')).toBe(true);
  });

  it('such as nobody there is told', async () => {
    await peer.close();
    const failed = probe();
    await expect(failed).rejects.toMatchObject({
      code: 'remote-failed',
      message: `cannot reach ${peer.url.host}: ECONNREFUSED`,
    });
    peer = await startPeer(accept);
  });
});

describe('what is asked for', () => {
  it('in one era only is tried in that one only', async () => {
    answers = { ...modern, ...legacy };
    expect(await probe({ eras: ['legacy'] })).toMatchObject({ eras: ['legacy'] });
    expect(peer.seen('server/discover')).toEqual([]);
    answers = { ...legacy };
    await expect(probe({ eras: ['modern'] })).rejects.toMatchObject({ details: { phase: 'handshake' } });
    expect(peer.seen('initialize')).toHaveLength(1);
  });

  it('in both eras is asked for each, and left without a session', async () => {
    answers = { ...modern, ...legacy };
    expect(await probe({ eras: ['legacy', 'modern'] })).toMatchObject({
      eras: ['legacy', 'modern'],
      transport: 'streamable-http',
      protocolVersion: '2025-11-25',
      serverInfo: { name: 'peer' },
      tools: ['echo'],
    });
    expect(peer.seen('DELETE').map(({ headers }) => headers['mcp-session-id'])).toEqual(['session']);
  });

  it.each([
    ['modern', legacy],
    ['legacy', modern],
  ])('in both eras must speak both: without the %s one it is no such server', async (_missing, spoken) => {
    answers = spoken;
    await expect(probe({ eras: ['legacy', 'modern'] })).rejects.toMatchObject({
      details: { phase: 'handshake' },
    });
  });

  it('over one transport only is tried over that one only', async () => {
    answers = stream();
    expect(await probe({}, { transport: 'sse' })).toMatchObject({ transport: 'sse' });
    expect(peer.requests[0]?.method).toBe('GET');
    await expect(probe({}, { transport: 'streamable-http' })).rejects.toMatchObject({
      code: 'remote-failed',
    });
    expect(peer.seen('GET')).toHaveLength(1);
  });

  it('at a place that is not allowed is not tried', async () => {
    await expect(probe({}, {}, [])).rejects.toMatchObject({
      code: 'not-allowed',
      details: { phase: 'resolve' },
    });
    const url = `http://localhost:${peer.url.port}/mcp`;
    await expect(probe({}, { url }, ['127.0.0.1'])).rejects.toMatchObject({ code: 'not-allowed' });
    expect(peer.requests).toEqual([]);
  });

  it('is given up when nobody wants it any more', async () => {
    answers = { POST: () => {} };
    const abort = new AbortController();
    const failed = probe({ signal: abort.signal });
    failed.catch(() => {});
    await eventually('it was asked', () => peer.requests.length === 1);
    abort.abort(new Error('enough'));
    await expect(failed).rejects.toThrow('enough');
    expect(peer.requests).toHaveLength(1);
  });
});

describe('a server with a URL of WebSocket', () => {
  let socketPeer: WsPeer;
  let asked: string[];
  let said: Record<string, unknown>;
  beforeEach(async () => {
    asked = [];
    said = {};
    socketPeer = await startWsPeer((socket) =>
      socket.on('message', (data) => {
        const { id, method } = JSON.parse(data.toString());
        asked.push(method);
        const result = said[method];
        if (result !== undefined) socket.send(JSON.stringify({ jsonrpc: '2.0', id, result }));
        else if (id !== undefined && said.silent === undefined)
          socket.send(JSON.stringify({ jsonrpc: '2.0', id, error: NOT_FOUND }));
      }),
    );
  });
  afterEach(() => socketPeer.close());

  const probeSocket = (options: RemoteProbeOptions = {}, target: Partial<RemoteTarget> = {}) =>
    probe(options, { url: socketPeer.url, ...target });

  it('is asked in both eras at once, each on a connection of its own', async () => {
    said = { initialize: RESULT, 'server/discover': DISCOVERED, 'tools/list': TOOLS };
    expect(await probeSocket({}, { headers: { authorization: 'Bearer canary-token' } })).toMatchObject({
      eras: ['legacy', 'modern'],
      transport: 'websocket',
      protocolVersion: '2025-11-25',
    });
    expect(socketPeer.handshakes.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer canary-token',
      'Bearer canary-token',
    ]);
    expect(asked).toEqual(expect.arrayContaining(['initialize', 'server/discover']));
  });

  it.each([
    ['legacy', { initialize: RESULT }],
    ['modern', { 'server/discover': DISCOVERED, 'tools/list': TOOLS }],
  ])('is %s by what it answers', async (era, answered) => {
    said = answered;
    expect(await probeSocket()).toMatchObject({ eras: [era], transport: 'websocket' });
    expect(await probeSocket({ eras: [era as 'legacy' | 'modern'] })).toMatchObject({ eras: [era] });
    expect(socketPeer.handshakes).toHaveLength(3);
  });

  it('that answers neither fails with its own words', async () => {
    await expect(probeSocket()).rejects.toMatchObject({
      code: 'start-failed',
      message: expect.stringContaining('Method not found'),
      details: { phase: 'handshake' },
    });
  });

  it('that refuses or closes is told with its reason', async () => {
    socketPeer.upgrade = (_request, socket) => void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    await expect(probeSocket()).rejects.toMatchObject({
      code: 'remote-failed',
      message: expect.stringContaining('forbids it (403)'),
    });
  });

  it('at a place that is not allowed is not tried', async () => {
    await expect(probe({}, { url: socketPeer.url }, [])).rejects.toMatchObject({ code: 'not-allowed' });
    const url = socketPeer.url.replace('127.0.0.1', 'localhost');
    await expect(probe({}, { url }, ['127.0.0.1'])).rejects.toMatchObject({ code: 'not-allowed' });
    expect(socketPeer.handshakes).toEqual([]);
  });
});
