/** Sessions belong to their principal, ids cannot be guessed, and no answer ever reaches another client (T-18, T-19, T-20, T-36). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { open } from '../support/http-client.ts';
import type { McpClient } from '../support/mcp-client.ts';
import { requestText } from '../support/mcp-client.ts';
import { SseClient } from '../support/sse-client.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { connect, session, TRANSPORTS, type Transport } from '../support/transports.ts';
import { trapLaunch, trapState, until } from '../support/trap.ts';
import { WsClient } from '../support/ws-client.ts';

const ALICE = `berth_${'a'.repeat(43)}`;
const BOB = `berth_${'b'.repeat(43)}`;

let gateway: Awaited<ReturnType<typeof startGateway>>;
let guarded: Awaited<ReturnType<typeof startGateway>>;

beforeAll(async () => {
  const launch = trapLaunch();
  gateway = await startGateway({
    servers: [
      { name: 'trap', launch },
      { name: 'shared', launch, isolation: 'shared' },
      { name: 'principal', launch, isolation: 'principal' },
      { name: 'capped', launch, limits: { sessionsPerPrincipal: 3 } },
    ],
  });
  guarded = await startGateway({ servers: [{ name: 'trap', launch }], keys: { alice: ALICE, bob: BOB } });
});
afterAll(() => Promise.all([gateway?.close(), guarded?.close()]));

async function streamable(base: string, key?: string): Promise<StreamableClient> {
  const client = new StreamableClient(`${base}/mcp`, key === undefined ? {} : { key });
  await client.initialize();
  return client;
}

describe('a session of one principal', () => {
  it('does not exist for another one, on POST, GET and DELETE', async () => {
    const alice = await streamable(guarded.url('trap'), ALICE);
    const thief = new StreamableClient(alice.url, { key: BOB });
    thief.session = alice.session;
    expect((await thief.post(requestText('1', 'ping'))).status).toBe(404);
    expect((await thief.get()).status).toBe(404);
    expect(await thief.delete()).toBe(404);
    expect((await alice.request('1', 'ping')).message.result).toEqual({});
    await alice.close();
  });

  it('cannot be posted to by another one over sse', async () => {
    const alice = await SseClient.connect(`${guarded.url('trap')}/sse`, { key: ALICE });
    await alice.initialize();
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${BOB}` };
    const stolen = await open(alice.endpoint, { method: 'POST', headers, body: requestText('1', 'ping') });
    expect([403, 404]).toContain(stolen.status);
    expect((await alice.request('2', 'ping')).message.result).toEqual({});
    expect(alice.inbox.waiting).toEqual([]);
    await alice.close();
  });

  it('is not opened with a wrong key, nor without one through a proxy', async () => {
    const base = guarded.url('trap');
    const wrong = { key: `berth_${'x'.repeat(43)}` };
    const initialize = requestText('1', 'initialize', {});
    expect((await new StreamableClient(`${base}/mcp`, wrong).post(initialize)).status).toBe(401);
    await expect(SseClient.connect(`${base}/sse`, wrong)).rejects.toThrow('status 401');
    await expect(WsClient.connect(`${base}/ws`, wrong)).rejects.toThrow('status 401');
    const proxied = await new StreamableClient(`${base}/mcp`).post(initialize, {
      'x-forwarded-for': '127.0.0.9',
    });
    expect(proxied.status).toBe(401);
  });
});

describe('a session id', () => {
  it('is long, never the same twice, and worthless once changed anywhere', async () => {
    const clients = await Promise.all(Array.from({ length: 12 }, () => streamable(gateway.url('trap'))));
    const ids = clients.map((client) => client.session ?? '');
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[\x21-\x7e]{22,}$/);
    const [id = ''] = ids;
    const forger = new StreamableClient(`${gateway.url('trap')}/mcp`);
    for (let at = 0; at < id.length; at += 5) {
      // the neighbour in the alphabet differs in the lowest bit, which the last characters of base64 may not carry
      forger.session = `${id.slice(0, at)}${id[at] === 'A' ? 'q' : 'A'}${id.slice(at + 1)}`;
      expect((await forger.post(requestText('1', 'ping'))).status).toBe(404);
    }
    await Promise.all(clients.map((client) => client.close()));
  });

  it('of one server is unknown to another', async () => {
    const client = await streamable(gateway.url('trap'));
    const other = new StreamableClient(`${gateway.url('capped')}/mcp`);
    other.session = client.session;
    expect((await other.post(requestText('1', 'ping'))).status).toBe(404);
    await client.close();
  });
});

it('the newest of two standalone streams gets each notification, once', async () => {
  const client = await streamable(gateway.url('trap'));
  const older = await client.get();
  const newer = await client.get();
  expect([older.status, newer.status]).toEqual([200, 200]);
  await older.gone();
  await client.tool('later', { messages: 20 });
  for (let sent = 0; sent < 20; sent++) {
    const { message, stream } = await client.inbox.method('notifications/tools/list_changed');
    expect({ sent: message.params?.sent, stream }).toEqual({ sent, stream: 'get-2' });
  }
  expect(client.inbox.waiting).toEqual([]);
  await client.close();
});

/** Calls with the ids 0..n and payloads of its own; every answer must be its own. */
async function hammer(client: McpClient, name: string): Promise<string[]> {
  const wrong: string[] = [];
  for (let round = 0; round < 10; round++) {
    const ids = Array.from({ length: 8 }, (_, index) => String(round * 8 + index));
    const answers = await Promise.all(ids.map((id) => client.request(id, 'trap/echo', { name, id })));
    for (const [index, { message, text }] of answers.entries()) {
      if (message.result?.name !== name || message.result.id !== ids[index]) wrong.push(`${name}: ${text}`);
    }
  }
  return [...wrong, ...client.inbox.waiting.map(({ text }) => `${name}: ${text}`)];
}

it.each(['shared', 'principal', 'trap'])(
  'crosses no answers of many clients with equal ids on the server %s',
  async (server) => {
    const rows = TRANSPORTS.flatMap((transport): Transport[] => Array.from({ length: 6 }, () => transport));
    const clients = await Promise.all(
      rows.map((transport) => session(transport, gateway.url(server), { protocolVersion: '2025-06-18' })),
    );
    const wrong = await Promise.all(clients.map((client, index) => hammer(client, `client-${index}`)));
    expect(wrong.flat()).toEqual([]);
    const pids = await Promise.all(clients.map(async (client) => (await trapState(client)).pid));
    expect(new Set(pids).size).toBe(server === 'trap' ? clients.length : 1);
    await Promise.all(clients.map((client) => client.close()));
  },
);

describe.each(TRANSPORTS)('the session cap over %s', (transport) => {
  it('refuses one more, disturbs nobody, and frees a place when one ends', async () => {
    const base = gateway.url('capped');
    const held = await Promise.all([1, 2, 3].map(() => session(transport, base)));
    await expect(session(transport, base)).rejects.toThrow(/429|-32000|closed with 10(11|13) .*limit/);
    const elsewhere = await session(transport, gateway.url('trap'));
    expect((await elsewhere.request('1', 'ping')).message.result).toEqual({});
    for (const client of held) expect((await client.request('1', 'ping')).message.result).toEqual({});
    await held.pop()?.close();
    let next: McpClient | undefined;
    await until('a place is free', async () => {
      next = await session(transport, base).catch(() => undefined);
      return next !== undefined;
    });
    const all = [...held, elsewhere, ...(next ? [next] : [])];
    await Promise.all(all.map((client) => client.close()));
    const probe = await connect(transport, base);
    await probe.close();
  });
});
