/** Clients that do not read: what waits for them is bounded, and nobody else waits with them (data-path.md 4.4). */
import { afterEach, describe, expect, it } from 'vitest';
import { Harness, request, settle, type TestClient, TestReader } from './harness.ts';

const KIB = 1024;
const PIECE = 64 * KIB;

let harness: Harness;
afterEach(() => harness.close());

async function flood(pieces: number): Promise<void> {
  for (let n = 0; n < pieces; n++) harness.server.notify('acme/n', { n, pad: 'x'.repeat(PIECE) });
  await settle();
}

function unread(client: TestClient): TestReader {
  return client.attach(0, undefined, new TestReader(false));
}

describe('on a process of its own', () => {
  async function slow(): Promise<{ client: TestClient; reader: TestReader }> {
    harness = new Harness();
    const client = await harness.session();
    return { client, reader: unread(client) };
  }

  it('the channel is paused at 256 KiB and goes on when half of that has been read', async () => {
    const { reader } = await slow();
    await flood(3);
    expect(harness.server.process.server.paused).toBe(false);
    await flood(10);
    expect(harness.server.process.server.paused).toBe(true);
    expect(reader.events.length).toBe(4);
    for (const event of reader.events.slice(0, 2)) reader.acknowledge(event);
    expect(harness.server.process.server.paused).toBe(true);
    reader.acknowledge(reader.events[2]);
    expect(harness.server.process.server.paused).toBe(false);
    await settle();
    for (let at = 3; at < 13; at++) {
      reader.acknowledge(reader.events[at]);
      await settle();
    }
    expect(reader.lines.map(({ params }) => params.n)).toEqual([
      0,
      1,
      2,
      ...Array.from({ length: 10 }, (_, n) => n),
    ]);
    expect(reader.ends).toEqual([]);
  });

  it('the reader is closed after 10 s without progress, and the channel goes on', async () => {
    const { reader } = await slow();
    await flood(10);
    harness.clock.advance(10_000);
    expect(reader.ends).toEqual([]);
    harness.clock.advance(2_000);
    expect(reader.ends).toEqual(['slow']);
    expect(harness.server.process.server.paused).toBe(false);
  });

  it('a reader that takes a piece now and then is never closed, even within one large message', async () => {
    const { reader } = await slow();
    harness.server.notify('acme/large', { pad: 'x'.repeat(40 * PIECE) });
    await settle();
    for (let piece = 0; piece < 36; piece++) {
      harness.clock.advance(9_000);
      reader.attachment?.credit(PIECE);
    }
    expect(reader.ends).toEqual([]);
  });

  it('a reader that has nothing to read is never closed', async () => {
    const { reader } = await slow();
    await flood(3);
    harness.clock.advance(25 * 60_000);
    expect(reader.ends).toEqual([]);
  });

  describe('that waits for several readers, none of whose windows is full', () => {
    /** A call whose answer of so many bytes is on its way to a client that does not read. */
    async function answered(client: TestClient, id: string, bytes: number): Promise<TestReader> {
      const reader = client.call(request(id), { reader: new TestReader(false) });
      await settle();
      harness.server.answer(harness.server.id('tools/call'), 'x'.repeat(bytes));
      await settle();
      return reader;
    }
    const isPaused = (): boolean => harness.server.process.server.paused;

    it('goes on without the one that stands still, when the other has read its part', async () => {
      const { client, reader } = await slow();
      await flood(3);
      const other = await answered(client, '1', 80 * KIB);
      expect(isPaused()).toBe(true);
      other.acknowledge(other.events[0]);
      expect(isPaused()).toBe(true);
      harness.clock.advance(9_000);
      expect(reader.ends).toEqual([]);
      harness.clock.advance(3_000);
      expect([reader.ends, isPaused()]).toEqual([['slow'], false]);
    });

    it('goes on when all of them stand still', async () => {
      const { client, reader } = await slow();
      await flood(3);
      const other = await answered(client, '1', 200 * KIB);
      expect(isPaused()).toBe(true);
      harness.clock.advance(12_000);
      expect([reader.ends, isPaused()]).toEqual([['slow'], false]);
      expect(other.ends).toEqual(['complete', 'slow']);
    });

    it('goes on when one has read some of a full window and then stands still', async () => {
      const { reader } = await slow();
      await flood(4);
      expect(isPaused()).toBe(true);
      reader.acknowledge(reader.events[0]);
      harness.clock.advance(9_000);
      reader.attachment?.credit(KIB);
      harness.clock.advance(9_000);
      expect([reader.ends, isPaused()]).toEqual([[], true]);
      harness.clock.advance(3_000);
      expect([reader.ends, isPaused()]).toEqual([['slow'], false]);
    });

    it('spares who has nothing on its way', async () => {
      const { client, reader } = await slow();
      await flood(3);
      const idle = client.call(request('2', 'tools/list'), { reader: new TestReader(false) });
      await answered(client, '1', 80 * KIB);
      harness.clock.advance(12_000);
      expect([reader.ends, idle.ends]).toEqual([['slow'], []]);
    });
  });

  it('a reader that leaves lets the channel go on', async () => {
    const { reader } = await slow();
    await flood(10);
    reader.attachment?.detach();
    expect(harness.server.process.server.paused).toBe(false);
  });

  it('the unread rest of a session that has ended is given up after 10 s, too', async () => {
    const { client } = await slow();
    const reader = client.call(request('1'), { reader: new TestReader(false) });
    await settle();
    harness.server.answer(harness.server.id('tools/call'), 'x'.repeat(5 * PIECE));
    await settle();
    await client.end();
    harness.clock.advance(9_000);
    expect(reader.ends).toEqual(['complete']);
    reader.attachment?.credit(PIECE);
    harness.clock.advance(9_000);
    const before = reader.ends.length;
    harness.clock.advance(5_000);
    expect([before, reader.ends]).toEqual([1, ['complete', 'slow']]);
  });
});

it('an answer that its closed reader has left unread counts among those that nobody comes for', async () => {
  harness = new Harness();
  const client = await harness.session();
  const refused: (string | undefined)[] = [];
  for (let n = 0; n < 10; n++) {
    const reader = client.call(request(String(n)), { reader: new TestReader(false) });
    refused.push(reader.error?.code);
    await settle();
    if (reader.error) continue;
    harness.server.answer(harness.server.id('tools/call'), 'x'.repeat(8 * 1024 * KIB));
    await settle();
    harness.clock.advance(12_000);
    expect(reader.ends).toEqual(['complete', 'slow']);
  }
  expect(refused).toEqual([...Array.from({ length: 8 }, () => undefined), 'limit-reached', 'limit-reached']);
});

describe.each(['shared', 'principal'] as const)('on a process shared by isolation %s', (isolation) => {
  async function two(): Promise<{ slow: TestReader; quick: TestReader }> {
    harness = new Harness({ isolation });
    const [a, b] = [await harness.session(), await harness.session()];
    return { slow: unread(a), quick: b.attach() };
  }

  it('the channel is never paused, and the others get everything', async () => {
    const { quick } = await two();
    for (let lot = 0; lot < 5; lot++) await flood(8);
    expect(harness.servers).toHaveLength(1);
    expect(harness.server.process.server.paused).toBe(false);
    expect(quick.events).toHaveLength(40);
    expect(quick.ends).toEqual([]);
  });

  it('the slow one is closed when 1 MiB waits beyond what is being written', async () => {
    const { slow } = await two();
    await flood(4 + 15);
    expect(slow.ends).toEqual([]);
    await flood(2);
    expect(slow.ends).toEqual(['slow']);
    expect(slow.events).toHaveLength(4);
  });

  it('one message larger than all of that is written, however large', async () => {
    const { slow } = await two();
    harness.server.notify('acme/large', { pad: 'x'.repeat(64 * PIECE) });
    await settle();
    expect([slow.events.length, slow.ends]).toEqual([1, []]);
  });

  it('the slow one is closed after 10 s without progress', async () => {
    const { slow, quick } = await two();
    await flood(6);
    harness.clock.advance(12_000);
    expect([slow.ends, quick.ends]).toEqual([['slow'], []]);
  });
});
