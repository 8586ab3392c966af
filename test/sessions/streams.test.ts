/** Streams: one reader, positions, and what is kept for how long (data-path.md 3.1 to 3.3). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ANSWER_KEPT } from '../../src/sessions/kept-answers.ts';
import { Harness, request, settle, type TestClient, TestReader } from './harness.ts';

const KIB = 1024;

let harness: Harness;
let client: TestClient;

beforeEach(async () => {
  harness = new Harness();
  client = await harness.session();
});
afterEach(() => harness.close());

async function say(from: number, to: number, pad = 0): Promise<void> {
  for (let n = from; n <= to; n++) harness.server.notify('acme/n', { n, pad: 'x'.repeat(pad) });
  await settle();
}

function numbers(reader: TestReader): unknown[] {
  return reader.lines.map(({ params }) => params?.n);
}

/** A call with two progress notifications and its answer, all unread by a client that has gone. */
async function unread(): Promise<number> {
  const reader = client.call(request('1', 'tools/call', '{"_meta":{"progressToken":"t"}}'));
  await settle();
  reader.attachment?.detach();
  const id = harness.server.id('tools/call');
  for (const progress of [1, 2])
    harness.server.notify('notifications/progress', { progressToken: id, progress });
  harness.server.answer(id);
  await settle();
  return reader.stream ?? -1;
}

describe('a reader', () => {
  it('supersedes the one before, which is told and gets nothing more', async () => {
    const [older, newer] = [client.attach(), client.attach()];
    await say(1, 3);
    expect([older.ends, older.events]).toEqual([['superseded'], []]);
    expect([newer.ends, numbers(newer)]).toEqual([[], [1, 2, 3]]);
  });

  it('that was superseded can neither acknowledge nor detach', async () => {
    const [older, newer] = [client.attach(0, undefined, new TestReader(false)), client.attach()];
    older.attachment?.credit(1_000, 99);
    older.attachment?.detach();
    await say(1, 1);
    expect(numbers(newer)).toEqual([1]);
  });

  it('of a stream that does not exist is refused', async () => {
    for (const stream of [1_000, 2 ** 50]) {
      expect(client.attach(stream).error).toMatchObject({ code: 'unknown-stream', status: 400 });
    }
  });

  it('of an unknown session is refused, as is another principal', () => {
    const target = { key: 'nonce-1' };
    expect(harness.client({ key: 'nobody' }).attach().error).toMatchObject({ code: 'unknown-session' });
    const foreign = harness.client({ ...target, principal: 'bob' });
    expect(foreign.attach().error).toMatchObject({ code: 'unknown-session', status: 404 });
    expect(foreign.call(request('1')).error?.code).toBe('unknown-session');
  });
});

describe('a position', () => {
  it('brings what came after it, and only that', async () => {
    const stream = await unread();
    const reader = client.attach(stream, 1);
    expect(reader.seqs).toEqual([2, 3]);
    expect(reader.ends).toEqual(['complete']);
  });

  it('can be asked for again for as long as the answer is kept, answers only', async () => {
    const stream = await unread();
    client.attach(stream, 0);
    await settle();
    const again = client.attach(stream, 0);
    expect(again.seqs).toEqual([3]);
  });

  it('at the end of a stream brings nothing but its end, and the stream is forgotten in time', async () => {
    const stream = await unread();
    const reader = client.attach(stream, 3);
    expect([reader.seqs, reader.ends]).toEqual([[], ['complete']]);
    harness.clock.advance(ANSWER_KEPT + 1_000);
    expect(client.attach(stream, 3).error?.code).toBe('unknown-stream');
  });

  it('of a call in flight goes on with what is still to come', async () => {
    const first = client.call(request('1'));
    await settle();
    first.attachment?.detach();
    const second = client.attach(first.stream, 0);
    harness.server.answer(harness.server.id('tools/call'));
    await settle();
    expect([second.lines.map(({ id }) => id), second.ends]).toEqual([[1], ['complete']]);
  });

  it('is an acknowledgement of all before it', async () => {
    await say(1, 4);
    client.attach(0, 2).attachment?.detach();
    await settle();
    expect(numbers(client.attach())).not.toContain(2);
  });

  it('whose events are gone brings what remains', async () => {
    const first = client.attach();
    await say(1, 5);
    first.attachment?.detach();
    await say(6, 7);
    expect(numbers(client.attach(0, 3))).toEqual([6, 7]);
  });
});

describe('without a reader', () => {
  it('256 notifications are kept, the oldest are dropped', async () => {
    await say(1, 300);
    const reader = client.attach();
    expect(numbers(reader)).toEqual(Array.from({ length: 256 }, (_, at) => at + 45));
    expect(reader.seqs[0]).toBe(45);
  });

  it('1 MiB of notifications is kept', async () => {
    await say(1, 40, 64 * KIB);
    const reader = client.attach();
    await settle();
    const kept = numbers(reader);
    expect(kept).toEqual(Array.from({ length: 15 }, (_, at) => at + 26));
  });

  /** Progress of calls whose client has gone: once to each, then once more to each, and so on. */
  async function report(calls: number, rounds: number, pad = ''): Promise<TestReader[]> {
    const readers = Array.from({ length: calls }, (_, n) =>
      client.call(request(String(n), 'tools/call', `{"_meta":{"progressToken":${n}}}`)),
    );
    await settle();
    for (const { attachment } of readers) attachment?.detach();
    const tokens = harness.server.of('tools/call').map(({ id }) => id);
    for (let progress = 1; progress <= rounds; progress++)
      for (const progressToken of tokens)
        harness.server.notify('notifications/progress', { progressToken, progress, pad });
    await settle();
    return readers.map(({ stream }) => client.attach(stream, 0));
  }

  const progressOf = ({ lines }: TestReader): unknown[] => lines.map(({ params }) => params?.progress);

  it('256 notifications of all its streams together are kept, the oldest are dropped', async () => {
    const found = (await report(8, 50)).map(progressOf);
    expect(found).toEqual(Array(8).fill(Array.from({ length: 32 }, (_, at) => at + 19)));
    const [session] = harness.supervisor.sessions(harness.definition.id);
    expect(session?.report.lostNotifications).toBe(8 * 50 - 256);
  });

  it('1 MiB of notifications of all its streams together is kept', async () => {
    const found = (await report(64, 2, 'x'.repeat(60 * KIB))).flatMap(progressOf);
    expect(found).toEqual(Array(17).fill(2));
  });

  it('a stream whose reader leaves holds its own beside those of the others', async () => {
    await say(1, 200);
    const reader = client.call(request('1', 'tools/call', '{"_meta":{"progressToken":1}}'), {
      reader: new TestReader(false),
    });
    await settle();
    const progressToken = harness.server.id('tools/call');
    for (let progress = 1; progress <= 100; progress++)
      harness.server.notify('notifications/progress', { progressToken, progress });
    await settle();
    reader.attachment?.detach();
    expect(numbers(client.attach())).toEqual(Array.from({ length: 156 }, (_, at) => at + 45));
    expect(progressOf(client.attach(reader.stream, 0))).toHaveLength(100);
  });

  it('requests of the server and answers are kept whatever else is dropped', async () => {
    const calls = [client.call(request('1')), client.call(request('2'))];
    await settle();
    for (const call of calls) call.attachment?.detach();
    const [first] = harness.server.of('tools/call');
    for (let n = 0; n < 300; n++) harness.server.notify('notifications/message', { data: n });
    harness.server.say(request('"held"', 'roots/list'));
    harness.server.answer(first?.id);
    await say(1, 300);
    await settle();
    expect(client.attach(calls[0]?.stream, 0).lines.map(({ id, method }) => method ?? id)).toContain(1);
    const asked = calls.flatMap((call) => client.attach(call.stream, 0).lines);
    expect(asked.filter(({ method }) => method === 'roots/list')).toHaveLength(1);
  });
});

describe('an answer', () => {
  it('is kept until a reader acknowledges it, however long that takes', async () => {
    const reader = client.call(request('1'), { reader: new TestReader(false) });
    await settle();
    harness.server.answer(harness.server.id('tools/call'));
    await settle();
    reader.attachment?.detach();
    harness.clock.advance(20 * 60_000);
    expect(client.attach(reader.stream, 0).lines).toMatchObject([{ id: 1 }]);
  });

  it('is kept 60 s after that', async () => {
    const reader = client.call(request('1'));
    await settle();
    harness.server.answer(harness.server.id('tools/call'));
    await settle();
    harness.clock.advance(ANSWER_KEPT - 1_000);
    expect(client.attach(reader.stream, 0).lines).toMatchObject([{ id: 1 }]);
    await settle();
    harness.clock.advance(2_000);
    expect(client.attach(reader.stream, 0).error?.code).toBe('unknown-stream');
  });

  it('goes early when the acknowledged ones pass 1 MiB together, oldest first', async () => {
    const readers: TestReader[] = [];
    for (let id = 0; id < 5; id++) {
      readers.push(client.call(request(String(id))));
      await settle();
      harness.server.answer(harness.server.id('tools/call'), 'x'.repeat(300 * KIB));
      await settle();
    }
    const found = readers.map(({ stream }) => client.attach(stream, 0).error === undefined);
    expect(found).toEqual([false, false, true, true, true]);
  });

  /** Makes so many calls at once, answers them all, and returns which of the answers can be had again. */
  async function atOnce(count: number, bytes = 10): Promise<boolean[]> {
    const readers = Array.from({ length: count }, (_, id) => client.call(request(String(id))));
    await settle();
    for (const { id } of harness.server.of('tools/call')) harness.server.answer(id, 'x'.repeat(bytes));
    await settle();
    return readers.map(({ stream }) => client.attach(stream, 0).error === undefined);
  }

  it('is there again whatever else was in flight when the connection broke', async () => {
    expect(await atOnce(300)).toEqual(Array.from({ length: 300 }, () => true));
  });

  it('is there again up to 16 MiB of what was in flight, oldest first', async () => {
    const kept = await atOnce(40, 512 * KIB);
    expect(kept.lastIndexOf(false)).toBe(8);
    expect(kept.filter((one) => one)).toHaveLength(31);
  });

  it('goes early when 64 newer ones are acknowledged, if no more were in flight at one time', async () => {
    const readers: TestReader[] = [];
    for (let id = 0; id < 66; id++) {
      readers.push(client.call(request(String(id))));
      await settle();
      harness.server.answer(harness.server.id('tools/call'));
      await settle();
    }
    const found = readers.map(({ stream }) => client.attach(stream, 0).error === undefined);
    expect(found).toEqual([false, false, ...Array.from({ length: 64 }, () => true)]);
  });
});

it('a call cancelled while nobody reads leaves nothing behind', async () => {
  const reader = client.call(request('1'), { key: 'k' });
  await settle();
  reader.attachment?.detach();
  await client.cancel('1');
  harness.clock.advance(ANSWER_KEPT + 1_000);
  expect(client.attach(reader.stream, 0).error?.code).toBe('unknown-stream');
});
