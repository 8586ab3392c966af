/** The same id again, batches, and how many calls a session may have (data-path.md 2.2, 2.3, 1.4). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ANSWER_KEPT } from '../../src/sessions/kept-answers.ts';
import { Harness, request, settle, type TestClient } from './harness.ts';

const BODY = request('1', 'tools/call', '{"name":"slow"}');
const NOTE = '{"jsonrpc":"2.0","method":"acme/note"}';

let harness: Harness;
let client: TestClient;

beforeEach(async () => {
  harness = new Harness();
  client = await harness.session();
});
afterEach(() => harness.close());

async function answerAll(): Promise<void> {
  await settle();
  for (const { id } of harness.server.of('tools/call')) harness.server.answer(id, { id });
  await settle();
}

describe('an id that is in flight', () => {
  it.each(['1', '1.0', '10e-1'])('is refused as %s while its reader is there', async (id) => {
    const first = client.call(BODY);
    const second = client.call(request(id, 'tools/call', '{"name":"slow"}'));
    await answerAll();
    expect(second.error).toMatchObject({ code: 'invalid-request', status: 400, rpc: -32600 });
    expect(first.events).toHaveLength(1);
    expect(harness.server.of('tools/call')).toHaveLength(1);
  });

  it('as a string is another id', async () => {
    const readers = [client.call(BODY), client.call(request('"1"', 'tools/call', '{"name":"slow"}'))];
    await answerAll();
    expect(readers.map(({ lines }) => lines[0]?.id)).toEqual([1, '1']);
  });

  it('is refused for another body, though the first reader is gone', async () => {
    client.call(BODY).attachment?.detach();
    expect(client.call(request('1', 'tools/call', '{"name":"fast"}')).error?.rpc).toBe(-32600);
  });

  it('with the same body takes the call over when the first reader is gone, and nothing runs twice', async () => {
    const first = client.call(BODY);
    await settle();
    first.attachment?.detach();
    const second = client.call(BODY);
    await answerAll();
    expect(harness.server.of('tools/call')).toHaveLength(1);
    expect(first.events).toEqual([]);
    expect(second.lines).toMatchObject([{ id: 1, result: {} }]);
  });

  it('gets the progress of before again when it takes over', async () => {
    const body = request('1', 'tools/call', '{"_meta":{"progressToken":"t"}}');
    const first = client.call(body);
    await settle();
    first.attachment?.detach();
    const progressToken = harness.server.id('tools/call');
    harness.server.notify('notifications/progress', { progressToken, progress: 1 });
    await settle();
    const second = client.call(body);
    await answerAll();
    expect(second.seqs).toEqual([1, 2]);
  });
});

describe('an id whose answer is kept', () => {
  it('gives the same answer to the same body, and is refused for another', async () => {
    const first = client.call(BODY);
    await answerAll();
    const [again, other] = [client.call(BODY), client.call(request('1', 'tools/list'))];
    expect(again.texts).toEqual(first.texts);
    expect(other.error?.rpc).toBe(-32600);
    expect(harness.server.of('tools/call')).toHaveLength(1);
  });

  it('is free again when the answer has been forgotten', async () => {
    client.call(BODY);
    await answerAll();
    harness.clock.advance(ANSWER_KEPT + 1_000);
    const other = client.call(request('1', 'tools/list'));
    await settle();
    expect(other.error).toBeUndefined();
    expect(harness.server.of('tools/list')).toHaveLength(1);
  });
});

it('a call that is repeated under its key (a re-made link) is the same call', async () => {
  const first = client.call(BODY, { key: 'k' });
  await settle();
  const second = client.call(BODY, { key: 'k' });
  await answerAll();
  expect(first.ends).toEqual(['superseded']);
  expect(second.lines).toMatchObject([{ id: 1, result: {} }]);
  expect(harness.server.of('tools/call')).toHaveLength(1);
});

it('a note that is repeated under its key is passed on once and taken twice', async () => {
  expect([await client.note(NOTE, 'n'), await client.note(NOTE, 'n')]).toEqual([undefined, undefined]);
  await settle();
  expect(harness.server.of('acme/note')).toHaveLength(1);
});

describe('a batch', () => {
  let old: TestClient;
  const both = [request('1'), request('"1"')];

  beforeEach(async () => {
    old = await harness.session({ version: '2025-03-26' });
  });

  async function answerBatch(): Promise<void> {
    await settle();
    const server = harness.servers[1];
    for (const { id } of server?.of('tools/call') ?? []) server?.answer(id);
    await settle();
  }

  it('is taken in revision 2025-03-26 only', () => {
    expect(client.call(both).error).toMatchObject({ status: 400, rpc: -32600 });
    expect(old.call(both).error).toBeUndefined();
  });

  it('is answered on one stream, which is complete with the last answer', async () => {
    const reader = old.call([both[0] ?? '', NOTE, both[1] ?? '']);
    await settle();
    const server = harness.servers[1];
    const [one, two] = server?.of('tools/call') ?? [];
    server?.answer(two?.id);
    await settle();
    expect([reader.lines.map(({ id }) => id), reader.ends]).toEqual([['1'], []]);
    server?.answer(one?.id);
    await settle();
    expect([reader.lines.map(({ id }) => id), reader.ends]).toEqual([['1', 1], ['complete']]);
    expect(server?.of('acme/note')).toHaveLength(1);
  });

  it('with one id twice runs none of it', async () => {
    expect(old.call([request('1'), request('1.0', 'tools/list')]).error?.rpc).toBe(-32600);
    await settle();
    expect(harness.servers[1]?.of('tools/call')).toEqual([]);
  });

  it('sent again is taken over as a whole', async () => {
    old.call(both).attachment?.detach();
    const again = old.call(both);
    await answerBatch();
    expect(again.lines.map(({ id }) => id)).toEqual([1, '1']);
    expect(harness.servers[1]?.of('tools/call')).toHaveLength(2);
  });

  it('that repeats only some of the requests of another is refused, so that none is lost', async () => {
    old.call(both).attachment?.detach();
    for (const texts of [[request('1'), request('3')], [request('3'), request('"1"')], [request('1')]])
      expect(old.call(texts).error?.rpc).toBe(-32600);
    await answerBatch();
    expect(harness.servers[1]?.of('tools/call')).toHaveLength(2);
  });
});

it('the 1,025th call in flight is refused, and taken once another has ended', async () => {
  for (let id = 0; id < 1_024; id++) client.call(request(String(id)));
  const over = client.call(request('"one more"'));
  expect(over.error).toMatchObject({ code: 'limit-reached', status: 429 });
  await settle();
  harness.server.answer(harness.server.id('tools/call'));
  await settle();
  expect(client.call(request('"one more"')).error).toBeUndefined();
});
