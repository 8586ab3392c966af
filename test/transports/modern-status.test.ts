/** Revision 2026-07-28 over Streamable HTTP: every refusal with its status and code, and what reaches a server (data-path.md 5.5). */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { open } from '../support/http-client.ts';
import { requestText } from '../support/mcp-client.ts';
import {
  CAPABILITIES_KEY,
  headersFor,
  META,
  type ModernFront,
  modernText,
  refusalOf,
  startModernFront,
  VERSION,
  VERSION_KEY,
} from './modern-front.ts';

const UNKNOWN = 'v999.0.0';
const LIST = headersFor('tools/list');
const PARAMS_OF_INITIALIZE = { protocolVersion: '2025-11-25', capabilities: {} };

let front: ModernFront;
beforeAll(async () => {
  front = await startModernFront({ limits_: { messageBytes: 100_000 } });
  front.link.onCall = (call) => call.answer();
});
afterAll(() => front.close());
afterEach(() => {
  front.link.refusal = undefined;
  front.link.calls.length = 0;
});

/** A request without any of the envelope's members but these. */
function withMeta(method: string, meta: unknown, rawId = '1'): string {
  return requestText(rawId, method, meta === undefined ? {} : { _meta: meta });
}

describe('a method of HTTP', () => {
  it.each(['GET', 'DELETE', 'PUT', 'OPTIONS', 'PATCH'])('other than POST is refused: %s', async (method) => {
    const response = await open(`${front.base}/mcp`, {
      method,
      headers: { accept: 'text/event-stream', 'mcp-protocol-version': VERSION },
    });
    expect(response.headers.allow).toBe('POST');
    expect(await refusalOf(response)).toMatchObject({ status: 405, code: -32000 });
  });
});

describe('a body', () => {
  it.each([
    ['of another type', modernText('tools/list'), { 'content-type': 'text/plain' }, 415, -32000],
    ['that is too large', modernText('tools/list', { x: 'x'.repeat(100_000) }), {}, 413, -32000],
    ['that is no JSON', '{"jsonrpc"', {}, 400, -32700],
    ['that is empty', '', {}, 400, -32700],
    ['that is no UTF-8', Buffer.from([0x22, 0xff, 0x22]), {}, 400, -32700],
    ['that is no JSON-RPC', '{"a":1}', {}, 400, -32600],
    ['that is a text', '"tools/list"', {}, 400, -32600],
    ['with the id null', modernText('tools/list', {}, 'null'), {}, 400, -32600],
    ['with the id true', modernText('tools/list', {}, 'true'), {}, 400, -32600],
    ['that is a batch', `[${modernText('tools/list')}]`, {}, 400, -32600],
    ['that is an empty batch', '[]', {}, 400, -32600],
    ['that is a batch without envelopes', `[${requestText('1', 'tools/list')}]`, {}, 400, -32600],
    ['that is a result', '{"jsonrpc":"2.0","id":1,"result":{}}', {}, 400, -32600],
    ['that is an error', '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}', {}, 400, -32600],
  ])('%s is refused', async (_what, body, headers, status, code) => {
    const refusal = await refusalOf(await front.post(body, { ...LIST, ...headers }));
    expect(refusal).toMatchObject({ status, code });
    expect(front.link.calls).toEqual([]);
  });

  it('that is a batch with an envelope in it is refused without any header, too', async () => {
    const body = `[${requestText('1', 'ping')},${modernText('tools/list', {}, '2')}]`;
    expect(await refusalOf(await front.post(body))).toMatchObject({ status: 400, code: -32600, id: null });
  });

  it.each([
    ['json alone', 'application/json', 200],
    ['anything', '*/*', 200],
    ['event streams alone', 'text/event-stream', 406],
    ['nothing', null, 406],
  ])('of a client that accepts %s has the status %#', async (_what, accept, status) => {
    const response = await front.post(modernText('tools/list'), { ...LIST, accept });
    expect(response.status).toBe(status);
    await response.body();
  });

  it('that subscribes needs a client that takes event streams', async () => {
    const headers = { ...headersFor('subscriptions/listen'), accept: 'application/json' };
    const refusal = await refusalOf(await front.post(modernText('subscriptions/listen'), headers));
    expect(refusal).toMatchObject({ status: 406, code: -32000, id: 1 });
  });
});

describe('an envelope', () => {
  it.each([
    ['that is missing', undefined],
    ['that is empty', {}],
    ['that is a text', 'x'],
    ['that is an array', [META]],
    ['that is null', null],
    ['without a version', { [CAPABILITIES_KEY]: {} }],
    ['whose version is a number', { ...META, [VERSION_KEY]: 20260728 }],
    ['whose version is null', { ...META, [VERSION_KEY]: null }],
    ['without capabilities', { [VERSION_KEY]: VERSION }],
    ['whose capabilities are null', { ...META, [CAPABILITIES_KEY]: null }],
    ['whose capabilities are an array', { ...META, [CAPABILITIES_KEY]: [] }],
    ['whose capabilities are a text', { ...META, [CAPABILITIES_KEY]: 'all' }],
  ])('%s is refused with -32602', async (_what, meta) => {
    const refusal = await refusalOf(
      await front.post(withMeta('server/discover', meta, '101'), headersFor('server/discover')),
    );
    expect(refusal).toMatchObject({ status: 400, code: -32602, id: 101 });
    expect(front.link.calls).toEqual([]);
  });

  it('says which of its members are wrong', async () => {
    const response = await front.post(withMeta('tools/list', { [VERSION_KEY]: 1 }), LIST);
    const { error } = JSON.parse(await response.text()) as { error: { message: string } };
    expect(error.message).toContain(`${VERSION_KEY} must be a string`);
    expect(error.message).toContain(`${CAPABILITIES_KEY} is missing`);
  });

  it('without a name of the client is whole', async () => {
    const response = await front.request('server/discover');
    expect([response.status, await response.text()]).toEqual([
      200,
      '{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete"}}',
    ]);
  });
});

describe('a revision', () => {
  const unknown = { ...META, [VERSION_KEY]: UNKNOWN };
  const headers = headersFor('server/discover');

  it('that nobody knows is answered with those that are served', async () => {
    const response = await front.post(withMeta('server/discover', unknown, '301'), {
      ...headers,
      'mcp-protocol-version': UNKNOWN,
    });
    expect(await refusalOf(response)).toMatchObject({
      status: 400,
      code: -32022,
      id: 301,
      data: { supported: [VERSION], requested: UNKNOWN },
    });
  });

  it('that nobody knows is a mismatch first', async () => {
    const refusal = await refusalOf(await front.post(withMeta('server/discover', unknown), headers));
    expect(refusal).toMatchObject({ status: 400, code: -32020 });
  });

  it.each(['2025-11-25', '1999-01-01', ''])('of the legacy era has no envelope: %j', async (version) => {
    const body = withMeta('server/discover', { ...META, [VERSION_KEY]: version });
    const refusal = await refusalOf(await front.post(body, { ...headers, 'mcp-protocol-version': version }));
    expect(refusal).toMatchObject({ status: 400, code: -32022, data: { requested: version } });
  });

  it('of the header alone needs the envelope', async () => {
    const body = requestText('1', 'server/discover');
    for (const version of [VERSION, UNKNOWN, '2027-01-01']) {
      const refusal = await refusalOf(
        await front.post(body, { ...headers, 'mcp-protocol-version': version }),
      );
      expect(refusal).toMatchObject({ status: 400, code: -32602 });
    }
  });

  it('that never was, without an envelope, is one of the legacy era', async () => {
    const refusal = await refusalOf(
      await front.post(requestText('7', 'ping'), { 'mcp-protocol-version': '1999-01-01' }),
    );
    expect(refusal).toMatchObject({ status: 400, code: -32000, id: 7 });
  });
});

describe('a method', () => {
  it.each([
    'initialize',
    'ping',
    'logging/setLevel',
    'resources/subscribe',
    'resources/unsubscribe',
    'tasks/list',
    'tasks/result',
    'notifications/initialized',
    'notifications/cancelled',
  ])('that this revision does not have is answered with 404: %s', async (method) => {
    const refusal = await refusalOf(await front.request(method, {}, '500'));
    expect(refusal).toMatchObject({ status: 404, code: -32601, id: 500 });
    expect(front.link.calls).toEqual([]);
  });

  it.each(['server/discover', 'completion/complete', 'tasks/get', 'acme/own', 'constructor'])(
    'that a server may have reaches it: %s',
    async (method) => {
      const response = await front.request(method, { taskId: 't' });
      expect(response.status).toBe(200);
      await response.body();
      expect(front.link.calls[0]?.request.messages[0]?.envelope.method).toBe(method);
    },
  );

  it('that nobody has is answered with 404 by whoever knows it', async () => {
    front.link.refusal = new BerthError('unknown-method', 'no such method');
    const refusal = await refusalOf(await front.request('unknown/method', {}, '601'));
    expect(refusal).toMatchObject({ status: 404, code: -32601, id: 601 });
  });

  it('initialize without an envelope under a modern header is a mismatch', async () => {
    const body = requestText('1', 'initialize', PARAMS_OF_INITIALIZE);
    const refusal = await refusalOf(await front.post(body, headersFor('initialize')));
    expect(refusal).toMatchObject({ status: 400, code: -32020, id: 1 });
    expect(front.harness.servers).toEqual([]);
  });
});

describe('a notification', () => {
  it.each([
    [
      'with an envelope',
      modernText('notifications/cancelled').replace('"id":1,', ''),
      headersFor('notifications/cancelled'),
    ],
    ['by its header alone', '{"jsonrpc":"2.0","method":"acme/note"}', { 'mcp-protocol-version': VERSION }],
    ['with an envelope and no headers', modernText('acme/note').replace('"id":1,', ''), {}],
  ])('%s is taken and goes nowhere', async (_what, body, headers) => {
    const response = await front.post(body, headers);
    expect([response.status, await response.text()]).toEqual([202, '']);
    expect(front.link.calls).toEqual([]);
  });

  it.each([
    ['of another revision than its header', { [VERSION_KEY]: UNKNOWN }, headersFor('acme/note'), -32020],
    ['of another method than its header', META, headersFor('acme/other'), -32020],
    ['of an unknown revision', { [VERSION_KEY]: UNKNOWN }, {}, -32022],
    ['whose version is no text', { [VERSION_KEY]: 1 }, {}, -32602],
  ])('%s is refused', async (_what, meta, headers, code) => {
    const body = withMeta('acme/note', meta).replace('"id":1,', '');
    expect(await refusalOf(await front.post(body, headers))).toMatchObject({ status: 400, code, id: null });
  });
});

describe('a call', () => {
  it('goes to the replica of its principal, with its bytes and the headers of its parameters', async () => {
    await (await front.request('tools/call', { name: 'echo' })).body();
    const [call] = front.link.calls;
    const principal = 'local';
    expect(call?.target).toEqual({ server: front.harness.definition.id, kind: 'modern', key: '', principal });
    expect(call?.request).toMatchObject({ batch: false, modern: { params: {} } });
    expect(call?.request.modern).not.toHaveProperty('resume');
    expect(call?.text).toBe(modernText('tools/call', { name: 'echo' }));
  });

  it('has a key of its own, whatever its id is', async () => {
    for (let time = 0; time < 2; time++) await (await front.request('tools/list')).body();
    expect(new Set(front.link.calls.map(({ request }) => request.key)).size).toBe(2);
  });

  it('has no session and resumes nothing, whatever its headers say', async () => {
    const response = await front.post(modernText('tools/list'), {
      ...LIST,
      'mcp-session-id': 'of another time',
      'last-event-id': '1.1',
    });
    expect([response.status, response.headers['mcp-session-id']]).toEqual([200, undefined]);
    await response.body();
  });

  it('that is refused has the status of the reason and its own id', async () => {
    front.link.refusal = new BerthError('missing-capability', 'sampling is needed', {
      data: { requiredCapabilities: { sampling: {} } },
    });
    const refusal = await refusalOf(await front.request('tools/call', { name: 't' }, '"m"'));
    expect(refusal).toMatchObject({
      status: 400,
      code: -32021,
      id: 'm',
      data: { requiredCapabilities: { sampling: {} } },
    });
  });

  it('without a replica is answered with 503 and when to try again', async () => {
    const other = await startModernFront();
    other.unroute();
    const response = await other.request('tools/list');
    expect(response.headers['retry-after']).toBe('1');
    expect(await refusalOf(response)).toMatchObject({ status: 503, code: -32000, id: 1 });
    await other.close();
  });

  it.each([{ sessions: 'none' as const }, { isolation: 'call' as const }])(
    'to a server with %j is like any other',
    async (options) => {
      const other = await startModernFront(options);
      other.link.onCall = (call) => call.answer();
      expect((await other.request('tools/list')).status).toBe(200);
      expect(other.link.calls[0]?.target.kind).toBe('modern');
      await other.close();
    },
  );
});

it('a legacy client goes on beside modern ones, and a modern client may turn into one', async () => {
  expect((await front.request('server/discover')).status).toBe(200);
  const { client } = await front.session();
  expect(client.session).toBeDefined();
  expect(await client.notify('acme/note')).toBe(202);
  await client.close();
});

it('a page of an allowed origin may send everything that a modern request needs', async () => {
  const origin = 'https://ide.example';
  const other = await startModernFront({ allowedOrigins: [origin] });
  const needed = [
    ...Object.keys(headersFor('tools/call', { name: 't' })),
    'mcp-param-region',
    'content-type',
  ];
  const preflight = await open(`${other.base}/mcp`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': needed.join(','),
    },
  });
  const allowed = String(preflight.headers['access-control-allow-headers']).toLowerCase().split(', ');
  expect([preflight.status, allowed]).toEqual([204, expect.arrayContaining(needed)]);
  const refused = await other.post(modernText('ping'), { ...headersFor('ping'), origin });
  expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([404, origin]);
  await refused.body();
  await other.close();
});
