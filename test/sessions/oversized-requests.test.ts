/** What a server says beyond the limit of a line: an answer fails its call, a request fails nobody's and is refused to the server. */
import { afterEach, expect, it } from 'vitest';
import { Harness, request, settle, type TestReader } from './harness.ts';

/** More than a line may have. */
const PAD = 'x'.repeat(16 * 1024 * 1024);

let harness: Harness;
afterEach(() => harness.close());

async function call(): Promise<TestReader> {
  harness = new Harness();
  const client = await harness.session();
  const reader = client.call(request('1'));
  await settle();
  return reader;
}

it.each(['before', 'after'])(
  'a request whose id stands %s its parameters leaves the call of that id alone',
  async (where) => {
    const reader = await call();
    const id = harness.server.id('tools/call');
    const params = { pad: PAD };
    const asked = { jsonrpc: '2.0', method: 'sampling/createMessage' };
    harness.server.say(where === 'before' ? { ...asked, id, params } : { ...asked, params, id });
    await settle();
    expect(reader.events).toEqual([]);
    expect(harness.server.lines.at(-1)).toMatchObject({ id, error: { code: -32000 } });
    expect(harness.server.lines.at(-1)?.error.message).toContain('bytes');
    harness.server.answer(id, { real: true });
    await settle();
    expect(reader.lines).toMatchObject([{ id: 1, result: { real: true } }]);
  },
);

it('a request is refused under the very id that it has', async () => {
  await call();
  harness.server.say(`{"jsonrpc":"2.0","id":"é\\u0061","method":"roots/list","params":{"pad":"${PAD}"}}`);
  await settle();
  expect(harness.server.texts.at(-1)).toContain('"id":"é\\u0061","error"');
});

it.each(['', '"id":{},', '"id":null,', `"id":"${'i'.repeat(100)}",`])(
  'a message with a method and without an id that can be answered (%.20s) is thrown away',
  async (id) => {
    const reader = await call();
    const before = harness.server.lines.length;
    harness.server.say(`{"jsonrpc":"2.0",${id}"method":"m","params":{"pad":"${PAD}"}}`);
    await settle();
    expect([harness.server.lines.length - before, reader.events]).toEqual([0, []]);
  },
);

it('an answer fails its own call', async () => {
  const reader = await call();
  harness.server.answer(harness.server.id('tools/call'), { method: 'm', pad: PAD });
  await settle();
  expect(reader.lines).toMatchObject([{ id: 1, error: { data: { code: 'message-too-large' } } }]);
});
