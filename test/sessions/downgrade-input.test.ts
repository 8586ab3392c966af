/** A modern server asks back in its result; a legacy client is asked with requests, and the call goes on with its answers. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MOST_ROUNDS, STATE_ONLY_WAIT } from '../../src/sessions/lanes/downgrade/call.ts';
import { ANSWER_WAIT } from '../../src/sessions/lanes/downgrade/input-round.ts';
import { type Harness, type Line, request, settle, type TestClient, type TestReader } from './harness.ts';
import { inputRequired, modernHarness } from './modern-server.ts';

const EVERYTHING = '{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{"listChanged":true}}';
const FORM = {
  method: 'elicitation/create',
  params: { message: 'Name?', requestedSchema: { type: 'object', properties: {} } },
};
const VISIT = {
  method: 'elicitation/create',
  params: { mode: 'url', message: 'Go', url: 'https://a.example' },
};
const SAMPLE = { method: 'sampling/createMessage', params: { messages: [], maxTokens: 5 } };
const ROOTS = { method: 'roots/list' };

/** Params of a call that is nearly as large as one may be. */
const LARGE = `{"name":"a","pad":"${'x'.repeat(4 * 1024 * 1024 - 200)}"}`;

let harness: Harness;
let client: TestClient;

beforeEach(async () => {
  harness = modernHarness();
  client = await harness.session({ capabilities: EVERYTHING });
});
afterEach(() => harness.close());

/** The newest message that the server got of a method. */
function newest(method = 'tools/call'): Line {
  const line = harness.server.of(method).at(-1);
  if (!line) throw new Error(`the server got no ${method}`);
  return line;
}

async function call(text = request('1', 'tools/call', '{"name":"a","n":1.0}')): Promise<TestReader> {
  const reader = client.call(text);
  await settle();
  return reader;
}

async function ask(result: object, method = 'tools/call'): Promise<void> {
  harness.server.answer(newest(method).id, result);
  await settle();
}

async function reply(to: Line | undefined, body: string): Promise<void> {
  await client.note(`{"jsonrpc":"2.0","id":${JSON.stringify(to?.id)},${body}}`);
  await settle();
}

describe('a round', () => {
  it('is asked on the stream of the call, though others are open, under ids of ours', async () => {
    const [listener, other] = [client.attach(), await call(request('0'))];
    const reader = await call();
    await ask(inputRequired({ who: FORM, where: ROOTS, what: SAMPLE }));
    expect([listener.events.length, other.events.length]).toEqual([0, 0]);
    expect(reader.lines).toEqual([
      { jsonrpc: '2.0', id: 1, ...FORM },
      { jsonrpc: '2.0', id: 2, ...ROOTS },
      { jsonrpc: '2.0', id: 3, ...SAMPLE },
    ]);
  });

  it('ends when all is answered, in whatever order, with the same call once more', async () => {
    const reader = await call();
    await ask(inputRequired({ who: FORM, where: ROOTS }, 'st"ate'));
    const [form, roots] = reader.lines;
    await reply(roots, '"result":{"roots":[]}');
    expect(harness.server.of('tools/call')).toHaveLength(1);
    await reply(form, '"result":{"action":"accept","content":{"n":1}}');
    expect(newest()).toMatchObject({
      id: 3,
      params: {
        name: 'a',
        inputResponses: { who: { action: 'accept', content: { n: 1 } }, where: { roots: [] } },
        requestState: 'st"ate',
      },
    });
    await ask({ resultType: 'complete', content: [] });
    expect(reader.lines.at(-1)).toEqual({ jsonrpc: '2.0', id: 1, result: { content: [] } });
  });

  it('carries questions, answers, state and the call itself byte for byte', async () => {
    const reader = await call(request('1', 'tools/call', '{ "name":"a","n":1e400 }'));
    const params =
      '{ "message":"\\u0061","requestedSchema":{"type":"object","properties":{},"n":9007199254740993} }';
    harness.server.say(
      `{"jsonrpc":"2.0","id":2,"result":{"resultType":"input_required","requestState":"\\u0061\\/b","inputRequests":{"k":{"params":${params},"method":"elicitation/create"}}}}`,
    );
    await settle();
    expect(reader.texts).toEqual([
      `{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":${params}}`,
    ]);
    await reply(reader.lines[0], '"result":{ "action":"accept","content":{"n":1.0} }');
    const text = harness.server.texts.at(-1);
    expect(text).toContain(
      '"inputResponses":{"k":{ "action":"accept","content":{"n":1.0} }},"requestState":"\\u0061\\/b", "name":"a","n":1e400 }}',
    );
  });

  it('gives a visit to a URL an id, as the legacy era wants it', async () => {
    const reader = await call();
    await ask(inputRequired({ go: VISIT }));
    expect(reader.lines[0]?.params).toEqual({
      ...VISIT.params,
      elicitationId: expect.stringMatching(/^[\w-]{36}$/),
    });
  });

  it('with nothing but a state is repeated after a moment', async () => {
    const reader = await call();
    await ask(inputRequired(undefined, 's'));
    harness.clock.advance(STATE_ONLY_WAIT - 1);
    await settle();
    expect(harness.server.of('tools/call')).toHaveLength(1);
    harness.clock.advance(1);
    await settle();
    expect(newest().params).toMatchObject({ name: 'a', requestState: 's' });
    expect(newest().params).not.toHaveProperty('inputResponses');
    expect(reader.events).toEqual([]);
  });

  it('without a state is repeated without one, and no state outlives its round', async () => {
    const reader = await call();
    await ask(inputRequired({ a: ROOTS }, 'one'));
    await reply(reader.lines[0], '"result":{"roots":[]}');
    await ask(inputRequired({ b: ROOTS }));
    await reply(reader.lines[1], '"result":{"roots":[]}');
    expect(newest().params).toMatchObject({ inputResponses: { b: { roots: [] } } });
    expect(newest().params).not.toHaveProperty('requestState');
    expect(newest().params.inputResponses).not.toHaveProperty('a');
  });

  it.each([
    ['prompts/get', '{"name":"p"}'],
    ['resources/read', '{"uri":"a:b"}'],
  ])('may be of %s', async (method, params) => {
    const reader = await call(request('1', method, params));
    await ask(inputRequired({ a: ROOTS }), method);
    await reply(reader.lines[0], '"result":{"roots":[]}');
    expect(newest(method).params).toMatchObject({
      ...JSON.parse(params),
      inputResponses: { a: { roots: [] } },
    });
  });

  it('keeps the token of the call, and its progress', async () => {
    const reader = await call(request('1', 'tools/call', '{"name":"a","_meta":{"progressToken":"t"}}'));
    await ask(inputRequired({ a: ROOTS }));
    await reply(reader.lines[0], '"result":{"roots":[]}');
    const { id, params } = newest();
    expect(params._meta.progressToken).toBe(id);
    harness.server.notify('notifications/progress', { progressToken: id, progress: 1 });
    await settle();
    expect(reader.lines.at(-1)?.params).toEqual({ progressToken: 't', progress: 1 });
  });

  it('does not count against the deadline of the call, whose time begins anew with its repetition', async () => {
    await harness.close();
    harness = modernHarness({ limits: { requestTimeout: 60_000 } });
    client = await harness.session({ capabilities: EVERYTHING });
    const reader = await call();
    await ask(inputRequired({ a: ROOTS }));
    harness.clock.advance(ANSWER_WAIT - 1_000);
    await reply(reader.lines[0], '"result":{"roots":[]}');
    harness.clock.advance(58_000);
    expect(reader.lines).toHaveLength(1);
    harness.clock.advance(3_000);
    expect(reader.lines[1]).toMatchObject({ error: { data: { code: 'request-timeout' } } });
  });

  it('on a connection is asked on the connection', async () => {
    const single = harness.client({}, { delivery: 'single' });
    const stream = single.attach();
    await single.initialize('2025-06-18', EVERYTHING);
    single.call(request('1'));
    await settle();
    const server = harness.servers[1];
    server?.answer(server.id('tools/call'), inputRequired({ a: ROOTS }));
    await settle();
    expect(stream.lines.at(-1)).toEqual({ jsonrpc: '2.0', id: 1, method: 'roots/list' });
  });

  it('reaches a client that comes back for its stream', async () => {
    const reader = await call();
    reader.attachment?.detach();
    await ask(inputRequired({ a: ROOTS }));
    const again = client.attach(reader.stream, 0);
    expect(again.lines).toMatchObject([{ id: 1, method: 'roots/list' }]);
  });
});

describe('several calls', () => {
  it('are asked each on its own stream, and answered by id', async () => {
    const readers = [await call(request('1')), await call(request('2'))];
    for (const { id } of harness.server.of('tools/call'))
      harness.server.answer(id, inputRequired({ [`k${id}`]: ROOTS }));
    await settle();
    expect(readers.map(({ lines }) => lines.map(({ id }) => id))).toEqual([[1], [2]]);
    await reply({ id: 2 }, '"result":{"roots":[]}');
    expect(newest().params.inputResponses).toEqual({ k3: { roots: [] } });
  });

  it('an answer to nothing, and a second answer, are dropped', async () => {
    const reader = await call();
    await ask(inputRequired({ a: ROOTS, b: ROOTS }));
    for (const id of [99, 1, 1, '2']) await reply({ id }, '"result":{"roots":[]}');
    expect(harness.server.of('tools/call')).toHaveLength(1);
    await reply({ id: 2 }, '"result":{"roots":[]}');
    expect(harness.server.of('tools/call')).toHaveLength(2);
    expect(reader.lines).toHaveLength(2);
  });
});

describe('input that cannot be had', () => {
  const REFUSAL = '"error":{"code":-1,"message":"no thanks"}';

  it.each([
    ['tools/call', { result: { content: [{ type: 'text', text: expect.any(String) }], isError: true } }],
    ['prompts/get', { error: { code: -32603, message: expect.any(String) } }],
    ['resources/read', { error: { code: -32603, message: expect.any(String) } }],
  ])('makes %s fail in its own way, and the other questions are taken back', async (method, failure) => {
    const reader = await call(request('1', method, '{"name":"a","uri":"a:b"}'));
    await ask(inputRequired({ a: ROOTS, b: SAMPLE }), method);
    await reply(reader.lines[1], REFUSAL);
    expect(reader.lines.slice(2)).toEqual([
      {
        jsonrpc: '2.0',
        method: 'notifications/cancelled',
        params: { requestId: 1, reason: expect.any(String) },
      },
      { jsonrpc: '2.0', id: 1, ...failure },
    ]);
    expect(harness.server.of(method)).toHaveLength(1);
  });

  it('says what the client said', async () => {
    const reader = await call();
    await ask(inputRequired({ a: ROOTS }));
    await reply(reader.lines[0], REFUSAL);
    expect(reader.texts.at(-1)).toContain('no thanks');
  });

  it('because nobody answers in time', async () => {
    const reader = await call();
    await ask(inputRequired({ a: ROOTS, b: ROOTS }));
    harness.clock.advance(ANSWER_WAIT - 1_000);
    expect(reader.lines).toHaveLength(2);
    harness.clock.advance(1_000);
    expect(reader.lines.slice(2).map(({ method }) => method)).toEqual([
      'notifications/cancelled',
      'notifications/cancelled',
      undefined,
    ]);
    expect(reader.lines.at(-1)).toMatchObject({ id: 1, result: { isError: true } });
    await reply(reader.lines[0], '"result":{"roots":[]}');
    expect(harness.server.of('tools/call')).toHaveLength(1);
  });

  it.each([
    ['{"sampling":{},"roots":{}}', 'elicitation/create', FORM],
    ['{"elicitation":{}}', 'elicitation/create', VISIT],
    ['{"elicitation":{"url":{}}}', 'elicitation/create', FORM],
    ['{"elicitation":{},"roots":{}}', 'sampling/createMessage', SAMPLE],
    ['{"sampling":{}}', 'sampling/createMessage', { ...SAMPLE, params: { ...SAMPLE.params, tools: [] } }],
    ['{"sampling":{}}', 'roots/list', ROOTS],
  ])('because the client declared %s only: nothing is asked for %s', async (capabilities, method, entry) => {
    client = await harness.session({ capabilities });
    harness.servers.shift();
    const reader = await call();
    await ask(inputRequired({ fine: entry, other: entry }));
    expect(reader.lines).toMatchObject([{ id: 1, result: { isError: true } }]);
    expect(reader.texts[0]).toContain(method);
  });

  it('because URLs came with 2025-11-25', async () => {
    client = await harness.session({ version: '2025-06-18', capabilities: EVERYTHING });
    harness.servers.shift();
    const reader = await call();
    await ask(inputRequired({ a: VISIT }));
    expect(reader.lines).toMatchObject([{ id: 1, result: { isError: true } }]);
  });

  it('because the server never has enough', async () => {
    const reader = await call();
    for (let round = 0; round < MOST_ROUNDS; round++) {
      await ask(inputRequired({ a: ROOTS }, `s${round}`));
      await reply(reader.lines.at(-1), '"result":{"roots":[]}');
    }
    expect(harness.server.of('tools/call')).toHaveLength(MOST_ROUNDS + 1);
    await ask(inputRequired({ a: ROOTS }));
    expect(reader.lines.at(-1)).toMatchObject({ id: 1, result: { isError: true } });
    expect(reader.texts.at(-1)).toContain(String(MOST_ROUNDS));
  });

  it.each([
    ['nothing at all', {}],
    ['no requests', { inputRequests: {} }],
    ['requests that are none', { inputRequests: [] }],
    ['a request that is none', { inputRequests: { a: 5 } }],
    ['a method that does not exist', { inputRequests: { a: { method: 'ping', params: {} } } }],
    ['no params', { inputRequests: { a: { method: 'sampling/createMessage' } } }],
    ['params that are none', { inputRequests: { a: { method: 'roots/list', params: [] } } }],
    [
      'a mode that does not exist',
      { inputRequests: { a: { method: 'elicitation/create', params: { mode: 'x' } } } },
    ],
    ['a state that is none', { inputRequests: { a: ROOTS }, requestState: 5 }],
    [
      'too many requests',
      { inputRequests: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [n, ROOTS])) },
    ],
  ])('because the server asks for %s: an internal error', async (_what, members) => {
    const reader = await call();
    await ask({ resultType: 'input_required', ...members });
    expect(reader.lines).toMatchObject([{ id: 1, error: { code: -32603 } }]);
  });
});

describe('a call that ends while the client is asked', () => {
  let reader: TestReader;
  beforeEach(async () => {
    reader = await call();
    await ask(inputRequired({ a: ROOTS, b: ROOTS }));
    await reply(reader.lines[1], '"result":{"roots":[]}');
  });

  it('cancelled by the client, takes its open questions back and is not repeated', async () => {
    await client.cancel('1');
    await settle();
    expect(reader.lines.slice(2)).toEqual([
      {
        jsonrpc: '2.0',
        method: 'notifications/cancelled',
        params: { requestId: 1, reason: 'cancelled by the client' },
      },
    ]);
    await reply(reader.lines[0], '"result":{"roots":[]}');
    expect(harness.server.lines).toHaveLength(2);
  });

  it('with the session, is answered with why', async () => {
    await client.end();
    expect(reader.lines.slice(2)).toMatchObject([
      { method: 'notifications/cancelled' },
      { id: 1, error: { data: { code: 'unknown-session' } } },
    ]);
  });

  it('with its server, is answered with why', async () => {
    harness.server.process.crash({ code: 3, signal: null });
    await settle();
    expect(reader.lines.at(-1)).toMatchObject({ id: 1, error: { data: { code: 'process-exited' } } });
  });

  it('leaves no timer behind', async () => {
    await client.end();
    harness.clock.advance(2 * ANSWER_WAIT);
    expect(reader.lines).toHaveLength(4);
  });
});

it('a pause before a repetition ends with the call', async () => {
  await call();
  await ask(inputRequired(undefined, 's'));
  await client.cancel('1');
  harness.clock.advance(STATE_ONLY_WAIT);
  await settle();
  expect(harness.server.lines).toHaveLength(2);
});

it('a state, and answers, that are too large to be kept fail their call', async () => {
  for (let n = 0; n < 7; n++) await call(request(`${n}`, 'tools/call', LARGE));
  const state = await call(request('"s"'));
  await ask(inputRequired(undefined, 'x'.repeat(5 * 1024 * 1024)));
  expect(state.lines).toMatchObject([{ id: 's', result: { isError: true } }]);
  const answers = await call(request('"a"'));
  await ask(inputRequired({ a: ROOTS, b: ROOTS }));
  for (const line of answers.lines) await reply(line, `"result":{"pad":"${'x'.repeat(3 * 1024 * 1024)}"}`);
  expect(answers.lines.at(-1)).toMatchObject({ id: 'a', result: { isError: true } });
  const small = await call(request('"b"'));
  await ask(inputRequired({ a: ROOTS }, 's'));
  await reply(small.lines[0], '"result":{"roots":[]}');
  expect(newest().params.requestState).toBe('s');
});

it('calls too large to be kept for a repetition are served, but cannot be asked back', async () => {
  const readers = [];
  for (let n = 0; n < 9; n++) {
    readers.push(await call(request(`${n}`, 'tools/call', LARGE)));
  }
  for (const { id } of harness.server.of('tools/call'))
    harness.server.answer(id, inputRequired({ a: ROOTS }));
  await settle();
  expect(readers.map(({ lines }) => lines[0]?.method)).toEqual([...Array(8).fill('roots/list'), undefined]);
  expect(readers[8]?.lines).toMatchObject([{ id: 8, result: { isError: true } }]);
});
