/** What hostile clients and servers try on the lane of legacy clients on a modern server. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Harness, request, settle, type TestClient } from './harness.ts';
import { inputRequired, modernHarness } from './modern-server.ts';

let harness: Harness;
let client: TestClient;

beforeEach(async () => {
  harness = modernHarness();
  client = await harness.session({ capabilities: '{"roots":{}}' });
});
afterEach(() => harness.close());

/** An answer whose value is nested so deeply. */
function nested(depth: number): string {
  return `{"roots":[],"x":${'['.repeat(depth)}${']'.repeat(depth)}}`;
}

describe('an answer of the client', () => {
  it.each([10, 60, 100])('nested %i levels deep ends the call in some way', async (depth) => {
    const reader = client.call(request('1', 'tools/call', '{"name":"a"}'));
    await settle();
    harness.server.answer(harness.server.id('tools/call'), inputRequired({ r: { method: 'roots/list' } }));
    await settle();
    const id = reader.lines.at(-1)?.id;
    await client.note(`{"jsonrpc":"2.0","id":${id},"result":${nested(depth)}}`);
    await settle();
    harness.server.answer(harness.server.id('tools/call'), { content: [] });
    await settle();
    expect(reader.ends).toEqual(['complete']);
  });
});

describe('an answer of the server', () => {
  it.each([
    '{"jsonrpc":"2.0","id":ID,"error":null}',
    '{"jsonrpc":"2.0","id":ID,"error":{"code":{"toString":1}}}',
    '{"jsonrpc":"2.0","id":ID,"result":null}',
    '{"jsonrpc":"2.0","id":ID,"result":{"resultType":{"toString":1}}}',
    '{"jsonrpc":"2.0","id":ID,"result":{"resultType":"input_required","inputRequests":{"__proto__":{"method":"roots/list","params":{}}}}}',
    '{"jsonrpc":"2.0","id":ID,"result":{"resultType":"input_required","inputRequests":{"\\ud800":{"method":"roots/list"}},"requestState":"\\ud800"}}',
    '{"jsonrpc":"2.0","id":ID,"result":{"resultType":"input_required","inputRequests":{"a":{"method":"constructor","params":{}}}}}',
  ])('%s ends the call in some way', async (text) => {
    const reader = client.call(request('1', 'tools/call', '{"name":"a"}'));
    await settle();
    const id = harness.server.id('tools/call');
    harness.server.say(text.replace('ID', String(id)));
    await settle();
    const asked = reader.lines.at(-1);
    if (asked?.method === 'roots/list') {
      await client.note(`{"jsonrpc":"2.0","id":${asked.id},"result":{"roots":[]}}`);
      await settle();
      harness.server.answer(harness.server.id('tools/call'), { content: [] });
      await settle();
    }
    expect(reader.ends).toEqual(['complete']);
  });
});
