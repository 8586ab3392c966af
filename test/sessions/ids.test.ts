/** Ids and progress tokens are ours towards the server and the client's own towards the client (data-path.md 2.1, 2.2). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Harness, request, settle, type TestClient } from './harness.ts';

const RAW_IDS = ['1', '1.0', '10e-1', '"1"', '-0', '9007199254740993', '1e400', '"\\u00e9\\n"', '"é"', '""'];

let harness: Harness;
let client: TestClient;

beforeEach(async () => {
  harness = new Harness();
  client = await harness.session();
});
afterEach(() => harness.close());

describe('a request of the client', () => {
  it.each(RAW_IDS)(
    'with the id %s reaches the server under a small integer and comes back byte for byte',
    async (id) => {
      const reader = client.call(request(id, 'tools/call', '{"name":"x"}'));
      await settle();
      const upstream = harness.server.id('tools/call');
      expect(Number.isSafeInteger(upstream)).toBe(true);
      harness.server.answer(upstream, { ok: true });
      await settle();
      expect(reader.texts).toEqual([`{"jsonrpc":"2.0","id":${id},"result":{"ok":true}}`]);
    },
  );

  it.each(['"t"', '7', '7.0', '9007199254740993'])(
    'has its progress token %s replaced and restored',
    async (token) => {
      const reader = client.call(request('1', 'tools/call', `{"_meta":{"progressToken":${token}},"a":1.0}`));
      await settle();
      const [call] = harness.server.of('tools/call');
      const ours = call?.params._meta.progressToken;
      expect(ours).toBe(call?.id);
      harness.server.say(
        `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${ours},"progress":1.0}}`,
      );
      await settle();
      expect(reader.texts).toEqual([
        `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"progress":1.0}}`,
      ]);
    },
  );

  it('has id and token replaced wherever they stand in it', async () => {
    client.call('{"params":{"_meta":{"progressToken":"t"}},"method":"a/b","id":"x","jsonrpc":"2.0"}');
    await settle();
    const [call] = harness.server.of('a/b');
    expect(harness.server.texts.at(-1)).toBe(
      `{"params":{"_meta":{"progressToken":${call?.id}}},"method":"a/b","id":${call?.id},"jsonrpc":"2.0"}`,
    );
  });

  it('gets no progress that it did not ask for, nor after its answer', async () => {
    const reader = client.call(request('1'));
    await settle();
    const id = harness.server.id('tools/call');
    harness.server.notify('notifications/progress', { progressToken: id, progress: 1 });
    harness.server.answer(id);
    harness.server.notify('notifications/progress', { progressToken: id, progress: 2 });
    const listener = client.attach();
    await settle();
    expect(reader.events).toHaveLength(1);
    expect(listener.events).toEqual([]);
  });

  it('gets one answer even when the server gives two, and none that was meant for nobody', async () => {
    const reader = client.call(request('1'));
    await settle();
    const id = harness.server.id('tools/call');
    for (const answered of [id, id, 999, '"1"', 1.5]) harness.server.answer(answered);
    await settle();
    expect(reader.events).toHaveLength(1);
    expect(client.attach().events).toEqual([]);
  });
});

describe('a cancellation by the client', () => {
  it.each([
    ['1', '1.0'],
    ['1.0', '1'],
    ['"a"', '"\\u0061"'],
  ])('of the call %s is recognised as %s and names our id', async (id, named) => {
    const reader = client.call(request(id));
    await settle();
    await client.cancel(named);
    await settle();
    expect(harness.server.of('notifications/cancelled').map(({ params }) => params.requestId)).toEqual([
      harness.server.id('tools/call'),
    ]);
    expect(reader.ends).toEqual(['complete']);
    harness.server.answer(harness.server.id('tools/call'));
    await settle();
    expect(reader.events).toEqual([]);
  });

  it.each(['"1"', '2', 'true'])('under %s means no call, and is not passed on', async (named) => {
    const reader = client.call(request('1'));
    await settle();
    expect(await client.cancel(named)).toBeUndefined();
    await settle();
    expect(harness.server.of('notifications/cancelled')).toEqual([]);
    harness.server.answer(harness.server.id('tools/call'));
    await settle();
    expect(reader.events).toHaveLength(1);
  });

  it('frees the id at once', async () => {
    client.call(request('1'));
    await settle();
    await client.cancel('1');
    const again = client.call(request('1', 'tools/list'));
    await settle();
    harness.server.answer(harness.server.id('tools/list'));
    await settle();
    expect(again.lines).toMatchObject([{ id: 1, result: {} }]);
  });
});

describe('a request of the server', () => {
  it.each(RAW_IDS)(
    'with the id %s reaches the client under a small integer and is answered byte for byte',
    async (id) => {
      const listener = client.attach();
      harness.server.say(`{"jsonrpc":"2.0","id":${id},"method":"roots/list"}`);
      await settle();
      const [asked] = listener.lines;
      expect(Number.isSafeInteger(asked?.id)).toBe(true);
      await client.note(`{"jsonrpc":"2.0","id":${asked?.id},"result":{"roots":[1.0]}}`);
      await settle();
      expect(harness.server.texts.at(-1)).toBe(`{"jsonrpc":"2.0","id":${id},"result":{"roots":[1.0]}}`);
    },
  );

  it('is answered once: a second answer and one to nothing are dropped', async () => {
    const listener = client.attach();
    harness.server.say(request('"s"', 'elicitation/create'));
    await settle();
    const before = harness.server.texts.length;
    for (const id of [listener.lines[0]?.id, listener.lines[0]?.id, 4_711])
      await client.note(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
    await settle();
    expect(harness.server.texts.slice(before)).toEqual(['{"jsonrpc":"2.0","id":"s","result":{}}']);
  });

  it('has its progress token mapped for the progress that the client reports', async () => {
    const listener = client.attach();
    harness.server.say(request('"s"', 'sampling/createMessage', '{"_meta":{"progressToken":"mine"}}'));
    await settle();
    const token = listener.lines[0]?.params._meta.progressToken;
    expect(token).toBe(listener.lines[0]?.id);
    await client.note(
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"progress":1.0}}`,
    );
    await client.note(
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":99,"progress":2}}',
    );
    await settle();
    const [progress, ...more] = harness.server.texts.filter((text) =>
      text.includes('notifications/progress'),
    );
    expect(progress).toContain('{"progressToken":"mine","progress":1.0}');
    expect(more).toEqual([]);
  });

  it('that the server takes back is cancelled under the id that the client saw', async () => {
    const listener = client.attach();
    harness.server.say(request('"s"', 'elicitation/create'));
    harness.server.notify('notifications/cancelled', { requestId: 's', reason: 'never mind' });
    harness.server.notify('notifications/cancelled', { requestId: 'unknown' });
    await settle();
    const [asked, cancelled, ...more] = listener.lines;
    expect(cancelled).toMatchObject({
      method: 'notifications/cancelled',
      params: { requestId: asked?.id, reason: 'never mind' },
    });
    expect(more).toEqual([]);
  });

  it('and a request of the client may have the same id', async () => {
    const listener = client.attach();
    const reader = client.call(request('5'));
    harness.server.say(request('5', 'roots/list'));
    await settle();
    const asked = [...listener.lines, ...reader.lines].find(({ method }) => method === 'roots/list');
    await client.note(`{"jsonrpc":"2.0","id":${asked?.id},"result":{"roots":[]}}`);
    harness.server.answer(harness.server.id('tools/call'), { mine: 1 });
    await settle();
    expect(harness.server.texts.at(-1)).toBe('{"jsonrpc":"2.0","id":5,"result":{"roots":[]}}');
    expect(reader.lines.at(-1)).toEqual({ jsonrpc: '2.0', id: 5, result: { mine: 1 } });
  });
});
