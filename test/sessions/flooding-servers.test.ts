/** Servers that ask and tell without end, and clients that call without end: what is kept of it is bounded. */
import { afterEach, describe, expect, it } from 'vitest';
import { Harness, type Line, request, settle, type TestClient, TestReader } from './harness.ts';

let harness: Harness;
afterEach(() => harness.close());

const MIB = 1024 * 1024;

function ask(id: number | string, pad = ''): void {
  harness.server.say({ jsonrpc: '2.0', id, method: 'roots/list', params: { pad } });
}

function refusals(): Line[] {
  return harness.server.lines.filter(({ error }) => error !== undefined);
}

describe('requests of a server that nobody reads', () => {
  it('are refused beyond 1,024 until the client has answered some', async () => {
    harness = new Harness();
    const client = await harness.session();
    for (let n = 0; n < 1_034; n++) ask(n);
    await settle();
    expect(refusals().map(({ id, error }) => [id, error.code])).toEqual(
      Array.from({ length: 10 }, (_, n) => [1_024 + n, -32000]),
    );
    const reader = client.attach();
    expect(reader.events).toHaveLength(1_024);
    await client.note(`{"jsonrpc":"2.0","id":${reader.lines[0]?.id},"result":{"roots":[]}}`);
    ask('again');
    await settle();
    expect(refusals()).toHaveLength(10);
    expect(reader.events).toHaveLength(1_025);
  });

  it('are refused beyond 32 MiB', async () => {
    harness = new Harness();
    await harness.session();
    for (let n = 0; n < 40; n++) ask(n, 'x'.repeat(MIB));
    await settle();
    expect(refusals().map(({ id }) => id)).toEqual([32, 33, 34, 35, 36, 37, 38, 39]);
  });

  it('do not pile up when the server takes each back and asks anew', async () => {
    harness = new Harness();
    const client = await harness.session();
    for (let n = 0; n < 3_000; n++) {
      ask(n);
      harness.server.notify('notifications/cancelled', { requestId: n });
    }
    await settle();
    expect(refusals()).toEqual([]);
    const reader = client.attach();
    expect(reader.events).toHaveLength(2_048);
    expect(reader.lines.at(-1)?.method).toBe('notifications/cancelled');
  });

  it('with an id that is used twice at the same time are told apart', async () => {
    harness = new Harness();
    const client = await harness.session();
    const reader = client.attach();
    ask('same');
    ask('same');
    await settle();
    const [first, second] = reader.lines.map(({ id }) => id);
    await client.note(`{"jsonrpc":"2.0","id":${first},"result":{}}`);
    harness.server.notify('notifications/cancelled', { requestId: 'same' });
    await settle();
    expect(reader.lines.at(-1)).toMatchObject({ params: { requestId: second } });
  });
});

describe('a client on a shared process that does not read its answer', () => {
  it.each(['progress', 'requests'])('is closed when too much %s waits for it', async (what) => {
    harness = new Harness({ isolation: 'principal' });
    const client = await harness.session();
    const reader = client.call(request('1', 'tools/call', '{"_meta":{"progressToken":1}}'), {
      reader: new TestReader(false),
    });
    await settle();
    const progressToken = harness.server.of('tools/call')[0]?.params._meta.progressToken;
    for (let n = 0; n < 4; n++) {
      const pad = 'x'.repeat(MIB);
      if (what === 'requests') ask(n, pad);
      else harness.server.notify('notifications/progress', { progressToken, progress: n, pad });
    }
    await settle();
    expect(reader.ends).toEqual(['slow']);
  });
});

describe('answers that nobody comes for', () => {
  /** Calls whose client has left before the answer. */
  async function leave(client: TestClient, first: number, count: number, text: string): Promise<number> {
    let taken = 0;
    for (let n = 0; n < count; n++) {
      const reader = client.call(request(`${first + n}`));
      reader.attachment?.detach();
      if (reader.error === undefined) taken++;
    }
    await settle();
    const calls = harness.server.of('tools/call');
    for (const { id } of calls.slice(calls.length - taken)) harness.server.answer(id, { text });
    await settle();
    return taken;
  }

  it('fill a session up to as many as it may have calls', async () => {
    harness = new Harness();
    const client = await harness.session();
    expect([await leave(client, 0, 600, ''), await leave(client, 600, 600, '')]).toEqual([600, 424]);
    expect(client.call(request('9999')).error?.code).toBe('limit-reached');
    // Whoever reads one may make a call again.
    const again = client.call(request('7'));
    await settle();
    expect(again.lines).toHaveLength(1);
    expect(client.call(request('9999')).error).toBeUndefined();
  });

  it('fill a session up to 64 MiB', async () => {
    harness = new Harness();
    const client = await harness.session();
    const text = 'x'.repeat(8 * 1024 * 1024);
    const taken = [];
    for (let n = 0; n < 10; n++) taken.push(await leave(client, n, 1, text));
    expect(taken).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
  });
});

it('calls that wait for a process that is not ready hold 64 MiB of one caller at most', async () => {
  harness = new Harness({ sessions: 'none', answers: {} });
  const pool = harness.client({ kind: 'affinity' });
  const pad = JSON.stringify({ pad: 'x'.repeat(4_000_000) });
  const readers = Array.from({ length: 30 }, (_, n) => pool.call(request(String(n), 'tools/call', pad)));
  await settle();
  const [taken, refused] = [true, false].map((ok) => readers.filter(({ error }) => !error === ok));
  expect([taken?.length, refused?.length]).toEqual([17, 13]);
  expect(refused?.every(({ error }) => error?.code === 'limit-reached')).toBe(true);
  const other = harness.client({ kind: 'affinity', principal: 'bob' });
  expect(other.call(request('1', 'tools/call', pad)).error).toBeUndefined();
});
